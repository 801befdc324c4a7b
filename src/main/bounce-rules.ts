/*
 * The classes of bounces in one thread: the shipped table and the override files, read at start and again when they changed.
 *
 * The one rule: what cannot be read or understood is told once and the rules before stay in force; looking is a few stat calls.
 * Each thread that classifies has its own (the writer for logs, loops for bounces that come as mail).
 * Not here: what rules are (mail), the options (bounce_classifier_override). Truth: rule BNC-10.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '#base';
import { BounceClassifier, parseRuleTable, type BounceVerdict, type RuleTable } from '#mail';
import { loadOverrides, type OverrideSettings } from '#modules/bounce_classifier_override';

/** What a thread is given: plain data. */
export interface BounceSetup {
  readonly overrides: OverrideSettings;
  readonly cacheMax: number;
  readonly cacheSeconds: number;
}

interface BounceRulesOptions {
  readonly clock: Clock;
  readonly timers: { schedule(delayMs: number, fn: () => void): number; cancel(id: number): unknown };
  readonly tell: (text: string) => void;
  /** The table that comes with the program, or another one. */
  readonly table?: string;
}

/** The table that comes with the program; an operator may edit it. */
const shippedTable = new URL('../../etc/bounce-rules.txt', import.meta.url).pathname;
const tableRefreshSeconds = 60;

/** The rules of a thread that may never need them: read at the first question. */
export class LateBounceRules {
  readonly #setup: () => BounceSetup;
  readonly #o: BounceRulesOptions;
  #rules: BounceRules | undefined;

  constructor(setup: () => BounceSetup, o: BounceRulesOptions) {
    this.#setup = setup;
    this.#o = o;
  }

  get(): BounceRules {
    this.#rules ??= new BounceRules(this.#setup(), this.#o);
    return this.#rules;
  }

  /** Reads everything now, if anything was read; the problems of the first reading were told then. */
  reload(): string[] {
    return this.#rules?.reload() ?? [];
  }

  /** The configuration changed. */
  reconfigured(): void {
    this.#rules?.use(this.#setup());
  }

  close(): void {
    this.#rules?.close();
  }
}

export class BounceRules {
  readonly #o: BounceRulesOptions;
  #setup: BounceSetup;
  /** The last one that could be read. */
  #rules: RuleTable = { replies: [], notices: [], problems: [] };
  #classifier: BounceClassifier;
  readonly #table: string;
  #seen = '';
  #timer: number | undefined;

  constructor(setup: BounceSetup, o: BounceRulesOptions) {
    this.#o = o;
    this.#table = o.table ?? shippedTable;
    this.#setup = setup;
    this.#classifier = this.#make();
    this.reload();
    this.#lookLater();
  }

  reply(text: string, domain: string): BounceVerdict {
    return this.#classifier.reply(text, domain);
  }

  notice(text: string): BounceVerdict | undefined {
    return this.#classifier.notice(text);
  }

  nameOf(code: number): string {
    return this.#classifier.nameOf(code);
  }

  /** The configuration changed. */
  use(setup: BounceSetup): void {
    this.#setup = setup;
    this.#classifier = this.#make();
    this.reload();
    this.#lookLater();
  }

  /** Reads everything now. Returns the problems, which have been told. */
  reload(): string[] {
    const problems: string[] = [];
    this.#seen = this.#signature();
    const { overrides, problems: own } = loadOverrides(this.#setup.overrides, (path) => readFileSync(path, 'utf8'));
    problems.push(...own);
    try {
      const table = parseRuleTable(readFileSync(this.#table, 'utf8'));
      for (const { line, message } of table.problems.slice(0, 10)) problems.push(`${this.#table}:${line}: ${message}`);
      this.#rules = table;
      this.#classifier.replace({ table, overrides });
    } catch (error) {
      problems.push(`cannot read ${this.#table}: ${(error as Error).message}`);
      this.#classifier.replace({ overrides });
    }
    for (const problem of problems) this.#o.tell(`bounce rules: ${problem}`);
    return problems;
  }

  close(): void {
    if (this.#timer !== undefined) this.#o.timers.cancel(this.#timer);
    this.#timer = undefined;
  }

  #make(): BounceClassifier {
    const { cacheMax, cacheSeconds } = this.#setup;
    return new BounceClassifier({ table: this.#rules, clock: this.#o.clock, cacheMax, cacheSeconds });
  }

  #lookLater(): void {
    this.close();
    const seconds = Math.min(tableRefreshSeconds, this.#setup.overrides.refreshSeconds);
    this.#timer = this.#o.timers.schedule(seconds * 1000, () => {
      if (this.#signature() !== this.#seen) this.reload();
      this.#lookLater();
    });
  }

  /** Which files there are, and when they were written. */
  #signature(): string {
    return [this.#table, ...this.#setup.overrides.files.map(({ path }) => path)]
      .map((path) => {
        const stat = statSync(path, { throwIfNoEntry: false });
        return stat === undefined ? '-' : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
      })
      .join('\n');
  }
}
