/**
 * Tests of HeaderWatch on its own: where the body begins and what is asked for.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_BODY_RULES } from './body-policy.ts';
import { HeaderWatch } from './header-watch.ts';

test('SMTP-14: missing headers are asked for once, and the body begins at the exact octet', () => {
  const asked: unknown[] = [];
  const out: string[] = [];
  const watch = new HeaderWatch(
    (bytes) => out.push(bytes.toString()),
    (need) => {
      asked.push(need);
      return undefined;
    },
  );
  watch.begin(DEFAULT_BODY_RULES);
  assert.equal(watch.push(Buffer.from('Date: x\r\nA: b\r\n\r')), undefined);
  assert.equal(watch.ended, false);
  assert.equal(watch.push(Buffer.from('\nbody\r\n.'))?.toString(), 'body\r\n.');
  assert.equal(watch.ended, true);
  assert.equal(watch.end(), undefined);
  assert.deepEqual(asked, [{ date: false, messageId: true }]);
  assert.equal(out.join(''), 'Date: x\r\nA: b\r\n\r\n');
});

test('A47: a line without end is judged after 1024 octets and never gathered', () => {
  let held = 0;
  const watch = new HeaderWatch(
    (bytes) => (held -= bytes.length),
    () => undefined,
  );
  watch.begin(DEFAULT_BODY_RULES);
  for (let i = 0; i < 1000; i++) {
    const chunk = Buffer.from(i === 0 ? 'X: ' : 'v'.repeat(100));
    held += chunk.length;
    watch.push(chunk);
    assert.ok(held <= 1200, `${held} octets held back`);
  }
  assert.equal(watch.facts.headers, 1);
});

test('a watch begun again knows nothing of the message before', () => {
  const watch = new HeaderWatch(
    () => undefined,
    () => undefined,
  );
  watch.begin(DEFAULT_BODY_RULES);
  watch.push(Buffer.from('no header\r\n'));
  assert.notEqual(watch.fault, undefined);
  watch.begin(DEFAULT_BODY_RULES);
  assert.equal(watch.fault, undefined);
  assert.deepEqual(watch.facts, { headers: 0, received: 0, hasDate: false, hasMessageId: false });
});
