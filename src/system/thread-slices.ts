// How soon the system lets a thread run when others keep its processors busy: threads of event loops ask for short slices.
//
// The rule to know: nobody gets more of a processor by it, only sooner: who asks for little at a time is let in front of who has longer slices, such as the
// main thread while it reads a configuration, or the collector's. It needs no right, and what such a thread starts does not inherit it.
// Linux before 6.12 takes the call and goes on as before. Truth: sched_setattr(2), Documentation/scheduler/sched-eevdf.rst.

import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { libc } from './ffi.ts';

/** The least that the system grants, in nanoseconds; its usual one is 1 to 3 ms. */
const sliceNs = 100_000n;
const resetOnFork = 1n;
const callNumbers: Readonly<Record<string, number | undefined>> = { x64: 314, arm64: 274 };

/** Asks for all threads of this process whose name `isOne` takes; tells the names for which the system said yes. */
export function shortenSlices(isOne: (name: string) => boolean): string[] {
  const c = libc();
  const number = callNumbers[process.arch];
  if (c === undefined || number === undefined) return [];
  const done: string[] = [];
  for (const [id, name] of threads()) {
    if (isOne(name) && c.syscall(number, id, attributes(getPriority(id)), 0) === 0) done.push(name);
  }
  return done;
}

/** struct sched_attr: size, policy (0, the usual one), flags, nice, priority, runtime, deadline, period. */
function attributes(nice: number): Buffer {
  const bytes = Buffer.alloc(48);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeBigUInt64LE(resetOnFork, 8);
  bytes.writeInt32LE(nice, 16);
  bytes.writeBigUInt64LE(sliceNs, 24);
  return bytes;
}

function threads(): [number, string][] {
  const tasks = '/proc/self/task';
  try {
    return readdirSync(tasks).flatMap((id): [number, string][] => {
      try {
        return [[Number(id), readFileSync(`${tasks}/${id}/comm`, 'utf8').trimEnd()]];
      } catch {
        return []; // It has ended meanwhile.
      }
    });
  } catch {
    return [];
  }
}
