/**
 * What only later Momentums, and its package for mobile networks, have: read whole, and honest about its effect.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles } from '../files/memory-files.ts';
import { readConfiguration } from '../read-configuration.ts';

function read(text: string) {
  return readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
}

function guards(text: string): string[] {
  const { problems } = read(text);
  assert.deepEqual(
    problems.filter((problem) => problem.code !== 'guard-missing').map((problem) => problem.message),
    [],
  );
  return problems.map((problem) => /Accept_Unimplemented = \( (\S+) \)/.exec(problem.hint ?? '')?.[1] ?? '');
}

test('options of Momentum 4 are known: those that protect stop the start, the rest has no effect', () => {
  assert.deepEqual(
    guards(
      'Hot_Domains = ( a.test b.test ) Log_Hires_Timestamp = true Prefer_IPv6_MXs = true TLS_Engine = openssl\n' +
        'ESMTP_Listener { Open_Tracking_Enabled = true Tracking_Domain = "t.test:80" Proxy_Protocol_Timeout = 5 }',
    ),
    [],
  );
  assert.deepEqual(
    guards(
      'Use_DANE = true Skip_Hosts = ( 127.0.0.0/8 ) TLSv13_Ciphersuites = "TLS_AES_256_GCM_SHA384"\n' +
        'Host mx.test { Outbound_Throttle_Messages = 3 Rollup_MX = true Rollup_MX_Name = a.test }\n' +
        'Domain a.test { Reroute_Domain = b.test } Domain b.test { Reroute_Domain = disabled Delivery_Method = delay_xfer }',
    ),
    ['Skip_Hosts', 'TLSv13_Ciphersuites', 'Outbound_Throttle_Messages', 'Rollup_MX', 'Reroute_Domain', 'Delivery_Method'],
  );
});

test('modules of Momentum 4 are legal scopes with their options and the scopes inside them', () => {
  assert.deepEqual(
    guards(
      'msg_gen { quorum = 2 node "n1.test" { mta_id = 1 votes = 1 } }\ncassandra_client { uri = ( a b ) }\nengagement_tracker { }\nopenarc { Debug_Level = INFO }',
    ),
    [],
  );
  assert.deepEqual(guards('curfew { Schedule_File = "/etc/c" }\nspamassassin { daemon = "127.0.0.1:783" }'), ['curfew', 'spamassassin']);
  assert.match(read('msg_gen { quorun = 2 }').problems[0]?.hint ?? '', /did you mean quorum/);
});

test('options for mobile networks are taken in bindings and domains, without effect', () => {
  const { uses, problems } = read('Domain sms.test { SMPP_SMSC_Server = "192.0.2.1" MM7_MMSC_Port = 8080 }');
  assert.deepEqual(problems, []);
  assert.deepEqual(
    uses.filter((use) => use.what === 'option').map((use) => use.status),
    ['inert', 'inert'],
  );
  assert.equal(read('ESMTP_Listener { SMPP_SMSC_Server = x }').problems.length, 1);
});
