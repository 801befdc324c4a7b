/*
 * What a reload accepts and only a restart puts into force (CFG-50), and the number of loops, which is one of these things.
 *
 * The one rule: whoever changed such an option is told so by name when it is accepted.
 */
import { declaredOptions, type OptionDeclaration, type Resolver } from '#config';

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
  const lines = [...changed(before.global(), after.global(), 'Global'), ...changed(before.security(), after.security(), 'Security')].map(
    (name) => `${name} has a new value; it takes effect at the next restart`,
  );
  if (loopCount(before) !== loopCount(after)) lines.push('EventLoop has a new Concurrency; it takes effect at the next restart');
  return lines;
}

/** The names of the options of a scope that work, differ, and are declared to wait for a restart. */
function changed(before: object, after: object, scope: 'Global' | 'Security'): string[] {
  const valueIn = (record: object, key: string): string => JSON.stringify((record as Readonly<Record<string, unknown>>)[key]) ?? '';
  const options: readonly OptionDeclaration[] = declaredOptions;
  return options
    .filter((option) => option.effect === 'restart' && option.status === 'works' && option.scopes.includes(scope))
    .filter(({ key }) => valueIn(before, key) !== valueIn(after, key))
    .map(({ name }) => name);
}
