// One seeded life of a spool on a disk that fails, and the questions that must be answered with yes afterwards.
//
// The rule to know: what was answered "durable" and not settled is there once and exactly; what was settled durably is not there; what was refused
// (and something written since) is not there; nothing else is there but messages whose commit was asked and not answered.
// The same seed gives the same life. Nothing here knows how the spool works inside.

import assert from 'node:assert/strict';
import { type Random, seededRandom } from '#base';
import type { RecoveredBatch, Spool, SpoolError } from '#spool';
import { FaultyDisk, type FaultPlan } from './faulty-disk.ts';
import { load, recoverAll, testBody, testEnvelope, type TestSpool, testSpool } from './spool.ts';

export interface Life {
  disk: FaultyDisk;
  committed: Set<number>;
  acknowledged: Set<number>;
  refused: Set<number>;
  /** Refused, and something became durable since. */
  surelyRefused: Set<number>;
  settled: Set<number>;
  surelySettled: Set<number>;
  /** Message -> recipients surely noted as delivered. */
  surelyDelivered: Map<number, Set<number>>;
  errors: SpoolError[];
  panics: string[];
}

export interface Campaign {
  seed: number;
  messages: number;
  /** Most messages whose commits are asked at the same moment: four, or as many as sessions at full speed. */
  together?: number;
  plan?: FaultPlan;
  /** A disk with a history; its life goes on. */
  before?: Life;
  firstMessage?: number;
}

export function emptyLife(disk: FaultyDisk): Life {
  const sets = {
    committed: new Set<number>(),
    acknowledged: new Set<number>(),
    refused: new Set<number>(),
    surelyRefused: new Set<number>(),
  };
  return { disk, ...sets, settled: new Set(), surelySettled: new Set(), surelyDelivered: new Map(), errors: [], panics: [] };
}

export const recipientsOf = (n: number): number => 1 + (n % 3);
export const bodyOf = (n: number): Buffer => testBody(n, n % 11 === 10 ? 40_000 + n : 100 + ((n * 397) % 6000));

/** Lives until the work is done or the power goes. */
export async function live(c: Campaign): Promise<Life> {
  const random = seededRandom(c.seed);
  const disk = c.before?.disk ?? new FaultyDisk(seededRandom(c.seed + 1));
  const life = c.before ?? emptyLife(disk);
  const off = new Promise<'off'>((resolve) => (disk.onCut = () => resolve('off')));
  if (c.plan !== undefined) disk.plan = c.plan;
  const end = await Promise.race([off, work(c, life, random)]);
  if (end !== 'off') disk.plan = () => undefined;
  return life;
}

async function work(c: Campaign, life: Life, random: Random): Promise<'done'> {
  let s: TestSpool;
  let spool: Spool;
  try {
    s = await testSpool(life.disk);
    spool = await s.open({ largeMessageBytes: 16_000, later: s.later });
  } catch {
    return 'done';
  }
  life.panics = s.panics;
  const pending = new Map<number, number>();
  for await (const batch of spool.recover()) pending.set(Number(batch.envelope.contextMessage['x-n']), 1);
  const first = c.firstMessage ?? 0;
  for (let n = first; n < first + c.messages;) {
    const group = Array.from({ length: 1 + random.int(c.together ?? 4) }, () => n++);
    await Promise.all(group.map((m) => storeOne(spool, life, m, random)));
    for (const m of group) if (life.acknowledged.has(m)) pending.set(m, 0);
    await changeSome(spool, life, pending, random);
    s.clock.advance(random.int(400));
  }
  await spool.close();
  return 'done';
}

