/*
 * The way to the writer with a link that takes or refuses when told.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchesUnderWayMax, panicsKeptMax, WriterOutlet } from './outlet.ts';
import type { PanicLine } from './repeat-gate.ts';
import { writerRoom } from './writer.ts';

function setUp() {
  const state = { takes: true, backlog: 0, sent: [] as unknown[] };
  const outlet = new WriterOutlet({
    backlog: () => state.backlog,
    send: (to, room, message) => {
      assert.deepEqual([to, room], ['writer', writerRoom]);
      if (state.takes) state.sent.push(message);
      return state.takes;
    },
  });
  return { state, outlet };
}

const line = (text: string): PanicLine => ({ at: 0, level: 'ERROR', source: 'NET', isModule: false, text });

test('A62 a batch is refused while the writer has not confirmed the batches before it', () => {
  const { state, outlet } = setUp();
  assert.equal(outlet.postRecords(['D']), true);
  state.backlog = batchesUnderWayMax;
  assert.equal(outlet.postRecords(['D']), false);
  assert.equal(state.sent.length, 1);
});

test('panic lines said before there is a writer are kept and sent when there is one', () => {
  const { state, outlet } = setUp();
  state.takes = false;
  outlet.writePanic(line('early'));
  outlet.writePanic(line('still early'));
  state.takes = true;
  outlet.flush();
  assert.deepEqual(
    state.sent.map((sent) => (sent as PanicLine).text),
    ['early', 'still early'],
  );
});

test('beyond the bound the oldest panic lines are dropped, and the next one says how many', () => {
  const { state, outlet } = setUp();
  state.takes = false;
  for (let i = 0; i < panicsKeptMax + 3; i++) outlet.writePanic(line(`line ${i}`));
  state.takes = true;
  outlet.flush();
  assert.equal(state.sent.length, panicsKeptMax);
  assert.equal((state.sent[0] as PanicLine).text, 'line 3 (3 lines before this one were dropped)');
  assert.equal((state.sent[1] as PanicLine).text, 'line 4');
});
