// Proves, in child processes, that root is given up for good and that low ports can still be bound by workers started later.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { currentCapabilities, currentUser, dropPrivileges } from '#system';
import type { PrivilegePlan } from '#system';

const isRoot = process.getuid?.() === 0;

interface Report {
  result: { ok: boolean; kept?: string[]; warning?: string; message?: string };
  uid: number;
  gid: number;
  groups: number[];
  canReturn: boolean;
  worker: { bound: string; effective: string[]; ambient: string[]; uid: number };
  main: { permitted: string[] };
}

/** Drops in a child process; a worker started afterwards tries the ports 1 to 1023 of 127.0.0.1 and reports. */
function dropInChild(plan: Omit<PrivilegePlan, 'capabilities'> & { capabilities?: string }, o: { ffi: boolean } = { ffi: true }): Report {
  const worker = `
    import { parentPort } from 'node:worker_threads'; import net from 'node:net'; import fs from 'node:fs';
    const status = fs.readFileSync('/proc/thread-self/status', 'latin1');
    const mask = (f) => [...new RegExp('^' + f + ':\\\\s*(\\\\w+)', 'm').exec(status)].slice(1).map((h) => BigInt('0x' + h).toString());
    const attempt = (port) => {
      const server = net.createServer();
      server.once('error', (e) => e.code === 'EADDRINUSE' && port > 1 ? attempt(port - 1) : done(e.code));
      server.listen({ port, host: '127.0.0.1', reusePort: true }, () => { server.close(); done('bound'); });
    };
    const done = (bound) => parentPort.postMessage({ bound, effective: mask('CapEff'), ambient: mask('CapAmb'), uid: process.getuid() });
    attempt(1023);`;
  const code = `
    import { Worker } from 'node:worker_threads';
    import { configureSystem, currentCapabilities, dropPrivileges } from '#system';
    configureSystem(${JSON.stringify(o)});
    const result = dropPrivileges({ capabilities: undefined, ...${JSON.stringify(plan)} });
    let canReturn = true;
    try { process.setuid(0); } catch { canReturn = false; }
    const base = { result, uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(), canReturn };
    new Worker(${JSON.stringify(worker)}, { eval: true }).on('message', (worker) => {
      console.log(JSON.stringify({ ...base, worker, main: currentCapabilities() }));
    });`;
  const child = spawnSync(process.execPath, ['-C', 'impetus-source', '--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(child.stderr, '');
  return JSON.parse(child.stdout) as Report;
}

const netBindMask = String(1 << 10);
const nobody = { user: 'nobody', group: 'nogroup', supplementalGroups: [] };

test(
  'SEC-01 SEC-02 root becomes the user for good, keeps cap_net_bind_service alone, and a later worker binds a low port',
  { skip: !isRoot && 'needs root' },
  () => {
    const report = dropInChild(nobody);
    assert.deepEqual(report.result, { ok: true, uid: 65_534, gid: 65_534, kept: ['cap_net_bind_service'] });
    assert.deepEqual([report.uid, report.gid, report.groups, report.canReturn], [65_534, 65_534, [65_534], false]);
    assert.deepEqual(report.worker, { bound: 'bound', effective: [netBindMask], ambient: [netBindMask], uid: 65_534 });
  },
);

test('SEC-01 SEC-02 supplemental groups and listed capabilities are kept besides', { skip: !isRoot && 'needs root' }, () => {
  const report = dropInChild({ ...nobody, supplementalGroups: ['daemon', '7'], capabilities: 'cap_net_raw+ep' });
  assert.deepEqual(report.result.kept, ['cap_net_bind_service', 'cap_net_raw']);
  assert.deepEqual([...report.groups].sort(), [1, 65_534, 7]);
  assert.deepEqual(report.main.permitted, ['cap_net_bind_service', 'cap_net_raw']);
  assert.equal(report.worker.bound, 'bound');
});

test('SEC-02 a listed capability that the process never had is told and does not stop the start', { skip: !isRoot && 'needs root' }, () => {
  const all = currentCapabilities()?.permitted ?? [];
  const report = dropInChild({ ...nobody, capabilities: '=ep cap_setuid-ep' });
  assert.deepEqual([...(report.result.kept ?? [])].sort(), all.filter((name) => name !== 'cap_setuid').sort());
  assert.equal(report.result.warning === undefined, all.length === 41);
  assert.equal(report.canReturn, false);
});

test(
  'SEC-02 without native calls root is given up all the same, with a warning, and low ports are lost',
  { skip: !isRoot && 'needs root' },
  () => {
    const report = dropInChild(nobody, { ffi: false });
    assert.equal(report.result.ok, true);
    assert.match(report.result.warning ?? '', /below 1024/);
    assert.deepEqual([report.uid, report.canReturn, report.worker.bound], [65_534, false, 'EACCES']);
  },
);

test('SEC-01 an unknown user, group or capability is refused by name', { skip: !isRoot && 'needs root' }, () => {
  assert.match(dropInChild({ ...nobody, user: 'no-such-user' }).result.message ?? '', /become user "no-such-user"/);
  assert.match(dropInChild({ ...nobody, group: 'no-such-group' }).result.message ?? '', /use group "no-such-group"/);
  assert.match(dropInChild({ ...nobody, capabilities: 'cap_fly+ep' }).result.message ?? '', /"cap_fly"/);
});

test('SEC-02 who is not root cannot change the user, and is told so', () => {
  if (isRoot) {
    const code = `import { dropPrivileges } from '#system'; process.setuid('nobody');
      console.log(JSON.stringify(dropPrivileges({ user: 'daemon', group: 'daemon', supplementalGroups: [], capabilities: undefined })));`;
    const child = spawnSync(process.execPath, ['-C', 'impetus-source', '--input-type=module', '-e', code], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.match(child.stdout, /only root can change the user/);
  } else {
    const result = dropPrivileges({ ...nobody, capabilities: undefined });
    assert.ok(!result.ok);
  }
});

test('the current user is known by number, and by name where there is one', () => {
  const user = currentUser();
  assert.equal(user.uid, process.getuid?.());
  assert.equal(user.isRoot, user.uid === 0);
  if (isRoot) assert.equal(user.name, 'root');
});
