/**
 * Goal 4: bodies of 1 MB and 25 MB stream to the disk at 0.6 of a plain copy of the same bytes with one fdatasync a message, and a session that receives
 * one takes less than 256 KB of memory. Runs of less than a second would measure compiling. Beside it, as context, what a bare Node.js server of the same
 * job reaches (../floor-large.ts): a file a message, one fdatasync, nothing else.
 *
 * The one rule: the memory of a session is the difference of the peaks with 110 and with 10 sessions, by 100: what traffic costs anyway is in both.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interleave, rates, ratio, round, type Effort, type Figure } from '../goal.ts';
import { median } from '../measure.ts';

/** Messages a second of a program that only copies: a file each, 64 KiB a write. */
function copies(bytes: number, count: number): number {
  const dir = mkdtempSync(join(tmpdir(), 'bench-copy-'));
  const part = Buffer.alloc(65_536, 'x');
  const begun = performance.now();
  for (let n = 0; n < count; n += 1) {
    const fd = openSync(join(dir, String(n)), 'w');
    for (let left = bytes; left > 0; left -= part.length) writeSync(fd, part, 0, Math.min(left, part.length));
    fdatasyncSync(fd);
    closeSync(fd);
  }
  const seconds = (performance.now() - begun) / 1000;
  rmSync(dir, { recursive: true });
  return count / seconds;
}

export async function large({ rounds, isFull }: Effort): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [megabytes, count] of [
    [1, isFull ? 1000 : 400],
    [25, isFull ? 60 : 24],
  ] as const) {
    const bytes = megabytes * 1_000_000;
    const load = { sessions: 4, count, bytes, keep: true };
    const ratios: number[] = [];
    const floors: number[] = [];
    let note = '';
    for (let i = 0; i < rounds; i += 1) {
      // Not the bare server of the other goals: it joins what it reads anew for each read, which is nothing for 5 KB and everything for 25 MB.
      const all = await interleave(['impetus', 'floorlarge'], 1, { workload: 'accept', load, options: { warmUp: Math.ceil(count / 3) } });
      const plain = copies(bytes, count);
      const [mine] = all.get('impetus') ?? [];
      if (mine?.perSecond !== undefined) ratios.push(mine.perSecond / plain);
      const toFloor = ratio(all, 'impetus', 'floorlarge', 'perSecond');
      if (toFloor !== undefined) floors.push(toFloor);
      note = `${rates(all)}, copy ${Math.round(plain)}/s`;
    }
    const value = ratios.length === 0 ? undefined : round(median(ratios));
    figures.push({ what: `bodies of ${megabytes} MB: rate against a plain copy`, value, unit: 'x', limit: { atLeast: 0.6 }, note });
    const beside = floors.length === 0 ? undefined : round(median(floors));
    const what = `bodies of ${megabytes} MB: rate against a bare Node.js server that writes a file each`;
    figures.push({ what, value: beside, unit: 'x', limit: undefined, note: 'context' });
  }
  return [...figures, ...(await perSession(isFull ? 25 : 10))];
}

const FEW = 10;
const MANY = 110;

async function perSession(megabytes: number): Promise<Figure[]> {
  const peak = async (sessions: number): Promise<number | undefined> => {
    const load = { sessions, count: sessions, bytes: megabytes * 1_000_000, keep: false };
    const options = { warmUp: 10 };
    const all = await interleave(['impetus'], 1, { workload: 'accept', load, options });
    return all.get('impetus')?.[0]?.peakMb;
  };
  const [few, many] = [await peak(FEW), await peak(MANY)];
  const value = few === undefined || many === undefined ? undefined : Math.max(0, Math.round(((many - few) * 1000) / (MANY - FEW)));
  const note = `resident at most ${few} MB with ${FEW}, ${many} MB with ${MANY} sessions`;
  return [{ what: `memory of a session that receives ${megabytes} MB`, value, unit: 'KB', limit: { atMost: 256 }, note }];
}
