/** A message as modules change it: fields in front cost no look at the header, and all kinds of changes meet in the order in which they came. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { HeaderBlock } from '#mail';
import { KeptMessage } from './kept-message.ts';
import { ResidentBudget } from './resident-budget.ts';

function kept(...chunks: string[]): KeptMessage {
  const message = new KeptMessage(new ResidentBudget({ perMessage: 1_000_000, total: 1_000_000 }));
  for (const chunk of chunks) message.append(Buffer.from(chunk));
  return message;
}

const add = (name: string, value = '1') => ({ kind: 'add', name, value }) as const;

test('A47 fields that are added stand in front, the last on top, and the header is not read for them', () => {
  const parse = mock.method(HeaderBlock, 'parse');
  const message = kept('From: a\r\n', '\r\nbody\r\n');
  assert.equal(message.isChanged, false);
  assert.equal(message.edit([add('A'), add('B')]), true);
  assert.equal(message.edit([add('C')]), true);
  assert.equal(message.isChanged, true);
  assert.equal(message.whole()?.toString(), 'C: 1\r\nB: 1\r\nA: 1\r\nFrom: a\r\n\r\nbody\r\n');
  assert.equal(message.top(2)?.toString(), 'C: 1\r\nB: 1\r\nA: 1\r\nFrom: a\r\n\r\nbo');
  assert.equal(parse.mock.callCount(), 0);
  parse.mock.restore();
});

test('POL-07 a field that was added is replaced or taken away like any other', () => {
  const message = kept('From: a\r\nX: old\r\n\r\nbody\r\n');
  message.edit([add('A'), add('X', 'new')]);
  message.edit([{ kind: 'replace', name: 'x', value: 'third' }, add('B')]);
  assert.equal(message.whole()?.toString(), 'B: 1\r\nx: third\r\nA: 1\r\nFrom: a\r\n\r\nbody\r\n');
  message.edit([{ kind: 'remove', name: 'A' }]);
  message.edit([add('D')]);
  assert.equal(message.whole()?.toString(), 'D: 1\r\nB: 1\r\nx: third\r\nFrom: a\r\n\r\nbody\r\n');
  message.release();
  assert.equal(message.edit([add('E')]), false);
});
