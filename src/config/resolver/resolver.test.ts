/**
 * What is in force where: the fallback of the language, by the vectors of the manual.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ManualClock, parseIp, type IpAddress } from '#base';
import { compilePcre } from '#system';
import { memoryFiles } from '../files/memory-files.ts';
import { readConfiguration } from '../read-configuration.ts';
import { describePath } from '../scopes/scope-path.ts';
import { applyChanges, changesBetween } from '../snapshot/changes.ts';
import type { Snapshot } from '../snapshot/scope-node.ts';
import { parseQuestion } from './question.ts';
import type { SendingRecord } from './records.ts';
import { Resolver } from './resolver.ts';
import { contentOf, withOptions } from './sending-view.ts';

/** Throttles and the like are used as examples; whether they work yet is not the matter here. */
const accepted =
  'Accept_Unimplemented = ( Max_Outbound_Connections Outbound_Throttle_Messages Scope_Max_Outbound_Connections Cluster_Max_Outbound_Connections Enable_Authentication Control_Listener Host )\n';

function snapshot(text: string, previous?: Snapshot): Snapshot {
  const read = readConfiguration({
    main: '/e',
    files: memoryFiles({ '/e': accepted + text }),
    searchPath: [],
    previous,
    compileRegex: compilePcre,
  });
  assert.deepEqual(
    read.problems.map((problem) => problem.message),
    [],
  );
  assert.ok(read.snapshot);
  return read.snapshot;
}

function resolver(text: string): Resolver {
  return new Resolver(snapshot(text), { compileRegex: compilePcre });
}

/** The options of a record as own properties. */
function plain(record: object): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key in record) copy[key] = (record as Record<string, unknown>)[key];
  assert.ok(Object.keys(copy).length > 100);
  return copy;
}

function evaluate(of: Resolver, words: string): unknown {
  const question = parseQuestion(words);
  assert.ok(question.ok, words);
  return of.explain(question)?.value;
}

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed);
  return parsed;
}

test('FB-01 each option falls back by itself, most specific scope first', () => {
  const of = resolver('Max_Retries = 1 Retry_Interval = 10 Binding b { Max_Retries = 2 Domain d.test { Retry_Interval = 30 } }');
  const record = of.sending('', 'b', 'd.test');
  assert.deepEqual([record.maxRetries, record.retryInterval, record.messageExpiration], [2, 30, 86400]);
});

test('FB-02 the order is group::binding::domain, group::domain, binding, group, global domain, global', () => {
  const scopes = [
    'Max_Retries = 1',
    'Domain d { Max_Retries = 2 }',
    'Binding_Group g { Max_Retries = 3 }',
    'Binding_Group g { Binding b { Max_Retries = 4 } }',
    'Binding_Group g { Domain d { Max_Retries = 5 } }',
    'Binding_Group g { Binding b { Domain d { Max_Retries = 6 } } }',
  ];
  for (let count = 1; count <= scopes.length; count++) {
    const text = scopes.slice(0, count).reverse().join('\n');
    assert.equal(resolver(text).sending('g', 'b', 'd').maxRetries, count, text);
  }
});

test('FB-02 outside groups: binding::domain, binding, global domain, global', () => {
  const scopes = [
    'Max_Retries = 1',
    'Domain d { Max_Retries = 2 }',
    'Binding b { Max_Retries = 3 }',
    'Binding b { Domain d { Max_Retries = 4 } }',
  ];
  for (let count = 1; count <= scopes.length; count++) {
    assert.equal(resolver(scopes.slice(0, count).join('\n')).sending('default', 'b', 'd').maxRetries, count);
  }
});

test('FB-01 a domain that is not configured takes the global value, one that is takes its own', () => {
  const of = resolver(
    'Max_Outbound_Connections = 40 Domain example.com { Max_Outbound_Connections = 20 } Domain other.test { Max_Retries = 1 }',
  );
  assert.equal(of.sending('', 'b', 'other.test').maxOutboundConnections, 40);
  assert.equal(of.sending('', 'b', 'example.com').maxOutboundConnections, 20);
});

