// Proves what the stage of notes keeps, gives out and forgets.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NoteStage } from './note-stage.ts';
import { Segment } from './segment.ts';

const segment = (): Segment => new Segment({ log: 0, generation: 1, seed: 7, path: '/nowhere', size: 65_536 });

function bytesOf(stage: NoteStage): string {
  const buffer = Buffer.alloc(100);
  return buffer.toString('latin1', 0, stage.fill(buffer, 0, buffer.length, segment()));
}

test('a note is taken back only while it waits and is the last one', () => {
  const stage = new NoteStage();
  const [a, b] = [Buffer.from('aa'), Buffer.from('bbb')];
  stage.push(a);
  stage.push(b);
  stage.takeBack(a);
  assert.equal(stage.bytes, 5);
  stage.takeBack(b);
  assert.equal(stage.bytes, 2);
  assert.equal(bytesOf(stage), 'aa');
  stage.takeBack(a);
  assert.equal(stage.bytes, 2, 'what is being written is not taken back');
});

test('who waits for notes to be durable hears of it although one was taken back and replaced', () => {
  const stage = new NoteStage();
  const first = Buffer.from('first');
  let isDurable = false;
  stage.push(first);
  stage.whenDurable(() => (isDurable = true));
  stage.takeBack(first);
  stage.push(Buffer.from('end'));
  assert.equal(bytesOf(stage), 'end');
  assert.equal(isDurable, false);
  stage.settleBatch();
  assert.equal(isDurable, true);
});
