/**
 * The patterns of regex domains and hosts, compiled once each.
 *
 * The one rule: the expression engine is handed in (PCRE with a match limit in production), and a pattern that does not compile matches
 * nothing: the checker has refused it long before, unless it ran without an engine.
 * Names are matched without regard to case, as domains are. Truth: FB-09, FB-10.
 */

export interface CompiledRegex {
  test(subject: string): boolean;
  /** Gives native memory back. */
  close?(): void;
}

export type CompileRegex = (
  pattern: string,
  /** `isLinear`: it must be matched in linear time, or refused. */
  flags: { readonly caseless: boolean; readonly isLinear?: boolean },
) => { readonly ok: true; readonly regex: CompiledRegex } | { readonly ok: false; readonly message: string; readonly offset: number };

const matchesNothing: CompiledRegex = { test: () => false };

/** Bounded by the patterns of the configuration: those that are no longer in it are closed by `keepOnly`. */
export class PatternCache {
  readonly #compile: CompileRegex;
  readonly #compiled = new Map<string, CompiledRegex>();

  constructor(compile: CompileRegex) {
    this.#compile = compile;
  }

  get size(): number {
    return this.#compiled.size;
  }

  get(pattern: string): CompiledRegex {
    const known = this.#compiled.get(pattern);
    if (known !== undefined) return known;
    const result = this.#compile(pattern, { caseless: true });
    const regex = result.ok ? result.regex : matchesNothing;
    this.#compiled.set(pattern, regex);
    return regex;
  }

  keepOnly(patterns: ReadonlySet<string>): void {
    for (const [pattern, regex] of this.#compiled) {
      if (patterns.has(pattern)) continue;
      regex.close?.();
      this.#compiled.delete(pattern);
    }
  }
}