test('FB-03 a binding beats a global domain; only an unset binding lets the global domain in', () => {
  const of = resolver(`Message_Expiration = 86400
    Binding example { Message_Expiration = 3600 }
    Domain example.com { Message_Expiration = 120 }
    Binding example2 { Message_Expiration = 7200 Domain example.com { Message_Expiration = 86400 } Domain another { Max_Retries = 1 } }
    Binding example3 { Domain example.com { Max_Retries = 1 } Domain another { Message_Expiration = 86400 } }`);
  const expiration = (binding: string, domain: string): number => of.sending('default', binding, domain).messageExpiration;
  assert.equal(expiration('example', 'example.com'), 3600);
  assert.equal(expiration('example2', 'example.com'), 86400);
  assert.equal(expiration('example2', 'another'), 7200);
  assert.equal(expiration('example3', 'example.com'), 120);
  assert.equal(expiration('example3', 'another'), 86400);
  assert.equal(expiration('example3', 'third'), 86400);
});

test('FB-04 FB-04a the group stands before the global domain, and a limit of a domain belongs to each binding by itself', () => {
  const of = resolver(`Max_Outbound_Connections = 30
    Domain example.com { Retry_Interval = 5 }
    Binding_Group group1 { Max_Outbound_Connections = 5 Binding example { Max_Outbound_Connections = 15 Domain example.com { } } }
    Domain both.test { Max_Outbound_Connections = 20 }`);
  assert.equal(evaluate(of, 'binding_group group1 binding example domain example.com Max_Outbound_Connections'), 15);
  assert.equal(of.sending('group1', 'other', 'example.com').maxOutboundConnections, 5);
  assert.equal(of.sending('', 'outside', 'example.com').maxOutboundConnections, 30);
  assert.equal(of.sending('group1', 'other', 'both.test').maxOutboundConnections, 5, 'group before global domain');
  const yahoo = resolver(
    'Domain yahoo.com { Max_Outbound_Connections = 10 } Binding yf { Domain yahoo.com { Max_Outbound_Connections = 30 } }',
  );
  assert.deepEqual(
    ['yf', 'b2', 'b3'].map((binding) => yahoo.sending('', binding, 'yahoo.com').maxOutboundConnections),
    [30, 10, 10],
  );
});

test('FB-14 SHP-03 everybody who defines a limit on the way of a record is named, of the stanzas of one container the first that speaks', () => {
  const of = resolver(`Scope_Max_Outbound_Connections = 9
    Domain "/x/" { Scope_Max_Outbound_Connections = 3 }
    Domain x.test { Max_Retries = 1 }
    Domain "/test/" { Scope_Max_Outbound_Connections = 4 }
    Binding_Group g { Binding b { } Domain x.test { Scope_Max_Outbound_Connections = 2 } }`);
  const values = (group: string, binding: string, domain: string) =>
    of.definitions(of.sending(group, binding, domain), 'scopeMaxOutboundConnections').map(({ value }) => value);
  assert.deepEqual(values('g', 'b', 'x.test'), [2, 3, 9]);
  assert.deepEqual(values('', 'b', 'x.test'), [3, 9]);
  assert.deepEqual(values('', 'b', 'other'), [9]);
  const ids = of.definitions(of.sending('', 'b', 'x.test'), 'scopeMaxOutboundConnections').map(({ id }) => id);
  assert.equal(
    ids[0],
    of.definitions(of.sending('', 'c', 'xx'), 'scopeMaxOutboundConnections')[0]?.id,
    'one definition for all that match',
  );
  assert.deepEqual(of.definitions(of.sending('', 'b', 'x'), 'outboundThrottleMessages'), []);
});

test('FB-05 a Host that matches and is silent means no limit, -1; without one the domain and binding are asked', () => {
  const silent = resolver('Max_Outbound_Connections = 32 Host example.com { }');
  assert.equal(silent.host('b', 'EXAMPLE.com').maxOutboundConnections, -1);
  assert.equal(evaluate(silent, 'host example.com max_outbound_connections'), -1);
  const of = resolver(`Max_Outbound_Connections = 1
    Domain d { Max_Outbound_Connections = 2 }
    Host mx.test { Max_Outbound_Connections = 5 }
    Binding b { Max_Outbound_Connections = 3 Domain d { Max_Outbound_Connections = 4 } Host mx.test { Max_Outbound_Connections = 6 } }`);
  assert.equal(of.host('b', 'mx.test', { domain: 'd' }).maxOutboundConnections, 6);
  assert.equal(of.host('c', 'mx.test', { domain: 'd' }).maxOutboundConnections, 5);
  assert.equal(of.host('b', 'other', { domain: 'd' }).maxOutboundConnections, 4);
  assert.equal(of.host('b', 'other', { domain: 'e' }).maxOutboundConnections, 3);
  assert.equal(of.host('c', 'other', { domain: 'd' }).maxOutboundConnections, 2);
  assert.equal(of.host('c', 'other', { domain: 'e' }).maxOutboundConnections, 1);
  assert.equal(of.host('c', 'other').isMatched, false);
});

