/**
 * Which uses of an option stop the start because its protection is not there yet, and which do not.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles } from '../files/memory-files.ts';
import { readConfiguration } from '../read-configuration.ts';

function read(text: string) {
  return readConfiguration({ main: '/etc/e.conf', files: memoryFiles({ '/etc/e.conf': text }), searchPath: [] });
}

/** The lines of guards that stop the start. */
function stops(text: string): string[] {
  const { problems } = read(text);
  assert.deepEqual(
    problems.filter((problem) => problem.code !== 'guard-missing').map((problem) => problem.message),
    [],
  );
  return problems.map((problem) => `${problem.at?.line}: ${/Accept_Unimplemented = \( (\S+) \)/.exec(problem.hint ?? '')?.[1] ?? ''}`);
}

function notices(text: string): string {
  return read(text)
    .notices.map((notice) => notice.message)
    .join('\n');
}

test('a console on a TCP address, its mechanisms and its roles stop nothing (CON-10, AUTH-40)', () => {
  const roles = 'AuthorizationParameters = [ uri = "groups:///roles" ] Enable_Authorization = true';
  assert.deepEqual(
    stops(`Control_Listener { Listen "127.0.0.1:2025" { Enable_Authentication = true ${roles} } Peer 10.0.0.1 { Always_Deny = true } }`),
    [],
  );
  assert.deepEqual(stops('Authorization { Role "admin" { Allow = ( ".*" ) } }'), []);
});

test('a Listen that is switched off guards nothing (LSN-04)', () => {
  const roles = 'AuthorizationParameters = [ uri = "groups:///roles" ]';
  assert.deepEqual(stops(`ESMTP_Listener { Listen ":25" { Enable = false ${roles} } Listen ":26" { ${roles} } }`), [
    '1: AuthorizationParameters',
  ]);
});

test('guards inside a listener that is never opened stop nothing; the listener itself is told to have no effect', () => {
  const text =
    'HTTP_Listener { Enable_Authentication = true Use_SSL = true Listen ":80" { Always_Deny = true Peer 10.0.0.1 { TLS_Verify_Mode = require } } }';
  assert.deepEqual(stops(text), []);
  assert.match(notices(text), /HTTP_Listener, with all in it, is accepted and has no effect here/);
  const uses = read(text).uses.map((use) => `${use.name} ${use.status}`);
  assert.deepEqual(uses.slice(0, 3), ['HTTP_Listener inert', 'Enable_Authentication inert', 'Use_SSL inert']);
  assert.ok(uses.includes('Peer inert') && uses.includes('Listen inert'));
});

test('a Peer works for mail and on the console', () => {
  const statusOf = (text: string): string | undefined => read(text).uses.find((use) => use.name === 'Peer')?.status;
  assert.equal(statusOf('ESMTP_Listener { Peer 10.0.0.1 { } }'), 'guards');
  assert.equal(statusOf('Control_Listener { Peer 10.0.0.1 { } }'), 'guards');
  assert.equal(statusOf('Control_Listener { Listen "/run/console" { Peer 10.0.0.1 { } } }'), 'guards');
});

test('of an option that works in part, the values that do not work stop the start', () => {
  assert.deepEqual(stops('Delivery_Method = SMTP\nDomain a.test { Delivery_Method = LMTP }'), []);
  assert.deepEqual(stops('Delivery_Method = ESMTP\nDomain a.test {\n Delivery_Method = GCM\n}'), ['3: Delivery_Method']);
  assert.deepEqual(stops('Enable_DANE = true dane { }'), []);
});

test('a guard whose value restricts nothing does not stop the start (SHP-05, TLSI-02)', () => {
  const idle = [
    'Outbound_Throttle_Messages = 0',
    'Cluster_Outbound_Throttle_Messages = 0',
    'Inbound_Throttle_Messages = "0/60"',
    'Alias_Schemes = ( )',
    'TLS_Enable_DHE_Ciphers = true',
    'TLS_Client_CA = none',
    'ESMTP_Listener { Enable_Authentication = false TLS_Verify_Mode = none Use_SSL = false }',
    'Host mx.test { Max_Outbound_Connections = 2 }',
  ];
  for (const text of idle) assert.deepEqual(stops(text), [], text);
  const busy = [
    'Cluster_Outbound_Throttle_Messages = "3/60"',
    'Alias_Schemes = ( a )',
    'Host mx.test { Cluster_Max_Outbound_Connections = 2 }',
    'Memory_HWM = 80 Host "/x/" { Cluster_Max_Outbound_Connections = 2 }',
  ];
  for (const text of busy) assert.equal(stops(text).length, 1, text);
});

test('what would only open a door that is shut here is accepted without effect', () => {
  const text = '_Unsafe_Spool = true';
  assert.deepEqual(stops(text), []);
  for (const name of ['_Unsafe_Spool']) {
    assert.match(notices(text), new RegExp(`^${name} is accepted and has no effect here: never done`, 'm'));
  }
});
