/* Tests of site.ts.
 * The one rule: what a whole configuration says of the process is read in one place.
 * Facts: RT-06, CFG-12, FB-13. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles, readConfiguration, type Resolver } from '#config';
import { checkSite, debugFlagsOf, hostNameOf, pidFileOf, readSite, resolverOf } from './site.ts';

function of(text: string): Resolver {
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(problems, []);
  return resolverOf(snapshot!);
}

function site(t: TestContext, text: string) {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-site-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'ecelerity.conf'), text);
  return { file: join(dir, 'ecelerity.conf'), environment: {}, isForeground: true };
}

test('RT-06 each level of Debug_Flags lists its subsystems; by default errors and worse of all of them are written', () => {
  const flags = debugFlagsOf(
    of('Debug_Flags { Debug = ( SMTP ) Info = ( DNS ) Notice = ( FD ) Warning = ( NET ) Error = ( MEM ) Critical = ( TIME ) }'),
  );
  const expected = debugFlagsOf(of(''));
  assert.notDeepEqual(flags, expected);
  for (const level of ['Debug', 'Info', 'Notice', 'Warning', 'Error', 'Critical']) {
    const one = debugFlagsOf(of(`Debug_Flags { ${level} = ( SSL ) }`));
    const other = debugFlagsOf(of(`Debug_Flags { ${level} = ( MOD ) }`));
    assert.notDeepEqual(one, other, `${level} = ( SSL ) and ${level} = ( MOD ) are different`);
  }
});

test('openarc: a Keyfile that is no key is said by the check of a configuration, with file and line', async (t) => {
  const arc = 'openarc { signing_domain = "a.test" selector = "s" keyfile = "/nowhere/arc.key" }';
  const said: string[] = [];
  assert.equal(await checkSite(site(t, `Hostname = a.test\n${arc}\n`), (line) => said.push(line)), false);
  assert.match(said.join('\n'), /ecelerity\.conf:2: openarc is refused: Keyfile "\/nowhere\/arc\.key": there is no such file/);
});

test('TLSI-01 a certificate that is not there is said by the check of a configuration, before anything that runs is stopped for it', async (t) => {
  const listener = 'ESMTP_Listener { TLS_Certificate = "/nowhere/a.crt" Listen "127.0.0.1:2525" { } }';
  const said: string[] = [];
  assert.equal(await checkSite(site(t, listener), (line) => said.push(line)), false);
  assert.equal(said[0], 'Cannot use TLS on "127.0.0.1:2525": TLS_Certificate "/nowhere/a.crt" cannot be read: there is no such file');
});

test('Hostname is our own name; without it the name of the machine', () => {
  assert.equal(hostNameOf(of('Hostname = mx.example.test').global()), 'mx.example.test');
  assert.equal(hostNameOf(of('').global()), hostname());
});

test('CFG-12 a site with a problem has no snapshot, but commands still find its pidfile', (t) => {
  const good = readSite(site(t, 'PidFile = "/run/x.pid"'));
  assert.ok(good.snapshot);
  const options = site(t, 'PidFile = "/run/x.pid"\nNo_Such_Option = 1');
  const bad = readSite(options);
  assert.equal(bad.snapshot, undefined);
  assert.match(bad.problems[0] ?? '', /ecelerity\.conf:2:1: Unknown option/);
  assert.equal(pidFileOf(options).pidFile, '/run/x.pid');
});

test('a guard that the operator accepts is listed as not protecting, with its place (Accept_Unimplemented)', (t) => {
  const { snapshot, unprotected, problems } = readSite(
    site(t, 'Cluster_Outbound_Throttle_Messages = 1\nAccept_Unimplemented = ( Cluster_Outbound_Throttle_Messages )'),
  );
  assert.deepEqual(problems, []);
  assert.ok(snapshot);
  assert.match(unprotected[0] ?? '', /^Cluster_Outbound_Throttle_Messages \(.*ecelerity\.conf:1:1\)$/);
});
