/** Bodies on their way to the draft: what a client that sends in small pieces costs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageDraft } from '#intake';
import { DEFAULT_BODY_RULES } from '#smtp';
import { BodyIntake } from './body-intake.ts';

function intake(isCopying = false): { body: BodyIntake; pieces: Buffer[] } {
  const pieces: Buffer[] = [];
  const body = new BodyIntake();
  const draft = {
    append: (piece: Buffer) => pieces.push(piece) > 0,
    abort: () => undefined,
    abandonedSize: 0,
    isCopying,
  } as unknown as MessageDraft;
  body.open(draft, { ...DEFAULT_BODY_RULES, dateHeader: 'ignore', messageIdHeader: 'ignore' }, () => undefined);
  return { body, pieces };
}

const message = `Subject: x\r\n\r\n${'0123456789\r\n'.repeat(1500)}`;

test('A body that comes byte by byte is gathered in few pieces, and is the same message (A58, A12)', () => {
  const { body, pieces } = intake();
  body.beginData(() => undefined);
  for (const byte of Buffer.from(`${message}.\r\n`)) body.push(Buffer.of(byte));
  assert.equal(body.isReading, false);
  assert.equal(body.complete(), undefined);
  assert.equal(Buffer.concat(pieces).toString('latin1'), message);
  // Each piece costs memory beside its octets: with one a read, this message would have 18,000.
  assert.ok(pieces.length <= 2 + message.length / 4096 + 1, `${pieces.length} pieces`);
  // A piece that was given away is not written to again.
  assert.equal(new Set(pieces.map((piece) => piece.buffer)).size, pieces.length);
});

test('A large read is given to a draft that keeps it as a copy, and as it is to one that copies by itself, behind what was gathered before it (A12)', () => {
  for (const isCopying of [false, true]) {
    const { body, pieces } = intake(isCopying);
    body.beginData(() => undefined);
    assert.equal(body.isStreaming, isCopying);
    const bytes = Buffer.from(`${message}.\r\n`);
    body.push(bytes.subarray(0, 20));
    body.push(bytes.subarray(20, 5000));
    body.push(bytes.subarray(5000));
    assert.equal(body.complete(), undefined);
    assert.equal(Buffer.concat(pieces).toString('latin1'), message);
    assert.equal(
      pieces.some((piece) => piece.buffer === bytes.buffer),
      isCopying,
    );
  }
});

test('What was gathered counts as given up when the message is (A22)', () => {
  const { body, pieces } = intake();
  body.beginChunk(100, () => undefined);
  body.push(Buffer.from('Subject: x\r\n\r\nabc'));
  body.push(Buffer.from('def'));
  assert.equal(Buffer.concat(pieces).length + body.abandonedSize, 20);
  body.drop();
  assert.equal(body.abandonedSize, 0);
});
