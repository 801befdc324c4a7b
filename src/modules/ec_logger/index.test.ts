/*
 * ec_logger on real files in a folder of its own, with a clock that moves when told.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { systemLogFs, Writer, type MailRecord } from '#observe';
import { openEcLogger } from './index.ts';

const at = 1_700_000_000_000;
const ids = { at, messageId: 'M', batchId: 'B', connectionId: 'C' };
const people = { recipientLocal: 'bob', recipientDomain: 'a.test', senderLocal: 'info', senderDomain: 'b.test' };
const addressed = { sender: 'info@b.test', recipient: 'bob@a.test', messageSize: 10, facts: [] };
const path = {
  domain: 'a.test',
  size: 10,
  bindingGroup: 'default',
  binding: 'default',
  retries: 0,
  elapsedMs: 5,
  remoteIp: '10.0.0.1',
  ...addressed,
};
const records: MailRecord[] = [
  {
    kind: 'R',
    ...ids,
    ...people,
    remoteIp: '10.0.1.1',
    size: 10,
    protocol: 'esmtp',
    bindingGroup: 'default',
    binding: 'default',
    facts: [],
  },
  { kind: 'D', ...ids, ...path, reply: '250 ok' },
  { kind: 'T', ...ids, ...path, stage: 0, reply: '421 later', isBounce: true },
  { kind: 'P', ...ids, ...path, stage: 5, reply: '550 no', isBounce: true },
  {
    kind: 'J',

    at,
    remoteIp: '10.0.0.9',
    remotePort: 1,
    localIp: '10.0.0.1',
    localPort: 25,
    connectionId: 'C',
    pathway: 'default',
    pathwayGroup: 'default',
    phase: 'awaiting rcpt',
    code: 550,
    module: '',
    contextConnection: [],
    contextMessage: [],
    text: 'relaying denied',
  },
];

function setUp(t: TestContext, scopes: Record<string, Record<string, unknown>>) {
  const dir = mkdtempSync(join(tmpdir(), 'ec-logger-'));
  const clock = new ManualClock(at);
  const timers = new TimerWheel({ clock });
  const open = Object.entries(scopes).map(([instance, options]) => {
    const placed = Object.entries(options).map(([key, value]) => [key, typeof value === 'string' ? value.replaceAll('{dir}', dir) : value]);
    return { instance, options: Object.fromEntries(placed) as Record<string, unknown> };
  });
  const writer = new Writer({ clock, timers, fs: systemLogFs, loggers: (ports) => open.map((scope) => openEcLogger(scope, ports)) });
  t.after(() => {
    writer.close();
    rmSync(dir, { recursive: true });
  });
  const read = (name: string): string[] => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1);
  const pass = (ms: number): void => {
    clock.advance(ms);
    timers.advance();
    writer.ports.files.flush();
  };
  return { dir, writer, clock, read, pass, flush: () => writer.ports.files.flush() };
}

const three = { mainlog: '{dir}/mainlog.ec', rejectlog: 'file://{dir}/rejectlog.ec', paniclog: '{dir}/paniclog.ec' };

test('LOG-20 LOG-02 records go to mainlog and rejectlog, diagnostics to paniclog, files get their mode', (t) => {
  const { dir, writer, read, flush } = setUp(t, { main: { ...three, mainlogMode: 0o640, paniclogMode: 0o600 } });
  writer.record(records);
  writer.panic({ at, level: 'ERROR', source: 'NET', isModule: false, text: 'cannot listen' });
  flush();
  assert.deepEqual(
    read('mainlog.ec').map((line) => line.split('@')[4]),
    ['R', 'D', 'T', 'P'],
  );
  assert.equal(read('rejectlog.ec').length, 1);
  assert.deepEqual(read('paniclog.ec'), ['1700000000:NET: cannot listen']);
  assert.equal(statSync(join(dir, 'mainlog.ec')).mode & 0o777, 0o640);
  assert.equal(statSync(join(dir, 'paniclog.ec')).mode & 0o777, 0o600);
  assert.equal(statSync(join(dir, 'rejectlog.ec')).mode & 0o777, 0o644);
});

for (const [option, kind] of [
  ['logReceptions', 'R'],
  ['logDeliveries', 'D'],
  ['logTransientFailures', 'T'],
  ['logPermanentFailures', 'P'],
] as const) {
  test(`LOG-20 ${option} off leaves out the ${kind} lines and no others`, (t) => {
    const { writer, read, flush } = setUp(t, { main: { ...three, [option]: false } });
    writer.record(records);
    flush();
    assert.deepEqual(
      read('mainlog.ec').map((line) => line.split('@')[4]),
      ['R', 'D', 'T', 'P'].filter((letter) => letter !== kind),
    );
  });
}

test('LOG-20 log_rejections and log_errors off leave rejectlog and paniclog empty', (t) => {
  const { writer, read, flush } = setUp(t, { main: { ...three, logRejections: false, logErrors: false } });
  writer.record(records);
  writer.panic({ at, level: 'CRITICAL', source: 'NET', isModule: false, text: 'x' });
  flush();
  assert.deepEqual([read('rejectlog.ec'), read('paniclog.ec'), read('mainlog.ec').length], [[], [], 4]);
});

test('LOG-20 two instances on the same files write each line twice, whole', (t) => {
  const { writer, read, flush } = setUp(t, { a: three, b: three });
  writer.record(records.slice(0, 1));
  flush();
  const lines = read('mainlog.ec');
  assert.equal(lines.length, 2);
  assert.equal(lines[0], lines[1]);
});

test('LOG-11 a marker is written each heartbeat to mainlog and rejectlog, and none when heartbeat is 0', (t) => {
  const { read, pass } = setUp(t, {
    main: { ...three, heartbeat: 60 },
    quiet: { mainlog: '{dir}/quiet.ec', rejectlog: '', paniclog: '', heartbeat: 0 },
  });
  pass(59_000);
  assert.deepEqual(read('mainlog.ec'), []);
  pass(1_010);
  pass(60_010);
  assert.deepEqual(read('mainlog.ec'), ['1700000060@@@@M1', '1700000120@@@@M1']);
  assert.deepEqual(read('rejectlog.ec'), ['1700000060: Marker 1', '1700000120: Marker 1']);
  assert.deepEqual(read('quiet.ec'), []);
});

test('LOG-11 the marker comes every 60 seconds unless said otherwise', (t) => {
  const { read, pass } = setUp(t, { main: three });
  pass(60_010);
  assert.equal(read('mainlog.ec').length, 1);
});

test('LOG-22 a target of a scheme that no module brings is named in one warning, gets nothing, and no file of that name is made', (t) => {
  const { dir, writer, read, flush, pass } = setUp(t, {
    ec_logger_rt: {
      mainlog: 'jlog:///{dir}/mainlog.rt=>ec_rt_stats',
      rejectlog: 'cluster:///{dir}/reject=>master',
      paniclog: '{dir}/paniclog.ec',
    },
    other: { mainlog: 'syslog://?facility=mail', rejectlog: 'pipe:///bin/cat', paniclog: 'eccmgrio://x' },
  });
  writer.record(records);
  flush();
  pass(120_000);
  assert.deepEqual(readdirSync(dir), ['paniclog.ec']);
  const lines = read('paniclog.ec');
  assert.deepEqual(lines, [
    '1700000000:LOG1: ec_logger "ec_logger_rt": not written: mainlog (jlog:// does not work here), rejectlog (cluster:// does not work here)',
    '1700000000:LOG1: ec_logger "other": not written: mainlog (syslog:// does not work here), rejectlog (pipe:// does not work here), paniclog (eccmgrio:// does not work here)',
  ]);
});

test('LOG-20 LOG-01 importlog, when it is given, has the six fields of the manual, with its Importlog_Mode; a hostile name stays one field', (t) => {
  const { dir, read, writer, flush } = setUp(t, { '': { ...three, importlog: '{dir}/importlog.ec', importlogMode: 0o600 } });
  const from = { kind: 'I', at: 1064869327_000, directory: '/var/spool/my-alternative-spool' } as const;
  const id = '00/00-25004-31B987F3';
  writer.record([
    { ...from, originalId: id, messageId: id, result: 1 },
    { ...from, originalId: 'a@b\n\\', messageId: '', result: 2 },
  ]);
  flush();
  assert.deepEqual(read('importlog.ec'), [
    `1064869327@${id}@I@${id}@1@/var/spool/my-alternative-spool`,
    '1064869327@a\\@b\\n\\\\@I@@2@/var/spool/my-alternative-spool',
  ]);
  assert.equal(statSync(join(dir, 'importlog.ec')).mode & 0o777, 0o600);
  assert.deepEqual(read('mainlog.ec'), []);
});

test("AUTH-09 AUTH-43 LOG-01 LOG-20 acctlog, when it is given, has the manual's records; hostile text stays one field", (t) => {
  const { read, writer, flush } = setUp(t, { '': { ...three, acctlog: '{dir}/acctlog.ec' } });
  const at = 1_242_133_558_000;
  const tcp = { at, listener: '127.0.0.1:2025', peer: '127.0.0.1:49440', user: 'john' };
  writer.handle({ ...tcp, event: 'N', result: 1 });
  writer.handle({ ...tcp, event: 'Z', result: 0, command: 'summary' });
  writer.handle({ ...tcp, event: 'Z', result: 1, command: 'config set x @ "\n"', role: 'admins' });
  writer.handle({ at, listener: '/tmp/2025', peer: '', user: 'ec-user', event: 'N', result: 1 });
  writer.handle({ ...tcp, user: '', event: 'T', result: 0 });
  flush();
  assert.deepEqual(read('acctlog.ec'), [
    '1242133558@N@127.0.0.1:2025@127.0.0.1:49440@john@1',
    '1242133558@Z@127.0.0.1:2025@127.0.0.1:49440@john@0@summary',
    '1242133558@Z@127.0.0.1:2025@127.0.0.1:49440@john@1@config set x \\@ "\\n"@admins',
    '1242133558@N@/tmp/2025@@ec-user@1',
    '1242133558@T@127.0.0.1:2025@127.0.0.1:49440@@0',
  ]);
});

test('LOG-20 an instance that is not enabled writes nothing and makes no file', (t) => {
  const { dir, writer, flush } = setUp(t, { off: { ...three, enabled: false } });
  writer.record(records);
  flush();
  assert.deepEqual(readdirSync(dir), []);
});

test('RT-07 debug_level of the instance lets its own notices into the paniclog, and only then', (t) => {
  const { read, flush } = setUp(t, { talks: { ...three, debugLevel: 'INFO' } });
  flush();
  assert.match(read('paniclog.ec').join('\n'), /^1700000000:ec_logger: mainlog is .*mainlog\.ec$/m);
  const quiet = setUp(t, { quiet: three });
  quiet.flush();
  assert.deepEqual(quiet.read('paniclog.ec'), []);
});

test('after a rotation by rename, old lines are in the old file and new lines in the new one', (t) => {
  const { dir, writer, read, flush } = setUp(t, { main: three });
  writer.record(records.slice(0, 1));
  renameSync(join(dir, 'mainlog.ec'), join(dir, 'mainlog.ec.1'));
  assert.deepEqual(writer.reopen(), { problems: [], others: [] });
  writer.record(records.slice(1, 2));
  flush();
  assert.deepEqual([read('mainlog.ec.1').length, read('mainlog.ec').length], [1, 1]);
  assert.equal(read('mainlog.ec')[0]?.split('@')[4], 'D');
});