test('FB-05 hosts are found by address in any spelling, and by pattern', () => {
  const of = resolver('Host "2001:db8::1" { Max_Outbound_Connections = 2 } Host "/^mx[0-9]+\\.test$/" { Max_Outbound_Connections = 3 }');
  assert.equal(of.host('b', '2001:DB8:0:0::1').maxOutboundConnections, 2);
  assert.equal(of.host('b', 'mx12.test').maxOutboundConnections, 3);
});

test('FB-06 pathway_group::pathway before pathway, pathway_group, global', () => {
  const scopes = [
    'Require_EHLO = false Received_Hostname = "none"',
    'Pathway_Group g { Received_Hostname = "group" Pathway p { } }',
    'Pathway p { Received_Hostname = "pathway" }',
    'Pathway_Group g { Pathway p { Received_Hostname = "inner" } }',
  ].map((text) => text.replace('Received_Hostname = "none"', ''));
  const want = [undefined, 'group', 'pathway', 'inner'];
  for (let count = 1; count <= scopes.length; count++) {
    const of = resolver(`${scopes.slice(0, count).join('\n')} Pathway p { } ESMTP_Listener { Pathway = p Listen ":25" { } }`);
    assert.equal(of.listening({ listener: 'esmtp_listener', listen: ':25', ip: ip('192.0.2.1') }).receivedHostname, want[count - 1]);
  }
});

test('FB-07 LSN-05 Peer in Listen, Listen, Peer in listener, listener, pathway, global: each option by itself', () => {
  const names = ['Peer in Listen', 'Listen', 'Peer', 'listener', 'pathway', 'global'];
  const text = (from: number): string => {
    const host = (index: number): string => (index >= from && index < 5 ? `Received_Hostname = "${names[index]}"` : '');
    return `Pathway p { ${host(4)} } ESMTP_Listener { Pathway = p ${host(3)} Peer 10.0.0.0/8 { ${host(2)} } Listen ":25" { ${host(1)} Peer 10.0.0.1 { ${host(0)} } } }`;
  };
  for (let from = 0; from < 5; from++) {
    const record = resolver(text(from)).listening({ listener: 'ESMTP_Listener', listen: '*:25', ip: ip('10.0.0.1') });
    assert.equal(record.receivedHostname, names[from]);
  }
  const global = resolver(`Require_EHLO = true ${text(9)}`).listening({ listener: 'esmtp_listener', listen: ':25', ip: ip('10.0.0.1') });
  assert.equal(global.requireEhlo, true);
});

test('FB-07 the most specific Peer wins, as in the example of the page', () => {
  const of = resolver(`ESMTP_Listener {
      Max_Message_Size = 1
      Peer "10.0.0.0/16" { Max_Message_Size = 2 }
      Listen ":25" { Peer "10.0.0.1" { SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "AUTH LOGIN" ) } }
    }`);
  const at = (address: string) => of.listening({ listener: 'esmtp_listener', listen: ':25', ip: ip(address) });
  assert.deepEqual(at('10.0.0.1').smtpExtensions, ['ENHANCEDSTATUSCODES', 'AUTH LOGIN']);
  assert.equal(at('10.0.0.1').maxMessageSize, 2, 'what the inner block does not set falls back option by option');
  assert.equal(at('10.0.0.2').smtpExtensions, undefined);
  assert.equal(at('10.0.0.2').maxMessageSize, 2);
  assert.equal(at('192.168.0.1').maxMessageSize, 1);
  const nested = resolver(
    'ESMTP_Listener { Peer 10.0.0.0/8 { Max_Message_Size = 1 Idle_Time = 9 } Peer 10.1.0.0/16 { Max_Message_Size = 2 } Peer 2001:db8::/32 { Max_Message_Size = 3 } }',
  );
  assert.equal(nested.listening({ listener: 'esmtp_listener', listen: ':25', ip: ip('10.1.2.3') }).maxMessageSize, 2);
  assert.equal(
    nested.listening({ listener: 'esmtp_listener', listen: ':25', ip: ip('10.1.2.3') }).idleTime,
    0,
    'only the winning block counts',
  );
  assert.equal(nested.listening({ listener: 'esmtp_listener', listen: ':25', ip: ip('2001:DB8::5') }).maxMessageSize, 3);
  assert.equal(nested.listening({ listener: 'esmtp_listener', listen: '/run/s' }).maxMessageSize, 0, 'a Unix socket has no Peer');
});

