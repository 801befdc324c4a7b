/**
 * Whatever a client sends, and however the network cuts it, a session behaves the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cut, dependsOnCut, OPENING, replay, WORDS } from '../../test/kit/session-replay.ts';

test('The same bytes in other pieces give the same replies and the same messages (A12, A27)', async () => {
  const script = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 25 });
  const cuts = fc.array(fc.nat(), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(script, cuts, async (words, at) => {
      const text = `${OPENING}${words.join('')}`;
      fc.pre(!dependsOnCut(text));
      assert.deepEqual(await replay(cut(text, at)), await replay([text]));
    }),
    { numRuns: 150 },
  );
});

test('Any script of commands, cut anywhere, is answered in form, and 250 is said for what is stored and nothing else (A18, A19, A23, A27)', async () => {
  const script = fc.array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'binary', maxLength: 40 })), { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(script, fc.array(fc.nat(), { maxLength: 12 }), async (words, at) => {
      await replay(cut(`${OPENING}${words.join('')}`, at));
    }),
    { numRuns: 150 },
  );
});

test('Bytes of any kind end in replies or a close, never in an exception (A18, A28)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), async (chunks) => {
      const seen = await replay(chunks.map((chunk) => Buffer.from(chunk).toString('latin1')));
      assert.equal(seen.texts.length, 0);
    }),
    { numRuns: 150 },
  );
});
