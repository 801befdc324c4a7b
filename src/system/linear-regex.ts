// Patterns that cannot be made to take long: RE2's language, matched in time that grows with the length of pattern and subject and with nothing else.
//
// The rule to know: what a machine without memory of the text cannot match (back-references, look-around, atomic groups) is refused with its name, never
// handed to an engine that tries all ways. One match takes at most `linearLimits.steps` steps: pattern times subject; a longer subject matches nothing,
// and is never cut, so that its end is always judged with its beginning.
// Not here: PCRE with limits, which all other patterns of the configuration are (pcre.ts). Truth: AUTH-41, https://github.com/google/re2/wiki/Syntax.

import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import { compilePcre } from './pcre.ts';

interface LinearRegex {
  /** True when the pattern matches anywhere in the subject. Never throws on any subject. */
  test(subject: string): boolean;
}

type LinearResult = { ok: true; regex: LinearRegex } | { ok: false; message: string; /** Characters into the pattern. */ offset: number };

/** `steps`: places of the compiled pattern times characters of the subject, 50 ns each at worst. `size`: what repeats may unfold a pattern to. */
export const linearLimits = { patternLength: 4_096, size: 200_000, steps: 4_000_000 } as const;

const expected = "expected RE2's syntax, which is matched in linear time";

/** What a linear engine cannot do, by how the pattern says it. */
const impossible: readonly { readonly form: RegExp; readonly name: string }[] = [
  { form: /^\\[1-9gk]/, name: 'back-references' },
  { form: /^\(\?<?[=!]/, name: 'look-around' },
  { form: /^(?:\(\?>|[*+?}]\+)/, name: 'atomic groups and possessive repeats' },
  { form: /^\(\?(?:R|&|P>|[-+]?\d)/, name: 'recursion' },
  { form: /^\(\?\(/, name: 'conditions' },
];

let library: typeof Re2 | undefined;

/** Compiles; a wrong pattern, or one that needs more than a linear engine, gives a sentence and the place. */
export function compileLinear(pattern: string, flags: { readonly caseless: boolean }): LinearResult {
  if (pattern.length > linearLimits.patternLength)
    return {
      ok: false,
      message: `the pattern is longer than ${linearLimits.patternLength} characters`,
      offset: linearLimits.patternLength,
    };
  if (unfoldedSize(pattern) > linearLimits.size)
    return { ok: false, message: `its repeats unfold to more than ${linearLimits.size} places: expected fewer or smaller ones`, offset: 0 };
  // At first use: most configurations have no such pattern.
  library ??= createRequire(import.meta.url)('re2js') as typeof Re2;
  try {
    const compiled = library.RE2JS.compile(pattern, flags.caseless ? library.RE2JS.CASE_INSENSITIVE : 0);
    const longest = linearLimits.steps / compiled.programSize();
    return { ok: true, regex: { test: (subject) => subject.length <= longest && compiled.test(subject) } };
  } catch (error) {
    return refusal(pattern, (error as Error).message);
  }
}

/** The engine copies what is repeated, nested repeats at most a thousand times; an upper bound that costs nothing to find. */
function unfoldedSize(pattern: string): number {
  let times = 1;
  for (const [, from, to] of pattern.matchAll(/\{(\d{1,4})(?:,(\d{0,4}))?\}/g))
    times = Math.min(1_000, times * Math.max(1, Number(from), Number(to ?? 0)));
  return pattern.length * times;
}

function refusal(pattern: string, words: string): LinearResult {
  // "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"
  const fragment = /`(.*)`$/s.exec(words)?.[1] ?? '';
  const offset = Math.max(0, pattern.indexOf(fragment));
  const cannot = impossible.find(({ form }) => form.test(pattern.slice(offset)) || form.test(fragment));
  if (cannot !== undefined) return { ok: false, message: `${cannot.name} cannot be matched in linear time; ${expected}`, offset };
  return { ok: false, message: `${words.replace(/^error parsing regexp: /, '')}; ${expected}`, offset };
}

/** What the readers of a configuration are handed: each pattern by the engine that it will be matched with. */
export function compileRegex(
  pattern: string,
  flags: { readonly caseless: boolean; readonly isLinear?: boolean },
): LinearResult | ReturnType<typeof compilePcre> {
  return flags.isLinear === true ? compileLinear(pattern, flags) : compilePcre(pattern, flags);
}