test('FB-07 Enable_Authentication of a Control_Listener holds in its Listen', () => {
  const of = resolver('Control_Listener { Enable_Authentication = true Listen 127.0.0.1:2025 { } }');
  assert.equal(evaluate(of, 'Control_Listener Listen 127.0.0.1:2025 Enable_Authentication'), true);
});

test('FB-08 domains match exactly, without case, without wildcards, and not their sub-domains', () => {
  const of = resolver('Domain example.com { Max_Retries = 1 } Domain "[IPv6:2001:db8::1]" { Max_Retries = 2 }');
  assert.equal(of.sending('', 'b', 'EXAMPLE.Com').maxRetries, 1);
  assert.equal(of.sending('', 'b', 'a.example.com').maxRetries, 'auto');
  assert.equal(of.sending('', 'b', 'notexample.com').maxRetries, 'auto');
  assert.equal(of.sending('', 'b', '[ipv6:2001:DB8:0::1]').maxRetries, 2);
});

test('FB-09 FB-12 patterns stand in slashes, quoted or bare, and are not anchored', () => {
  const of = resolver('Domain "/hotmail/" { Max_Retries = 1 }\nDomain /yahoo\\.co(m|\\.uk)$/ { Max_Retries = 2 }');
  assert.equal(of.sending('', 'b', 'my.hotmail.test').maxRetries, 1);
  assert.equal(of.sending('', 'b', 'YAHOO.co.uk').maxRetries, 2);
  assert.equal(of.sending('', 'b', 'yahoo.com.test').maxRetries, 'auto');
});

test('FB-10 the exact stanza first, then patterns in the order of the text, option by option', () => {
  const of = resolver(`Domain "/^a/" { Max_Retries = 1 Retry_Interval = 10 Message_Expiration = 100 }
    Domain "/test$/" { Retry_Interval = 20 Message_Expiration = 200 EHLO_Timeout = 5 }
    Domain a.test { Message_Expiration = 300 }`);
  const record = of.sending('', 'b', 'a.test');
  assert.deepEqual([record.messageExpiration, record.retryInterval, record.maxRetries, record.ehloTimeout], [300, 10, 1, 5]);
});

test('FB-11 a pattern in a binding beats an exact global domain', () => {
  const of = resolver('Domain a.test { Max_Retries = 1 } Binding b { Domain "/test/" { Max_Retries = 2 } }');
  assert.equal(of.sending('', 'b', 'a.test').maxRetries, 2);
  assert.equal(of.sending('', 'c', 'a.test').maxRetries, 1);
});

test('FB-09 each domain that matches a pattern has the value for itself, one definition for all', () => {
  const of = resolver(
    'Domain "/^(aol|yahoo).com$/" { Max_Outbound_Connections = 5 } Domain "/^(wanadoo|orange)\\.fr$/" { Scope_Max_Outbound_Connections = 3 }',
  );
  assert.equal(of.sending('', 'b', 'aol.com').maxOutboundConnections, 5);
  assert.equal(of.sending('', 'b', 'yahoo.com').maxOutboundConnections, 5);
  const definitions = ['wanadoo.fr', 'orange.fr'].map(
    (domain) => of.definition(of.sending('', 'b', domain), 'scopeMaxOutboundConnections')?.id,
  );
  assert.equal(definitions[0], definitions[1]);
  assert.equal(definitions[0], 'Domain:/^(wanadoo|orange)\\\\.fr$/:');
});

test('FB-13 the match cache is bounded by Match_Cache_Size and its entries live for Match_Cache_Life', () => {
  const clock = new ManualClock();
  const small = new Resolver(snapshot('Match_Cache_Size = 2 Match_Cache_Life = 10'), { compileRegex: compilePcre, clock });
  const before = small.resolveCalls;
  for (const domain of ['a', 'b', 'a', 'b']) small.sending('', 'x', domain);
  assert.equal(small.resolveCalls - before, 2);
  small.sending('', 'x', 'c');
  small.sending('', 'x', 'a');
  assert.equal(small.resolveCalls - before, 4, 'the least recently used one had to go');
  clock.advance(10_001);
  small.sending('', 'x', 'a');
  assert.equal(small.resolveCalls - before, 5);
});

