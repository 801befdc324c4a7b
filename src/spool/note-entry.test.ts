// Notes as bytes and back, and what a pile of them says about the recipients.
//
// The rule to know: order in time decides, not order on the disk; what a peer said is cut, not refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyNotes, isOver } from './batch-state.ts';
import { emptyNote, encodeEnd, encodeNote, encodeSeal, noteKind, readNote } from './note-entry.ts';
import type { StateNote } from './state.ts';

const entriesOf = (note: StateNote, total = 3): Buffer[] => encodeNote('id', note, () => 7, total);

test('notes about recipients come back as they were given', () => {
  const states = applyNotes(3, [
    ...entriesOf({ kind: 'deferred', recipients: [0, 1, 2], attempts: 70_000, nextAt: 1.7e12, reply: '450 é später' }),
    ...entriesOf({ kind: 'rebind', recipients: [1], binding: 'b ü', bindingGroup: '' }),
    ...entriesOf({ kind: 'reroute', recipients: [2], domain: 'b.test' }),
    ...entriesOf({ kind: 'delivered', recipient: 0 }),
  ]);
  assert.equal(states[2]?.route, 'b.test');
  assert.deepEqual(states[0], { outcome: 'delivered', attempts: 70_000, nextAt: 1.7e12, reply: '450 é später' });
  assert.deepEqual(states[1], {
    outcome: 'open',
    attempts: 70_000,
    nextAt: 1.7e12,
    reply: '450 é später',
    binding: 'b ü',
    bindingGroup: '',
  });
  assert.equal(isOver(states), false);
});

test('an outcome is final: a later deferral does not open a recipient again, and a recipient that does not exist is ignored', () => {
  const states = applyNotes(1, [
    ...entriesOf({ kind: 'failed', recipient: 0 }),
    ...entriesOf({ kind: 'deferred', recipients: [0, 5], attempts: 1, nextAt: 1 }),
    ...entriesOf({ kind: 'delivered', recipient: 900 }),
  ]);
  assert.deepEqual(states, [{ outcome: 'failed', attempts: 0, nextAt: 0 }]);
  assert.equal(isOver(states), true);
});

test('a list of 10,000 recipients becomes several notes, and a reply of a megabyte is cut', () => {
  const recipients = Array.from({ length: 10_000 }, (_, i) => i);
  const entries = entriesOf({ kind: 'deferred', recipients, attempts: 1, nextAt: 2, reply: 'x'.repeat(1_000_000) }, 10_000);
  assert.equal(entries.length, 3);
  const states = applyNotes(10_000, entries);
  assert.ok(states.every((s) => s.attempts === 1 && s.reply?.length === 512));
});

test('endings and seals name their segment; bytes that end too early are no note', () => {
  const entry = emptyNote();
  const end = encodeEnd(noteKind.settled, 'some-id', 12, 77);
  assert.equal(readNote(end, 0, end.length, entry), true);
  assert.deepEqual([entry.kind, entry.id, entry.sequence, entry.home], [noteKind.settled, 'some-id', 12, 77]);
  const seal = encodeSeal(13, 78, 4096);
  assert.equal(readNote(seal, 0, seal.length, entry), true);
  assert.deepEqual([entry.kind, entry.home, entry.offset], [noteKind.sealed, 78, 4096]);
  for (let bytes = 0; bytes < seal.length; bytes += 1) assert.equal(readNote(seal, 0, bytes, entry), false);
});

test('only a deferral of every recipient is marked as one', () => {
  const entry = emptyNote();
  const isForAll = (recipients: number[], total: number): boolean => {
    const [bytes = Buffer.alloc(0)] = entriesOf({ kind: 'deferred', recipients, attempts: 1, nextAt: 1 }, total);
    assert.ok(readNote(bytes, 0, bytes.length, entry));
    return entry.isForAll;
  };
  assert.equal(isForAll([0, 1], 2), true);
  assert.equal(isForAll([0], 2), false);
});
