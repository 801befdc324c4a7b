/**
 * Tests of ReplyReader: what servers send, good and bad, in bounded memory.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { REPLY_LINES_KEPT, REPLY_LINES_MAX, REPLY_TEXT_MAX, ReplyReader, serverReplyText } from './reply-reader.ts';
import type { ReplyFault, ServerReply } from './reply-reader.ts';

type Event = ServerReply | ReplyFault;

function read(wire: string | Buffer, cuts: readonly number[] = [], close = false): Event[] {
  const bytes = typeof wire === 'string' ? Buffer.from(wire, 'latin1') : wire;
  const reader = new ReplyReader();
  const events: Event[] = [];
  const places = [...cuts].sort((a, b) => a - b);
  for (const [index, place] of [0, ...places].entries()) {
    reader.feed(bytes.subarray(place, places[index] ?? bytes.length));
    for (let event = reader.next(); event !== undefined; event = reader.next()) events.push(event);
  }
  const last = close ? reader.end() : undefined;
  return last === undefined ? events : [...events, last];
}

function one(wire: string): ServerReply {
  const [event, ...rest] = read(wire);
  assert.ok(event?.kind === 'reply' && rest.length === 0, JSON.stringify(event));
  return event;
}

function faultOf(wire: string | Buffer, close = false): ReplyFault {
  const event = read(wire, [], close).at(-1);
  assert.ok(event?.kind === 'fault', JSON.stringify(event).slice(0, 200));
  return event;
}

test('one line, several lines and several replies in one read', () => {
  assert.deepEqual(one('250 2.1.0 ok\r\n'), {
    kind: 'reply',
    code: 250,
    class: 'positive',
    enhanced: '2.1.0',
    lines: ['2.1.0 ok'],
    mixed: false,
  });
  const replies = read('250-a\r\n250 b\r\n354 go\r\n421\r\n');
  assert.deepEqual(
    replies.map((reply) => reply.kind === 'reply' && [reply.code, reply.class, reply.lines]),
    [
      [250, 'positive', ['a', 'b']],
      [354, 'intermediate', ['go']],
      [421, 'transient', ['']],
    ],
  );
});

test('A50: a reply of more than 1 MB, in one line or a million, is a fault and keeps next to nothing', () => {
  const line = faultOf(`550 ${'x'.repeat(1_100_000)}`);
  assert.equal(line.fault, 'too-long');
  assert.ok(line.text.length <= REPLY_TEXT_MAX);
  const lines = faultOf('550-x\r\n'.repeat(1_000_000));
  assert.deepEqual([lines.fault, lines.code], ['too-long', 550]);
  assert.ok(lines.text.length <= REPLY_TEXT_MAX);
});

test('A50: a long reply within the bounds is classified and cut', () => {
  const reply = one(`${'550-no\r\n'.repeat(REPLY_LINES_MAX - 10)}550 ${'x'.repeat(100_000)}\r\n`);
  assert.equal(reply.class, 'permanent');
  assert.equal(reply.lines.length, REPLY_LINES_KEPT);
  assert.ok(serverReplyText(reply).length <= REPLY_TEXT_MAX);
});

test('A50 (I-1030): lines with different codes: the last decides, but no yes after a no', () => {
  const rejected = one('220-hello\r\n521 go away\r\n');
  assert.deepEqual([rejected.code, rejected.class, rejected.mixed], [521, 'permanent', true]);
  assert.equal(one('450-a\r\n550 b\r\n').class, 'permanent');
  assert.deepEqual([faultOf('550-no\r\n250 yes\r\n').fault, faultOf('421-x\r\n354 y\r\n').fault], ['mixed-codes', 'mixed-codes']);
});

test('A50: a missing CR is borne; an enhanced code of another class or form is no enhanced code', () => {
  assert.deepEqual(one('250-a\n250 b\n').lines, ['a', 'b']);
  for (const bad of ['250 5.7.1 x', '550 5.7 x', '550 5.7.1.2 x', '550 5.1000.1 x', '550 5.01.1 x', '550 9.1.1 x', '550 5.7.1x']) {
    assert.equal(one(`${bad}\r\n`).enhanced, undefined, bad);
  }
  assert.equal(one('550-hello\r\n550 5.7.1 x\r\n').enhanced, '5.7.1');
});

test('A50: what is no reply is a fault with its text, and nothing is read after it', () => {
  for (const bad of [
    '\r\n',
    'hello\r\n',
    '25 ok\r\n',
    '2500 ok\r\n',
    '150 x\r\n',
    '650 x\r\n',
    '250x\r\n',
    '250-a\r\nb\r\n',
    '\x16\x03\x01\n',
  ]) {
    const events = read(`${bad}250 ok\r\n`);
    assert.ok(events.length === 1 && events[0]?.kind === 'fault' && events[0].fault === 'malformed', JSON.stringify(bad));
  }
});

test('A50: a connection closed inside a reply is incomplete, with the code seen so far', () => {
  assert.deepEqual(faultOf('550-no\r\n550-n', true), { kind: 'fault', fault: 'incomplete', code: 550, text: '550 no 550-n' });
  assert.deepEqual(faultOf('25', true), { kind: 'fault', fault: 'incomplete', text: '25' });
  assert.deepEqual(read('250 ok\r\n', [], true).length, 1);
});

test('A75: control characters, escapes and broken UTF-8 in a reply do not reach a log', () => {
  const reply = one('550 a\rb\x1b[31m\0c\x85d\xff"e\r\n');
  assert.equal(serverReplyText(reply), '550 a b [31m c?d?"e');
  const utf8 = read(Buffer.from('550 größe\u202eabc\u2028\r\n'))[0];
  assert.ok(utf8?.kind === 'reply');
  assert.equal(serverReplyText(utf8), '550 größe abc');
});

test('A50: all bytes in any split give the same bounded events', () => {
  const piece = fc.constantFrom('250', '550', '-', ' ', '\r', '\n', '\r\n', '250 ok\r\n', '250-x\r\n', '5.7.1', 'a', '\xff', '\0');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(150), { maxLength: 6 }), (pieces, cuts) => {
      const wire = pieces.join('');
      const inside = cuts.filter((cut) => cut <= wire.length);
      const whole = read(wire, [], true);
      assert.deepEqual(read(wire, inside, true), whole);
      for (const event of whole) assert.doesNotMatch(serverReplyText(event), /\p{Cc}/u);
    }),
    { numRuns: 2000 },
  );
});

test('A36: what came before clear() is forgotten', () => {
  const reader = new ReplyReader();
  reader.feed(Buffer.from('220 go\r\n250-injected\r\n'));
  assert.equal(reader.next()?.kind, 'reply');
  reader.clear();
  assert.equal(reader.begun, false);
  reader.feed(Buffer.from('250 real\r\n'));
  assert.deepEqual((reader.next() as ServerReply).lines, ['real']);
});