test('FB-14 throttles belong to the definition: those who inherit one share it, an override is its own', () => {
  const of = resolver(
    'Binding_Group g { Outbound_Throttle_Messages = 10 Binding a { } Binding b { Outbound_Throttle_Messages = 10 } Domain d { } }',
  );
  const id = (binding: string, domain: string): string | undefined =>
    of.definition(of.sending('g', binding, domain), 'outboundThrottleMessages')?.id;
  assert.equal(id('a', 'x'), 'Binding_Group:g:');
  assert.equal(id('c', 'd'), 'Binding_Group:g:');
  assert.equal(id('b', 'x'), 'Binding_Group:g::Binding:b:'.replace('::', ':'));
  assert.equal(of.definition(of.sending('g', 'a', 'x'), 'retryInterval'), undefined, 'a default has no definition');
  assert.deepEqual(of.definition(of.sending('g', 'a', 'x'), 'outboundThrottleMessages')?.value, { count: 10, periodSeconds: 1 });
});

test('FB-15 FB-16 the binding and group default exist without a stanza and take the global values', () => {
  const of = resolver('Max_Retries = 4 Binding default { Retry_Interval = 9 }');
  assert.equal(of.sending('', 'default', 'x').maxRetries, 4);
  assert.equal(of.sending('default', 'default', 'x').retryInterval, 9);
  const grouped = resolver('Binding_Group default { Max_Retries = 5 } Binding loose { Retry_Interval = 6 }');
  assert.deepEqual([grouped.sending('', 'loose', 'x').maxRetries, grouped.sending('', 'loose', 'x').retryInterval], [5, 6]);
  const pathway = resolver('Pathway default { Idle_Time = 7 } ESMTP_Listener { Listen ":25" { } }');
  assert.equal(pathway.listening({ listener: 'esmtp_listener', listen: ':25' }).idleTime, 7);
});

test('FB-17 scopes that do not exist are answered with the fallback, down to the default', () => {
  const of = resolver('Max_Retries = 4');
  assert.equal(evaluate(of, 'binding_group no binding no domain no.test max_retries'), 4);
  assert.equal(evaluate(of, 'domain no.test blackhole'), 'false');
  assert.equal(evaluate(of, 'esmtp_listener listen :99 peer 10.0.0.1 idle_time'), 0);
});

test('FB-18 lists do not merge: the most specific one replaces the others', () => {
  const of = resolver(
    'Relay_Hosts = ( 10.0.0.1 ) ESMTP_Listener { Relay_Hosts = ( 10.0.0.2 ) Listen ":25" { } Listen ":26" { Relay_Hosts = ( ) } }',
  );
  assert.deepEqual(of.listening({ listener: 'esmtp_listener', listen: ':25' }).relayHosts, ['10.0.0.2']);
  assert.deepEqual(of.listening({ listener: 'esmtp_listener', listen: ':26' }).relayHosts, []);
});

test('FB-19 an explanation tells own values from inherited ones and defaults', () => {
  const of = resolver('Max_Retries = 4 Binding b { Retry_Interval = 3 }');
  const explain = (words: string) => {
    const question = parseQuestion(words);
    assert.ok(question.ok);
    return of.explain(question);
  };
  const inherited = explain('binding b max_retries');
  assert.deepEqual(
    inherited?.asked.map((asked) => [describePath(asked.path), asked.isPresent, asked.at?.line, asked.isUsed]),
    [
      ['Binding b', true, undefined, false],
      ['Global', true, 2, true],
    ],
  );
  assert.equal(explain('binding b retry_interval')?.asked[0]?.isUsed, true);
  assert.equal(explain('binding b ehlo_timeout')?.source, 'default');
  assert.equal(explain('binding b no_such_option'), undefined);
});

test('FB-20 Cluster_Max_Outbound_Connections of a binding in a group is not used', () => {
  const of = resolver(
    'Cluster_Max_Outbound_Connections = 7 Binding_Group g { Binding b { Cluster_Max_Outbound_Connections = 3 } } Binding b { Cluster_Max_Outbound_Connections = 4 }',
  );
  assert.equal(of.sending('g', 'b', 'x').clusterMaxOutboundConnections, 7);
  assert.equal(of.sending('', 'b', 'x').clusterMaxOutboundConnections, 4);
});