async function storeOne(spool: Spool, life: Life, n: number, random: Random): Promise<void> {
  const draft = spool.openDraft();
  const body = bodyOf(n);
  for (let at = 0; at < body.length; at += 9000) {
    if (!draft.append(body.subarray(at, at + 9000))) await new Promise<void>((resolve) => (draft.onDrain = resolve));
    if (random.int(8) === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  if (random.int(12) === 0) {
    draft.abort();
    return;
  }
  life.committed.add(n);
  await new Promise<void>((resolve) => {
    draft.commit(testEnvelope(n, recipientsOf(n)), (error) => {
      if (error === undefined) {
        life.acknowledged.add(n);
        for (const m of life.refused) life.surelyRefused.add(m);
      } else {
        life.refused.add(n);
        life.errors.push(error);
      }
      resolve();
    });
  });
}

/** Delivers, defers and settles some, and sometimes waits until the disk has it. */
async function changeSome(spool: Spool, life: Life, pending: Map<number, number>, random: Random): Promise<void> {
  const delivered: [number, number][] = [];
  const settled: number[] = [];
  for (const [n] of pending) {
    const dice = random.int(10);
    const batchId = testEnvelope(n).batchId;
    if (dice < 2)
      spool.note(batchId, {
        kind: 'deferred',
        recipients: [0],
        attempts: random.int(9),
        nextAt: random.int(1e6),
        reply: '451 4.3.0 later',
      });
    if (dice === 2 && recipientsOf(n) > 1) {
      spool.note(batchId, { kind: 'delivered', recipient: 1 });
      delivered.push([n, 1]);
    }
    if (dice > 5) {
      spool.settled(batchId);
      life.settled.add(n);
      settled.push(n);
      pending.delete(n);
    }
  }
  if (random.int(3) !== 0) return;
  const failedBefore = life.panics.length;
  await spool.flush();
  if (life.panics.length !== failedBefore || spool.isClosed) return;
  for (const n of settled) life.surelySettled.add(n);
  for (const [n, recipient] of delivered) life.surelyDelivered.set(n, (life.surelyDelivered.get(n) ?? new Set()).add(recipient));
}

/** Starts a spool on what the crash left and asks all the questions. Answers the messages found. */
export async function judge(life: Life, how: 'power' | 'kill' | 'none'): Promise<{ disk: FaultyDisk; found: number[]; panics: string[] }> {
  const disk = how === 'none' ? life.disk : life.disk.after(how);
  disk.plan = () => undefined;
  const s = await testSpool(disk);
  const spool = await s.open();
  const batches = await recoverAll(spool);
  const found = await judgeBatches(life, spool, batches);
  await spool.close();
  const again = await s.open();
  const second = (await recoverAll(again)).map((b) => Number(b.envelope.contextMessage['x-n']));
  assert.deepEqual(second.sort(byNumber), [...found].sort(byNumber), 'recovery twice gives the same');
  await again.close();
  return { disk, found, panics: s.panics };
}

const byNumber = (a: number, b: number): number => a - b;

async function judgeBatches(life: Life, spool: Spool, batches: RecoveredBatch[]): Promise<number[]> {
  const found = new Set<number>();
  for (const { envelope, states } of batches) {
    const n = Number(envelope.contextMessage['x-n']);
    assert.ok(!found.has(n), `message ${n} came back twice`);
    found.add(n);
    assert.ok(life.committed.has(n), `message ${n} was never committed`);
    assert.ok(!life.surelySettled.has(n), `message ${n} was settled durably and came back`);
    assert.ok(!life.surelyRefused.has(n), `message ${n} was refused and came back`);
    assert.deepEqual(envelope, testEnvelope(n, recipientsOf(n)));
    assert.ok((await load(spool, envelope.batchId)).equals(bodyOf(n)), `the body of message ${n} is another one`);
    for (const recipient of life.surelyDelivered.get(n) ?? []) {
      assert.equal(states[recipient]?.outcome, 'delivered', `recipient ${recipient} of ${n} would get it twice`);
    }
  }
  for (const n of life.acknowledged) {
    assert.ok(found.has(n) || life.settled.has(n), `message ${n} was answered durable and is lost`);
  }
  return [...found];
}
