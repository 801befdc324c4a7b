/*
 * ec_spool_check as a person runs it: the words, the exit status, and what is left of the spool afterwards.
 *
 * The one rule: the tool is run from source as a process of its own; the spool is made by the real room in a temporary directory.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { seededRandom, systemClock } from '#base';
import { claimSpool, Spool } from '#spool';
import { recoverAll, store, testBody, testEnvelope, testId } from '../../test/kit/spool.ts';

const tool = fileURLToPath(new URL('ec_spool_check.ts', import.meta.url));
const repository = fileURLToPath(new URL('../..', import.meta.url));

function run(...words: string[]): { status: number | null; out: Buffer; err: string } {
  const result = spawnSync(process.execPath, ['-C', 'impetus-source', '--disable-warning=ExperimentalWarning', tool, ...words], {
    cwd: repository,
  });
  return { status: result.status, out: result.stdout, err: result.stderr.toString() };
}

async function open(dir: string): Promise<Spool> {
  return Spool.open({ dir, loop: 0, clock: systemClock, durable: true, segmentBytes: 65_536, panic: () => undefined });
}

async function makeSpool(t: TestContext): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-check-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const claim = await claimSpool({ dir, random: seededRandom(1) });
  const spool = await open(dir);
  await store(spool, testEnvelope(1, 2), testBody(1));
  await store(spool, testEnvelope(2), testBody(2, 400_000));
  await store(spool, testEnvelope(3), testBody(3));
  spool.note(testId(3), { kind: 'deferred', recipients: [0], attempts: 2, nextAt: 5 });
  await store(spool, testEnvelope(4), testBody(4));
  spool.settled(testId(4));
  await spool.close();
  claim.release();
  return dir;
}

test('ec_spool_check verifies a spool, lists it, and extracts by batch id and by message id', async (t) => {
  const dir = await makeSpool(t);
  const check = run(dir);
  assert.equal(check.status, 0, check.err);
  assert.match(check.out.toString(), /3 live messages \(4 open recipients, 400600 bytes\)/);
  assert.match(check.out.toString(), /no problems found/);
  const list = run(dir, '--list');
  const secondId = testEnvelope(1, 2).recipients[1]?.id ?? '';
  assert.equal(list.out.toString().trim().split('\n').length, 4);
  assert.ok(list.out.toString().includes(`${testId(1)} ${secondId} open 0 300 <sender1@example.org> <user1@example.com>\n`));
  assert.ok(list.out.toString().includes(`${testId(3)} ${testId(3)} open 2 300 `));
  assert.deepEqual(run(dir, '--extract', testId(2)).out, testBody(2, 400_000));
  assert.deepEqual(run(dir, '--extract', secondId).out, testBody(1));
  const missing = run(dir, '--extract', testId(4));
  assert.equal(missing.status, 1);
  assert.equal(missing.err, `ec_spool_check: no live message "${testId(4)}" in ${dir}\n`);
});

test('ec_spool_check --drop takes a recipient, then the batch, out for good', async (t) => {
  const dir = await makeSpool(t);
  const secondId = testEnvelope(1, 2).recipients[1]?.id ?? '';
  const one = run(dir, '--drop', secondId);
  assert.equal(one.status, 0, one.err);
  assert.match(one.out.toString(), /dropped .* to <user1@example.com>\nmessage .* stays for its other recipients\n/);
  assert.equal(run(dir, '--drop', testId(2)).status, 0);
  let spool = await open(dir);
  const found = await recoverAll(spool);
  assert.deepEqual(found.map((b) => b.envelope.batchId).sort(), [testId(1), testId(3)].sort());
  const states = found.find((b) => b.envelope.batchId === testId(1))?.states.map((s) => s.outcome);
  assert.deepEqual(states, ['open', 'dropped']);
  await spool.close();
  assert.match(run(dir, '--drop', testId(1)).out.toString(), /is out of the spool/);
  spool = await open(dir);
  assert.equal((await recoverAll(spool)).length, 1);
  await spool.close();
});

test('ec_spool_check refuses a spool in use unless --live, and a directory that is none', async (t) => {
  const dir = await makeSpool(t);
  const claim = await claimSpool({ dir, random: seededRandom(1) });
  const refused = run(dir);
  assert.equal(refused.status, 1);
  assert.match(refused.err, /in use by another process.*; stop the server first, or only look with --live/);
  const live = run(dir, '--live');
  assert.equal(live.status, 0, live.err);
  assert.equal(run(dir, '--drop', testId(1), '--live').status, 64);
  claim.release();
  const before = readdirSync(tmpdir()).length;
  const foreign = run(tmpdir());
  assert.equal(foreign.status, 1);
  assert.match(foreign.err, /is not an Impetus spool/);
  assert.ok(before > 0);
});

test('A67 ec_spool_check finds a garbled record, says where, and exits 1', async (t) => {
  const dir = await makeSpool(t);
  const name = readdirSync(join(dir, '0')).find((n) => n.endsWith('.seg') && statSync(join(dir, '0', n)).size === 65_536) ?? '';
  const fd = openSync(join(dir, '0', name), 'r+');
  writeSync(fd, Buffer.from('garbage'), 0, 7, 64 + 200);
  closeSync(fd);
  const check = run(dir);
  assert.equal(check.status, 1);
  assert.match(check.out.toString(), new RegExp(`problem: .*${name} at 64: \\d+ bytes that are no record\n1 problem found\n`));
});

test('ec_spool_check says what is wrong with its words', () => {
  assert.equal(run().status, 64);
  assert.match(run('/x', '--frobnicate').err, /"--frobnicate" is not an option/);
  assert.match(run('/x', '--drop').err, /"--drop" needs the id of a message/);
  assert.match(run('--help').out.toString(), /usage: ec_spool_check DIR/);
});