test('10,000 messages of one queue resolve its options once', () => {
  const of = resolver('Domain d.test { Max_Retries = 3 }');
  const before = of.resolveCalls;
  let sum = 0;
  for (let message = 0; message < 10_000; message++) sum += of.sending('', 'b', 'd.test').maxRetries === 3 ? 1 : 0;
  assert.equal(sum, 10_000);
  assert.equal(of.resolveCalls - before, 1);
});

test('records have one shape, are frozen, and domains without a stanza share one object', () => {
  const of = resolver('Domain d.test { Max_Retries = 3 }');
  const record = of.sending('', 'b', 'd.test');
  assert.ok(Object.isFrozen(record));
  assert.deepEqual(Object.keys(plain(record)), Object.keys(plain(of.sending('', 'b', 'x.test'))));
  assert.equal(of.sending('', 'b', 'x.test'), of.sending('', 'b', 'y.test'));
  assert.notEqual(record, of.sending('', 'b', 'x.test'));
});

test('records of equal values hold them once, each with its own definitions; a record that differs in one option is made from one', () => {
  const text =
    'Outbound_Throttle_Messages = 9/60 Ehlo_Hostname = a Domain a { Outbound_Throttle_Messages = 5/60 } Domain b { Outbound_Throttle_Messages = 5/60 }';
  const of = resolver(`${text} Domain c { Max_Retries = 5 } Domain d { Retry_Interval = 5 }`);
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((domain) => of.sending('', 'x', domain)) as [
    SendingRecord,
    SendingRecord,
    SendingRecord,
    SendingRecord,
  ];
  assert.equal(contentOf(a), contentOf(b));
  assert.notEqual(contentOf(c), contentOf(d));
  assert.deepEqual(
    [a, b].map((record) => of.definition(record, 'outboundThrottleMessages')?.id),
    ['Domain:a:', 'Domain:b:'],
  );
  const quiet = withOptions(a, { maxRetries: 0 });
  assert.deepEqual(plain(quiet), { ...plain(a), maxRetries: 0 });
  assert.equal(of.definition(quiet, 'outboundThrottleMessages')?.id, 'Domain:a:');
  assert.deepEqual(withOptions({ tls: 'no', tlsVerify: 'ca' }, { tls: 'required' }), { tls: 'required', tlsVerify: 'ca' });
  of.swap(snapshot(`${text} Ehlo_Hostname = b`, of.snapshot));
  const [newer, alike] = [of.sending('', 'x', 'a'), of.sending('', 'x', 'b')];
  assert.deepEqual(plain(newer), { ...plain(a), ehloHostname: 'b' });
  assert.equal(contentOf(newer), contentOf(alike));
  assert.deepEqual(
    [of.definition(newer, 'ehloHostname'), of.definition(a, 'ehloHostname')],
    [
      { id: '', value: 'b' },
      { id: '', value: 'a' },
    ],
  );
});

test('a change invalidates only the records that depended on its scope, those that asked in vain included', () => {
  const one = snapshot('Domain a.test { Max_Retries = 1 } Binding b { } ESMTP_Listener { Listen ":25" { } Listen ":26" { } }');
  const of = new Resolver(one, { compileRegex: compilePcre });
  const listen = (port: string) => of.listening({ listener: 'esmtp_listener', listen: port, ip: ip('10.0.0.1') });
  const a = of.sending('', 'b', 'a.test');
  const other = of.sending('', 'b', 'other.test');
  const [p25, p26] = [listen(':25'), listen(':26')];
  const calls = of.resolveCalls;
  const two = snapshot(
    'Domain a.test { Max_Retries = 2 } Binding b { } ESMTP_Listener { Listen ":25" { Peer 10.0.0.0/8 { Idle_Time = 3 } } Listen ":26" { } }',
    one,
  );
  of.swap(applyChanges(one, structuredClone(changesBetween(one, two))));
  assert.equal(of.version, two.version);
  assert.equal(of.sending('', 'b', 'other.test'), other, 'same object, not resolved again');
  assert.equal(listen(':26'), p26);
  assert.equal(of.resolveCalls, calls);
  assert.notEqual(of.sending('', 'b', 'a.test'), a);
  assert.equal(of.sending('', 'b', 'a.test').maxRetries, 2);
  assert.notEqual(listen(':25'), p25);
  assert.equal(listen(':25').idleTime, 3);
  const three = snapshot('Domain a.test { Max_Retries = 2 } Binding b { Domain "/other/" { Max_Retries = 9 } }', two);
  of.swap(three);
  assert.equal(of.sending('', 'b', 'other.test').maxRetries, 9, 'a new pattern touches what it matches');
});

