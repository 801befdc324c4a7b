/* Tests of options-port.ts.
 * The one rule: what queue and intake ask is answered from the resolver's cache, with Default_Binding taken into account.
 * Facts: OUT-03, OUT-04, OUT-21, FB-15. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ManualClock, seededRandom, TimerWheel } from '#base';
import { memoryFiles, readConfiguration, type Resolver } from '#config';
import { ValidationContext } from '#hooks';
import type { Envelope } from '#mail';
import { Queues, type DomainQueue } from '#queue';
import { bindingPort, optionsPort, shapingPort } from './options-port.ts';
import { resolverOf } from './site.ts';

function of(text: string): Resolver {
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(problems, []);
  return resolverOf(snapshot!);
}

test('OUT-03 Default_Binding = suspended holds the mail of the default binding, and of no other', () => {
  const port = optionsPort(of('Default_Binding = suspended Binding b { } Domain d.test { Max_Retries = 3 }'));
  const record = port.sending('default', 'default', 'd.test');
  assert.deepEqual([record.suspendDelivery, record.maxRetries], [true, 3]);
  assert.equal(port.sending('default', 'default', 'd.test'), record, 'one record for one question');
  assert.equal(port.sending('default', 'b', 'd.test').suspendDelivery, false);
  assert.equal(optionsPort(of('')).sending('default', 'default', 'd.test').suspendDelivery, false);
});

test('OUT-03 Default_Binding = none forbids the default binding', () => {
  assert.equal(bindingPort(of('Default_Binding = none')).isDefaultForbidden, true);
  assert.equal(bindingPort(of('')).isDefaultForbidden, false);
});

test('OUT-04 a group gives its bindings in turn, and leaves out those with Suspend_Delivery while another is there', () => {
  const port = bindingPort(of('Binding_Group g { Binding a { Suspend_Delivery = true } Binding b { } Binding c { } }'));
  assert.deepEqual([1, 2, 3, 4].map(() => port.chooseFromGroup('g', 'd.test')).sort(), ['b', 'b', 'c', 'c']);
  assert.equal(port.chooseFromGroup('none', 'd.test'), undefined);
  assert.equal(bindingPort(of('Binding_Group g { Suspend_Delivery = true Binding a { } }')).chooseFromGroup('g', 'd.test'), 'a');
  assert.deepEqual([port.hasBinding('a'), port.hasBinding('z')], [true, false]);
});

test('OUT-01 a binding named alone belongs to the group in which it stands', () => {
  const port = bindingPort(of('Binding_Group g { Binding a { } } Binding b { }'));
  assert.deepEqual([port.groupOf?.('a'), port.groupOf?.('b')], ['g', undefined]);
});

test('A55 OUT-01 POL-05 Binding_Context and Binding_Header name the binding of a message, the header from Binding_Header_Peers alone', () => {
  const body = Buffer.from('Subject: x\r\nX-Binding: b2\r\n\r\nhello');
  const context = new ValidationContext();
  const wish = (text: string, remoteIp = '192.0.2.7') => bindingPort(of(text)).wish?.({ context, remoteIp, body });
  assert.equal(wish('Binding_Header = X-Binding'), undefined);
  assert.equal(wish('Binding_Header = x-binding Binding_Header_Peers = ( 192.0.2.0/24 )'), 'b2');
  assert.equal(wish('Binding_Header = X-Binding Binding_Header_Peers = ( 192.0.2.0/24 )', '198.51.100.1'), undefined);
  assert.equal(wish('Binding_Header = X-Other Binding_Header_Peers = ( 192.0.2.0/24 )'), undefined);
  context.setConnection('vmta', 'b1');
  assert.equal(wish('Binding_Context = vmta Binding_Header = X-Binding Binding_Header_Peers = ( 192.0.2.0/24 )'), 'b1');
  assert.equal(wish(''), undefined);
});

test('FB-14 SHP-03 FB-04a limits are found with who defines them; Host scopes are counted by address or, where they are shared, by stanza', () => {
  const resolver = of(`Default_Binding = suspended
    Binding b { Outbound_Throttle_Messages = 5 Host mx.test { Max_Outbound_Connections = 2 } }
    Host "/^mx/" { Scope_Max_Outbound_Connections = 3 }
    Host 192.0.2.1 { Max_Outbound_Connections = 7 }`);
  const port = shapingPort(resolver);
  const held = optionsPort(resolver).sending('default', 'default', 'd.test');
  assert.deepEqual(port.definitions(held, 'outboundThrottleMessages'), []);
  const record = optionsPort(resolver).sending('default', 'b', 'd.test');
  assert.deepEqual(
    port.definitions(record, 'outboundThrottleMessages').map(({ id }) => id),
    ['Binding:b:'],
  );
  const queue = (binding: string) => ({ group: 'default', binding, optionsName: 'd.test' }) as DomainQueue;
  assert.deepEqual(port.hostLimits(queue('b'), { name: 'mx.test', ip: '192.0.2.1' }), [
    { name: 'host Binding:b:Host:mx.test: 192.0.2.1', limit: 2, option: 'maxOutboundConnections', host: 'mx.test' },
    { name: 'scope Host:/^mx/:', limit: 3, option: 'scopeMaxOutboundConnections', host: 'mx.test' },
    { name: 'host Host:192.0.2.1: 192.0.2.1', limit: 7, option: 'maxOutboundConnections', host: '192.0.2.1' },
  ]);
  assert.deepEqual(port.hostLimits(queue('c'), { name: 'other.test', ip: '192.0.2.9' }), []);
});

test('OUT-21 the Gateway of a Domain scope renames the queue; one given elsewhere does not', () => {
  const port = optionsPort(
    of('Gateway = g.test Domain d.test { Gateway = x.test } Domain e.test { Max_Retries = 1 } Domain none.test { Gateway = "" }'),
  );
  assert.equal(port.domainGateway('default', 'default', 'none.test'), undefined, 'an empty one takes the gateway away');
  assert.equal(port.domainGateway('default', 'default', 'd.test'), 'x.test');
  assert.equal(port.domainGateway('default', 'default', 'e.test'), undefined);
});

test('FB-13 a look-up on the path of a message is one property read: 10,000 messages on one queue cause one resolver call', () => {
  const resolver = of('Max_Recipients_Per_Batch = 7 Binding b { Domain "/^d/" { Retry_Interval = 60 } } Domain e.test { Max_Retries = 3 }');
  const clock = new ManualClock();
  const queues = new Queues({
    resolver: optionsPort(resolver),
    spool: { note: () => undefined, settled: () => undefined, loadBody: () => undefined },
    notices: { send: (_facts, done) => done() },
    clock,
    wheel: new TimerWheel({ clock }),
    random: seededRandom(1),
    records: { record: () => undefined },
    counters: { add: () => undefined },
    panic: { log: () => undefined },
  });
  const before = resolver.resolveCalls;
  for (let i = 0; i < 10_000; i += 1) queues.accepted(message(i, 'b', 'd.test'), undefined);
  assert.equal(resolver.resolveCalls - before, 1);
  const queue = queues.find('b', 'd.test');
  assert.equal(queue?.active, 10_000);
  assert.deepEqual([queue?.options.maxRecipientsPerBatch, queue?.options.retryInterval], [7, 60]);
  assert.equal(queue?.options, resolver.sending('default', 'b', 'd.test'), 'the queue holds the record itself');
  for (let i = 0; i < 100; i += 1) queues.accepted(message(i, 'b', 'e.test'), undefined);
  assert.equal(resolver.resolveCalls - before, 2, 'another queue, one more');
  // A swap that touches neither keeps both records.
  const { snapshot } = readConfiguration({
    main: '/e',
    files: memoryFiles({
      '/e': 'Max_Recipients_Per_Batch = 7 Binding b { Domain "/^d/" { Retry_Interval = 60 } } Domain e.test { Max_Retries = 3 } Domain f.test { Max_Retries = 9 }',
    }),
    searchPath: [],
    previous: resolver.snapshot,
  });
  resolver.swap(snapshot!);
  queues.reconfigured();
  assert.equal(resolver.resolveCalls - before, 2);
});

function message(index: number, binding: string, domain: string): Envelope {
  const id = String(index);
  return {
    batchId: id,
    connectionId: 'c',
    sender: 'a@b.test',
    recipients: [{ id, address: `u@${domain}`, local: 'u', domain, binding, bindingGroup: 'default' }],
    receivedAt: 0,
    size: 100,
    remoteIp: '192.0.2.1',
    remotePort: 25,
    protocol: 'esmtp',
    helo: 'c.test',
    contextConnection: {},
    contextMessage: {},
  };
}

test('OUT-06 a group may have more members than the 32 that are recommended: each has its turn', () => {
  const members = Array.from({ length: 40 }, (_, i) => `Binding b${i} { }`).join(' ');
  const port = bindingPort(of(`Binding_Group g { ${members} }`));
  const chosen = new Set(Array.from({ length: 40 }, () => port.chooseFromGroup('g', 'd.test')));
  assert.equal(chosen.size, 40);
});
