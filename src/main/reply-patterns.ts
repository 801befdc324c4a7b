/*
 * The patterns by which replies of next hops are rewritten, compiled once each.
 *
 * The one rule: a match that would take too long counts as none (PCRE with limits), and a pattern that does not compile matches nothing: the
 * configuration refused it. Bound: PATTERNS_MAX; the least recently used goes, with its memory.
 */
import { Lru } from '#base';
import { compilePcre, type PcreRegex } from '#system';

const PATTERNS_MAX = 1_000;

export function replyPatterns(): (pattern: string, text: string) => readonly string[] | undefined {
  const known = new Lru<string, PcreRegex | undefined>({ max: PATTERNS_MAX });
  return (pattern, text) => {
    let regex = known.get(pattern);
    if (regex === undefined && !known.has(pattern)) {
      const compiled = compilePcre(pattern);
      regex = compiled.ok ? compiled.regex : undefined;
      known.set(pattern, regex);
    }
    return regex?.exec(text);
  };
}
