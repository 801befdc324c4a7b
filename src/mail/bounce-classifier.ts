/**
 * Gives a reply, or a bounce that came as mail, its class (BNC-09).
 *
 * The one rule: a site's overrides are asked first, the user's before the system's, those for the domain before those for all; then
 * the table from top to bottom, first match wins; a reply that nothing knows is Undetermined, a temporary one a Transient Failure.
 * Answers are remembered up to `cacheMax` texts for `cacheSeconds` (Bounce_Cache_Size, Bounce_Cache_TTL); new rules forget them.
 * Not here: reading files. Truth: rules BNC-09, BNC-10.
 */
import { Lru, type Clock } from '#base';
import { bounceClasses, bounceClassName } from './bounce-classes.ts';
import { bounceText, matchesRule, type BounceRule, type RuleTable } from './bounce-rules.ts';

export interface BounceOverrides {
  readonly userReplies: readonly BounceRule[];
  readonly systemReplies: readonly BounceRule[];
  readonly userNotices: readonly BounceRule[];
  readonly systemNotices: readonly BounceRule[];
  /** Names of a site's own classes, by code. */
  readonly names: ReadonlyMap<number, string>;
}

export const noOverrides: BounceOverrides = {
  userReplies: [],
  systemReplies: [],
  userNotices: [],
  systemNotices: [],
  names: new Map(),
};

export interface BounceVerdict {
  readonly code: number;
  readonly name: string;
  /** The rule that decided, as written; undefined when none did. */
  readonly rule: string | undefined;
}

/** Longer texts are not remembered: sixteen thousand of them would be a quarter of a gigabyte. */
const rememberedTextMax = 512;

export class BounceClassifier {
  #table: RuleTable;
  #overrides: BounceOverrides = noOverrides;
  readonly #cache: Lru<string, BounceVerdict>;

  constructor(o: { table: RuleTable; clock: Clock; cacheMax?: number; cacheSeconds?: number }) {
    this.#table = o.table;
    this.#cache = new Lru({ max: Math.max(1, o.cacheMax ?? 16_384), ttlMs: (o.cacheSeconds ?? 60) * 1000, clock: o.clock });
  }

  /** New rules: they count from the next question on. */
  replace(rules: { readonly table?: RuleTable; readonly overrides?: BounceOverrides }): void {
    this.#table = rules.table ?? this.#table;
    this.#overrides = rules.overrides ?? this.#overrides;
    this.#cache.clear();
  }

  /** The class of a reply; `domain` is where it came from. */
  reply(text: string, domain = ''): BounceVerdict {
    const { userReplies, systemReplies } = this.#overrides;
    const hasDomains = userReplies.length + systemReplies.length > 0;
    const key = hasDomains ? `${domain}\0${text}` : text;
    return this.#remember(key, () => {
      const held = bounceText(text);
      const own = find(userReplies, held, domain) ?? find(systemReplies, held, domain) ?? find(this.#table.replies, held, '');
      if (own !== undefined) return this.#verdict(own.code, own.text);
      if (held.code.startsWith('4')) return this.#verdict(bounceClasses.transient, undefined);
      return this.#verdict(bounceClasses.undetermined, undefined);
    });
  }

  /** The class of a bounce that came as mail: a text of its subject and words. Undefined when no rule knows it. */
  notice(text: string): BounceVerdict | undefined {
    const held = bounceText(text);
    const { userNotices, systemNotices } = this.#overrides;
    const own = find(userNotices, held, '') ?? find(systemNotices, held, '') ?? find(this.#table.notices, held, '');
    return own && this.#verdict(own.code, own.text);
  }

  nameOf(code: number): string {
    return this.#overrides.names.get(code) ?? bounceClassName(code) ?? 'Undetermined';
  }

  #remember(key: string, make: () => BounceVerdict): BounceVerdict {
    if (key.length > rememberedTextMax) return make();
    let verdict = this.#cache.get(key);
    if (verdict === undefined) this.#cache.set(key, (verdict = make()));
    return verdict;
  }

  #verdict(code: number, rule: string | undefined): BounceVerdict {
    return { code, name: this.nameOf(code), rule };
  }
}

/** The first rule for the domain itself, else the first for all. */
function find(rules: readonly BounceRule[], text: ReturnType<typeof bounceText>, domain: string): BounceRule | undefined {
  let general: BounceRule | undefined;
  const wanted = domain.toLowerCase();
  for (const rule of rules) {
    if (rule.domain === '' ? general !== undefined : rule.domain !== wanted) continue;
    if (!matchesRule(rule, text)) continue;
    if (rule.domain !== '') return rule;
    general = rule;
  }
  return general;
}
