// Help for tests of the spool: a spool in a temporary directory, envelopes, bodies, and promises around the callbacks.
//
// The rule to know: message n is made of n alone, so a test knows what must come back without keeping it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatMessageId, ManualClock, seededRandom } from '#base';
import type { Envelope } from '#mail';
import { claimSpool, type RecoveredBatch, Spool, type SpoolError, type SpoolFs, type SpoolOptions } from '#spool';

export function testId(n: number): string {
  return formatMessageId({ counter: n & 0xffff, instance: 7, slot: 1_700_000_000 + (n >>> 16) });
}

export function testEnvelope(n: number, recipients = 1): Envelope {
  const list = Array.from({ length: recipients }, (_, i) => ({
    id: i === 0 ? testId(n) : testId(n + 0x1000_0000 + i * 0x10_0000),
    address: `user${i}@example.com`,
    local: `user${i}`,
    domain: 'example.com',
    binding: 'default',
    bindingGroup: 'default',
  }));
  return {
    batchId: testId(n),
    connectionId: testId(n),
    sender: `sender${n}@example.org`,
    recipients: list,
    receivedAt: 1_700_000_000_000 + n,
    size: 0,
    remoteIp: '192.0.2.1',
    remotePort: 4000,
    protocol: 'esmtp',
    helo: 'client.example',
    contextConnection: {},
    contextMessage: { 'x-n': String(n) },
  };
}

/** A body that says which message it is, of any length. */
export function testBody(n: number, bytes = 300): Buffer {
  const text = `Subject: message ${n}\r\n\r\n`;
  return Buffer.from(text + `line of message ${n}\r\n`.repeat(Math.ceil(bytes / 15))).subarray(0, Math.max(bytes, 8));
}

export interface TestSpool {
  dir: string;
  panics: string[];
  clock: ManualClock;
  /** For SpoolOptions.later: time passes at once. */
  later(ms: number, work: () => void): void;
  open(more?: Partial<SpoolOptions>): Promise<Spool>;
  remove(): void;
}

/** A claimed spool directory (without the lock: tests open it again and again). */
export async function testSpool(
  disk?: SpoolFs,
  dir = disk === undefined ? mkdtempSync(join(tmpdir(), 'impetus-spool-')) : '/spool',
): Promise<TestSpool> {
  const panics: string[] = [];
  const clock = new ManualClock();
  const lock = () => ({ release: () => undefined });
  await claimSpool({ dir, random: seededRandom(1), lock, ...(disk === undefined ? {} : { disk }) });
  const fixed = { dir, loop: 0, clock, durable: true, segmentBytes: 65_536, panic: (text: string) => void panics.push(text) };
  return {
    dir,
    panics,
    clock,
    later: (ms, work) => {
      setImmediate(() => {
        clock.advance(ms);
        work();
      });
    },
    open: (more) => Spool.open({ ...fixed, ...(disk === undefined ? {} : { fs: disk }), ...more }),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Stores one message; resolves with undefined or the error. */
export function store(spool: Spool, envelope: Envelope, body: Buffer): Promise<SpoolError | undefined> {
  return new Promise((resolve) => {
    const draft = spool.openDraft();
    draft.append(body);
    draft.commit(envelope, resolve);
  });
}

export function load(spool: Spool, batchId: string): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    spool.loadBody(batchId, (error, body) => (body === undefined ? reject(error ?? new Error('nothing')) : resolve(body))),
  );
}

export async function recoverAll(spool: Spool): Promise<RecoveredBatch[]> {
  const all: RecoveredBatch[] = [];
  for await (const batch of spool.recover()) all.push(batch);
  return all;
}