test('a global option that records of a kind do not hold leaves them alone; one that they hold does not', () => {
  const one = snapshot('PidFile = "/a"');
  const of = new Resolver(one, { compileRegex: compilePcre });
  const record = of.sending('', 'b', 'x');
  of.swap(snapshot('PidFile = "/b"', one));
  assert.equal(of.sending('', 'b', 'x'), record);
  assert.equal(of.global().pidFile, '/b');
  of.swap(snapshot('PidFile = "/b" Max_Retries = 8', of.snapshot));
  assert.equal(of.sending('', 'b', 'x').maxRetries, 8);
});

test('FB-10 patterns that change places change the answer', () => {
  const one = snapshot('Domain "/a/" { Max_Retries = 1 } Domain "/test/" { Max_Retries = 2 }');
  const of = new Resolver(one, { compileRegex: compilePcre });
  assert.equal(of.sending('', 'b', 'a.test').maxRetries, 1);
  of.swap(snapshot('Domain "/test/" { Max_Retries = 2 } Domain "/a/" { Max_Retries = 1 }', one));
  assert.equal(of.sending('', 'b', 'a.test').maxRetries, 2);
});

test('after any swap every answer is the one a new resolver would give', () => {
  const texts = [
    'Max_Retries = 1 Binding b { Domain "/a/" { Max_Retries = 2 } }',
    'Binding_Group g { Max_Retries = 3 Binding b { } } Domain a { Max_Retries = 4 }',
    'Binding_Group g { Binding b { Domain a { Max_Retries = 5 } Host h { Max_Outbound_Connections = 2 } } } Host "/h/" { }',
    'Pathway p { Idle_Time = 4 } ESMTP_Listener { Pathway = p Peer 10.0.0.0/8 { Idle_Time = 5 } Listen ":25" { } }',
    'Pathway_Group q { Idle_Time = 6 Pathway p { } } ESMTP_Listener { Pathway = p Listen ":25" { Peer 10.0.0.1 { Pathway = default } } }',
    'Pathway_Group default { Pathway default { Idle_Time = 8 } } Host h { Max_Outbound_Connections = 9 }',
  ];
  const kept = new Resolver(snapshot(texts[0] ?? ''), { compileRegex: compilePcre });
  for (let step = 0; step < 60; step++) {
    const text = texts[(step * 7 + (step % 5)) % texts.length] ?? '';
    const next = snapshot(text, kept.snapshot);
    kept.swap(next);
    const fresh = new Resolver(next, { compileRegex: compilePcre });
    for (const group of ['', 'g']) {
      for (const domain of ['a', 'x']) assert.deepEqual(plain(kept.sending(group, 'b', domain)), plain(fresh.sending(group, 'b', domain)));
      assert.deepEqual(kept.host('b', 'h', { group }), fresh.host('b', 'h', { group }));
    }
    for (const address of ['10.0.0.1', '10.0.0.2', '192.0.2.1']) {
      const at = { listener: 'esmtp_listener', listen: ':25', ip: ip(address) };
      assert.deepEqual(kept.listening(at), fresh.listening(at), text);
    }
  }
});

test('a pattern that would take for ever answers in bounded time, as no match', () => {
  const of = resolver('Domain "/^(a+)+$/" { Max_Retries = 1 }');
  assert.equal(of.sending('', 'b', `${'a'.repeat(60)}!`).maxRetries, 'auto');
});

test('other scopes: security, debug flags and event loops with their defaults', () => {
  const of = resolver('Security { User = mail } Debug_Flags { Debug = ( SMTP ) } EventLoop pool { Concurrency = 3 }');
  assert.equal(of.security().user, 'mail');
  assert.deepEqual(of.debugFlags().debug, ['SMTP']);
  assert.deepEqual(of.debugFlags().error, ['ALL']);
  assert.equal(of.eventLoops().get('pool')?.concurrency, 3);
});
