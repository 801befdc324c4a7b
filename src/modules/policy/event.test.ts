/*
 * The event of a policy function: what it shows, and what becomes of what is done to it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Phase } from '#hooks';
import type * as author from './author.ts';
import { eventOf } from './event.ts';
import type { Action, Call } from './messages.ts';

const text = 'Received: x\r\nSubject: a\r\n b\r\nX-A: 1\r\nx-a: 2\r\n\r\nbody\xe9';

function begin(phase: Phase, more: Partial<Call> = {}) {
  const actions: Action[] = [];
  const logged: string[] = [];
  const call: Call = {
    id: 1,
    phase,
    connection: { id: 'c', remoteIp: '192.0.2.7', remotePort: 1, localIp: '192.0.2.1', localPort: 25, helo: 'c.test', authUser: '' },
    connectionContext: new Map([['pathway', 'default']]),
    messageContext: new Map(),
    sender: 'a@a.test',
    senderDomain: 'a.test',
    recipientCount: 1,
    recipients: undefined,
    recipient: { address: 'b@here.test', local: 'b', domain: 'here.test', binding: 'default', bindingGroup: 'default' },
    message: { batchId: 'batch', size: text.length, top: Buffer.from(text, 'latin1') },
    ...more,
  };
  const event = eventOf(call, actions, {
    log: (line) => void logged.push(line),
    chunkLog: (text) => void logged.push(`chunk ${text}`),
    take: (name) => name !== 'spent',
  });
  return { event, actions, logged };
}

test('Contexts are read and set, and what was set is seen at once (CTX-08)', () => {
  const { event, actions } = begin('connect');
  event.connectionContext.set('a', '1');
  event.messageContext.set('__proto__', '2');
  assert.deepEqual(
    [event.connectionContext.get('a'), event.connectionContext.get('pathway'), event.messageContext.get('__proto__')],
    ['1', 'default', '2'],
  );
  assert.deepEqual(event.connectionContext.keys(), ['pathway', 'a']);
  assert.deepEqual([event.messageContext.has('__proto__'), event.messageContext.has('constructor')], [true, false]);
  assert.deepEqual(actions, [
    { kind: 'connectionContext', key: 'a', value: '1' },
    { kind: 'messageContext', key: '__proto__', value: '2' },
  ]);
  assert.throws(() => event.connectionContext.set('n', 1 as unknown as string), /a context holds text/);
});

test('Headers are read without regard to case, folds undone, and changes are seen at once; a value with a line end throws (POL-07, A75)', () => {
  const { event, actions } = begin('data');
  assert.deepEqual([event.headers.get('subject'), event.headers.getAll('X-A'), event.headers.names().length], ['a b', ['1', '2'], 4]);
  assert.deepEqual([event.message.body, event.message.isBodyWhole, event.message.size], ['body\xe9', true, text.length]);
  event.headers.add('X-New', 'first');
  event.headers.add('X-New', 'last', { last: true });
  event.headers.replace('x-a', 'one');
  event.headers.remove('Received');
  assert.deepEqual(event.headers.names(), ['X-New', 'Subject', 'x-a', 'X-New']);
  assert.deepEqual(
    actions.map((action) => action.kind === 'header' && action.edit.kind),
    ['add', 'append', 'replace', 'remove'],
  );
  for (const [name, value] of [
    ['X', 'a\r\nY: b'],
    ['X', 'é'],
    ['X Y', 'a'],
    ['X:', 'a'],
    ['', 'a'],
  ] as const)
    assert.throws(() => event.headers.add(name, value), TypeError, `${name}: ${value}`);
  assert.throws(() => begin('rcptto', { message: undefined }).event.headers.add('X', '1'), /no message in this phase/);
  assert.equal(actions.length, 4);
});

test('Addresses are rewritten while they can be, and only into addresses (POL-07)', () => {
  const { event, actions } = begin('rcptto');
  event.sender.rewrite('"x y"@Else.test');
  event.recipient.rewrite('new@else.test');
  assert.deepEqual([event.sender.domain, event.recipient.local, event.recipient.domain], ['else.test', 'new', 'else.test']);
  event.sender.rewrite('');
  assert.deepEqual(actions.at(-1), { kind: 'sender', value: '' });
  for (const wrong of ['', 'x', 'x@', '<x@y.test>', 'a@b.test\r\nDATA'])
    assert.throws(() => event.recipient.rewrite(wrong), /is no address/);
  assert.throws(() => begin('data').event.sender.rewrite('x@y.test'), /the sender cannot be changed in data/);
  assert.throws(() => begin('data', { recipient: undefined }).event.recipient.rewrite('x@y.test'), /a recipient cannot be changed in data/);
});

test('Routes are set where a message has one: binding, group, priority, routing domain, gateway (POL-05, POL-06)', () => {
  const { event, actions } = begin('set_binding');
  event.recipient.setBinding('b1');
  event.recipient.setBindingGroup('g');
  event.recipient.setPriority(1);
  event.recipient.setRoutingDomain('Route.test');
  event.recipient.setGateway('[2001:db8::1]:2525');
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ['binding', 'group', 'priority', 'routingDomain', 'gateway'],
  );
  assert.throws(() => event.recipient.setPriority(2 as 1), /0 or 1/);
  assert.throws(() => event.recipient.setGateway('a b'), /is no host/);
  assert.throws(() => event.recipient.setRoutingDomain('a b'), /is no domain/);
  assert.throws(() => begin('rcptto').event.recipient.setBinding('b1'), /a route cannot be changed in rcptto/);
});

test('Counters, throttles and log lines (POL-07, POL-24, POL-28)', () => {
  const { event, actions, logged } = begin('connect');
  event.count('/site/seen');
  event.count('/vendor/x', 5);
  assert.deepEqual(actions, [
    { kind: 'count', name: '/site/seen', by: 1 },
    { kind: 'count', name: '/vendor/x', by: 5 },
  ]);
  assert.throws(() => event.count('seen'), /no name of a counter/);
  assert.throws(() => event.count('/site/seen', 0.5), /whole numbers/);
  assert.deepEqual([event.throttle('free', 1, 60), event.throttle('spent', 1, 60)], [true, false]);
  assert.throws(() => event.throttle('x', 0, 60), /how many/);
  event.log('a line');
  assert.deepEqual(logged, ['a line']);
});

test('The published types are those of the event that a policy is given', () => {
  const policy: author.Policy = {
    rcptto: (event) => (event.recipient.domain === 'here.test' ? { reject: 550, text: 'no' } : undefined),
    data_spool_each_rcpt: (event) => void event.recipient.setBinding('b'),
  };
  const made: author.EachRcptEvent & author.RcpttoListEvent = begin('rcptto').event;
  assert.deepEqual(policy.rcptto?.(made), { reject: 550, text: 'no' });
});
