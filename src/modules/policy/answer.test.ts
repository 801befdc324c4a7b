/*
 * What a policy function may return.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Phase } from '#hooks';
import { readAnswer } from './answer.ts';

const read = (answer: unknown, phase: Phase = 'rcptto') => readAnswer(phase, answer);

test('Each answer becomes a verdict: go on, done, discard, refusal for now or for good, disconnect (POL-02, POL-07, POL-22, POL-23)', () => {
  assert.deepEqual(read(undefined).decision, { kind: 'continue' });
  assert.deepEqual(read('accept').decision, { kind: 'done' });
  assert.deepEqual(read('discard').decision, { kind: 'discard' });
  assert.deepEqual(read({ reject: 550, text: '5.7.1 not you' }).decision, {
    kind: 'reject',
    code: 550,
    enhanced: '5.7.1',
    text: 'not you',
  });
  assert.deepEqual(read({ reject: 451, text: 'later' }).decision, { kind: 'reject', code: 451, enhanced: undefined, text: 'later' });
  const { decision } = read({ reject: 554, text: 'go', disconnect: true });
  assert.equal(decision.kind, 'disconnect');
  assert.equal(read('disconnect').decision.kind, 'disconnect');
});

test('A tarpit waits as long as a client would, and then answers (POL-07)', () => {
  assert.deepEqual(read({ tarpit: 2.5 }), { decision: { kind: 'continue' }, tarpitMs: 2500 });
  assert.deepEqual(read({ tarpit: 1, answer: 'discard' }), { decision: { kind: 'discard' }, tarpitMs: 1000 });
  assert.equal(read({ tarpit: 10_000, answer: { reject: 550, text: 'no' } }).tarpitMs, 240_000);
});

test('What is no answer is an error that says what would be right, never a yes (POL-20)', () => {
  for (const [answer, expected] of [
    [null, /rcptto returned null: expected undefined, "accept"/],
    [true, /returned true: expected/],
    ['reject', /returned "reject": expected/],
    [{ reject: '550', text: 'x' }, /a code from 400 to 599/],
    [{ reject: 250, text: 'x' }, /a code from 400 to 599/],
    [{ reject: 550.5, text: 'x' }, /a code from 400 to 599/],
    [{ reject: 550 }, /text to be what the client reads/],
    [{ reject: 450, text: '5.7.1 x' }, /an enhanced code that begins with 4/],
    [{ tarpit: -1 }, /a number of seconds/],
    [{ tarpit: 1, answer: { tarpit: 1 } }, /expected undefined/],
  ] as const)
    assert.throws(() => read(answer), expected, JSON.stringify(answer));
  assert.throws(() => read('discard', 'connect'), /no discard in this phase/);
  assert.throws(() => read('discard', 'set_binding'), /no discard/);
});

test('A text of more lines is one line of ASCII when the client reads it (A75, POL-23)', () => {
  const { decision } = read({ reject: 550, text: `5.7.1 no\r\n250 ok é ${'y'.repeat(1000)}` });
  assert.ok(decision.kind === 'reject' && /^[ -~]{1,400}$/.test(decision.text), decision.kind);
});
