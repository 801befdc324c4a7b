/*
 * What a reload accepts and only a restart puts into force (CFG-50), and the number of loops, which is one of these things.
 *
 * The one rule: whoever changed such an option is told so by name when it is accepted.
 */
import type { Resolver } from '#config';

/** Loops of the first EventLoop pool; by default a core is left to everything else. */
export function loopCount(resolver: Resolver): number {
  const [pool] = resolver.eventLoops().values();
  return Math.min(64, Math.max(1, pool?.concurrency ?? Math.max(1, availableCores() - 1)));
}

function availableCores(): number {
  return Number(process.env['EC_CORES']) || navigator.hardwareConcurrency;
}

/** CFG-50: what a reload accepts and a restart puts into force. */
export function restartOnly(before: Resolver, after: Resolver): string[] {
  const [a, b] = [before.global(), after.global()];
  const names = {
    spoolBase: 'SpoolBase',
    spoolMode: 'Spool_Mode',
    pidFile: 'PidFile',
    forceFsync: 'Force_Fsync',
    hostname: 'Hostname',
  } as const;
  const lines = Object.entries(names)
    .filter(([key]) => a[key as keyof typeof names] !== b[key as keyof typeof names])
    .map(([, name]) => `${name} has a new value; it takes effect at the next restart`);
  if (loopCount(before) !== loopCount(after)) lines.push('EventLoop has a new Concurrency; it takes effect at the next restart');
  return lines;
}
