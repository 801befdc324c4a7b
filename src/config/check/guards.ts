/**
 * Guards that do not work yet stop the start: a site must never run open because the program is not finished.
 *
 * The one rule: a guard counts when it is in use and restricts. It does not restrict when its value says so (`stopsAt`), when the value
 * is the option's own default (then the stanza changes nothing), when its module stands in passive mode, `Enabled = false` (CFG-14:
 * nothing runs by itself; scripts that call it are guards of their own), in a Listen with `Enable = false`, or inside a scope that has
 * no effect at all here, such as a listener that is never opened. A console over TCP is a guard by itself: nothing asks who comes.
 * One line a stanza: what stands inside a guard that was reported, or accepted, is covered by it.
 * Truth: ARCHITECTURE.md, "What may never break" 13; CFG-13, CFG-14.
 */
import { isKnownName, nearestKnownName, fold } from '../catalogue.ts';
import type { ConfigNotice, ConfigProblem } from '../errors.ts';
import { formatPath, describePath } from '../scopes/scope-path.ts';
import { isDeepEqual } from '../snapshot/changes.ts';
import type { Use } from './check.ts';

interface GuardVerdict {
  readonly problems: ConfigProblem[];
  readonly notices: ConfigNotice[];
  /** Guards in use that do not work: those that stop the start, and those the operator accepted. */
  readonly missing: readonly { readonly use: Use; readonly isAccepted: boolean }[];
}

export function judgeGuards(uses: readonly Use[]): GuardVerdict {
  const accepted = acceptedNames(uses);
  const verdict: { problems: ConfigProblem[]; notices: ConfigNotice[]; missing: { use: Use; isAccepted: boolean }[] } = {
    problems: [],
    notices: [],
    missing: [],
  };
  const covered = new Set<string>();
  for (const use of uses) {
    if (!isMissingGuard(use)) continue;
    if (use.path.some((_, index) => covered.has(formatPath(use.path.slice(0, index + 1))))) continue;
    if (use.what !== 'option') covered.add(formatPath(use.path));
    const isAccepted = accepted.names.has(fold(use.name)) || (use.module !== undefined && accepted.names.has(fold(use.module)));
    verdict.missing.push({ use, isAccepted });
    const surroundings = use.what === 'option' ? use.path : use.path.slice(0, -1);
    const where = surroundings.length === 0 ? '' : ` (in ${describePath(surroundings)})`;
    if (isAccepted)
      verdict.notices.push({
        message: use.guardReason ?? `${use.name}${where} protects nothing yet; Accept_Unimplemented lists it`,
        at: use.at,
      });
    else verdict.problems.push(guardProblem(use, where));
  }
  return {
    problems: [...verdict.problems, ...accepted.problems],
    notices: [...verdict.notices, ...accepted.notices],
    missing: verdict.missing,
  };
}

/** True for a guard in use that restricts and whose behaviour is not there yet. */
export function isMissingGuard(use: Use): boolean {
  if (use.isPassive) return false;
  const isGuard = use.status === 'guards' && !use.implemented;
  if (use.what !== 'option') return isGuard;
  if (use.value === undefined || use.declaration === undefined || use.isWithoutEffect) return false;
  const { stopsAt, type } = use.declaration;
  if (stopsAt !== undefined) return stopsAt(use.value);
  // A switch without a documented default is off.
  const standard = use.declaration.default ?? (type.kind === 'boolean' ? false : undefined);
  return isGuard && (standard === undefined || !isDeepEqual(use.value, standard));
}

function guardProblem(use: Use, where: string): ConfigProblem {
  return {
    code: 'guard-missing',
    manual: 'Global configuration error.',
    message:
      use.guardReason ?? `${use.name}${where} is a guard not working yet: it protects in Momentum, and here its behaviour is still missing`,
    at: use.at,
    hint: `take it out, or run without ${use.guardReason === undefined ? 'this protection' : 'it'}: Accept_Unimplemented = ( ${use.name} )`,
  };
}

function acceptedNames(uses: readonly Use[]): { names: Set<string>; problems: ConfigProblem[]; notices: ConfigNotice[] } {
  const names = new Set<string>();
  const problems: ConfigProblem[] = [];
  const notices: ConfigNotice[] = [];
  const option = uses.find((use) => use.what === 'option' && use.name === 'Accept_Unimplemented' && use.path.length === 0);
  if (option === undefined || !Array.isArray(option.value)) return { names, problems, notices };
  const missing = new Set(
    uses.filter(isMissingGuard).flatMap((use) => [fold(use.name), ...(use.module === undefined ? [] : [fold(use.module)])]),
  );
  for (const name of option.value as readonly string[]) {
    names.add(fold(name));
    if (!isKnownName(name)) {
      const nearest = nearestKnownName(name);
      const message = `Accept_Unimplemented names "${name}", which is no option, scope or module`;
      const hint = nearest === undefined ? {} : { hint: `did you mean ${nearest}?` };
      problems.push({ code: 'unused-name', manual: 'Global configuration error.', message, at: option.at, ...hint });
    } else if (!missing.has(fold(name))) {
      notices.push({ message: `Accept_Unimplemented names "${name}", which needs no acceptance here`, at: option.at });
    }
  }
  return { names, problems, notices };
}
