// A67: a log with every sort of damage comes back as far as it holds; the rest is put aside with a line, and start-up goes on.
//
// The rule to know: each case damages a healthy log of 60 messages, and says what must still be there and what the panic line must say.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#base';
import { FaultyDisk } from '../../test/kit/faulty-disk.ts';
import { load, recoverAll, store, testBody, testEnvelope, testId, testSpool } from '../../test/kit/spool.ts';

async function healthy(): Promise<{ disk: FaultyDisk; segments: string[] }> {
  const disk = new FaultyDisk(seededRandom(9));
  const s = await testSpool(disk);
  const spool = await s.open();
  for (let n = 0; n < 60; n += 1) await store(spool, testEnvelope(n), testBody(n, 2000));
  await spool.close();
  return { disk, segments: disk.paths.filter((p) => p.endsWith('.seg')) };
}

/** Recovers twice: the same is found, and the panic lines come only once. */
async function comeBack(disk: FaultyDisk): Promise<{ found: number[]; panics: string[] }> {
  const s = await testSpool(disk);
  const spool = await s.open();
  const found: number[] = [];
  for (const b of await recoverAll(spool)) {
    const n = Number(b.envelope.contextMessage['x-n']);
    found.push(n);
    assert.deepEqual(await load(spool, testId(n)), testBody(n, 2000));
  }
  assert.equal(await store(spool, testEnvelope(900), testBody(900)), undefined, 'new mail is taken');
  spool.settled(testId(900));
  await spool.close();
  const panics = [...s.panics];
  const again = await s.open();
  assert.equal((await recoverAll(again)).length, found.length);
  assert.deepEqual(s.panics, panics, 'told once');
  await again.close();
  return { found, panics };
}

function change(disk: FaultyDisk, path: string, how: (bytes: Buffer) => Buffer): void {
  disk.place(path, how(Buffer.from(disk.bytesOf(path))));
}

test('A67 a garbled record in the middle costs that record and no other', async () => {
  const { disk, segments } = await healthy();
  change(disk, segments[0] ?? '', (bytes) => {
    bytes.fill(0xaa, 5000, 5050);
    return bytes;
  });
  const { found, panics } = await comeBack(disk);
  assert.equal(found.length, 59);
  assert.equal(panics.length, 1);
  assert.match(
    panics[0] ?? '',
    /bytes that are no record: \d+ bytes at \d+ of .*\.seg; a copy is in \/spool\/quarantine\/0-\d+-\d+\.bytes/,
  );
});

test('A67 a record whose very first bytes are garbled is damage too, not the end of the log', async () => {
  const { disk, segments } = await healthy();
  change(disk, segments[0] ?? '', (bytes) => {
    bytes.fill(0, 64, 68);
    return bytes;
  });
  assert.equal((await comeBack(disk)).found.length, 59);
});

test('A67 a segment cut off in the middle of a record gives all before it', async () => {
  const { disk, segments } = await healthy();
  change(disk, segments[0] ?? '', (bytes) => bytes.subarray(0, 6001));
  const { found, panics } = await comeBack(disk);
  assert.ok(found.includes(0) && found.includes(1) && found.length < 60);
  assert.match(panics[0] ?? '', /an unfinished record/);
});

test('A67 zero-length and foreign segment files are moved aside', async () => {
  const { disk } = await healthy();
  disk.place('/spool/0/000000000050.seg', Buffer.alloc(0));
  disk.place('/spool/0/000000000051.seg', Buffer.from('#!/bin/sh\necho this is no segment\n'.repeat(20)));
  const { found, panics } = await comeBack(disk);
  assert.equal(found.length, 60);
  assert.deepEqual(panics.map((p) => p.replace(/:.*/s, '')).length, 2);
  assert.ok(panics.some((p) => p.includes('an empty segment')) && panics.some((p) => p.includes('no segment of ours')));
  assert.deepEqual(
    disk.paths.filter((p) => p.includes('/quarantine/')),
    ['/spool/quarantine/0-50.file', '/spool/quarantine/0-51.file'],
  );
});

test('A67 a segment of another spool, or one under another name, is not mistaken for ours', async () => {
  const { disk, segments } = await healthy();
  const copy = Buffer.from(disk.bytesOf(segments[0] ?? ''));
  disk.place('/spool/0/000000000070.seg', copy);
  const other = Buffer.from(copy);
  other.writeUInt32LE(0x0bad_cafe, 8);
  disk.place('/spool/0/000000000071.seg', other);
  const { found, panics } = await comeBack(disk);
  assert.equal(found.length, 60);
  assert.equal(panics.length, 2);
});

test('A67 a garbled segment header does not cost the records behind it', async () => {
  const { disk, segments } = await healthy();
  change(disk, segments[0] ?? '', (bytes) => {
    bytes.fill(0x55, 0, 64);
    return bytes;
  });
  assert.equal((await comeBack(disk)).found.length, 60);
});

test('A67 bytes that look like a record, mailed to us inside a message, are not believed when damage makes us search', async () => {
  const { disk } = await healthy();
  const s = await testSpool(disk);
  const spool = await s.open();
  const segment = disk.paths.find((p) => p.endsWith('.seg')) ?? '';
  // A whole segment as body: valid records, for who does not look at the generation and the log's secret seed.
  const forged = Buffer.from(disk.bytesOf(segment).subarray(64, 12_000));
  for (let n = 100; n < 104; n += 1) await store(spool, testEnvelope(n), forged);
  await spool.close();
  const newest = disk.paths.filter((p) => p.endsWith('.seg')).at(-1) ?? '';
  change(disk, newest, (bytes) => {
    bytes.fill(0xaa, 70, 100);
    return bytes;
  });
  const again = await testSpool(disk);
  const found = (await recoverAll(await again.open())).map((b) => b.envelope.batchId);
  assert.equal(new Set(found).size, found.length);
  assert.equal(found.length, 63);
});

test('names that are not ours in a log directory are left alone, with one line each start', async () => {
  const { disk } = await healthy();
  disk.place('/spool/0/notes.txt', Buffer.from('mine'));
  const s = await testSpool(disk);
  const spool = await s.open();
  await recoverAll(spool);
  await spool.close();
  assert.ok(disk.paths.includes('/spool/0/notes.txt'));
  assert.deepEqual(s.panics, ['spool: /spool/0/notes.txt is not ours; it is left alone']);
});
