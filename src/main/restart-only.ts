/*
 * What a reload accepts and only a restart puts into force (CFG-50); the event loops are among these things.
 *
 * The one rule: whoever changed such an option is told so by name when it is accepted.
 */
import { declaredOptions, type OptionDeclaration, type Resolver } from '#config';
import { loopPlan } from './event-loops.ts';

/** CFG-50: what a reload accepts and a restart puts into force. */
export function restartOnly(before: Resolver, after: Resolver): string[] {
  const lines = [...changed(before.global(), after.global(), 'Global'), ...changed(before.security(), after.security(), 'Security')].map(
    (name) => `${name} has a new value; it takes effect at the next restart`,
  );
  const plans = [before, after].map((resolver) => JSON.stringify([...loopPlan(resolver).pools]));
  if (plans[0] !== plans[1]) lines.push('EventLoop has other pools or another Concurrency; it takes effect at the next restart');
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
