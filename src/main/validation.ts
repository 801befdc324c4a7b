/*
 * The validation modules of one loop: made from the configuration, in the order of its text, and put into force together.
 *
 * The one rule: a module whose stanza and files did not change is kept as it is when a new configuration comes; all others are made and
 * tried before anything is in force, and ended again when the configuration is refused. Counters that modules count go to main in
 * batches. Here too: how `--check`, the start and a reload try what a configuration names, without running it.
 * Not here: when phases are run (inbound, intake). Truth: POL-04, CFG-12, CFG-14.
 */
import { systemClock, TimerWheel } from '#base';
import type { Snapshot } from '#config';
import type { PhaseRunner } from '#hooks';
import { LimitTable, type SharedLimits } from '#limits';
import { entryBeside, workerFlags } from '#loops';
import { policyProblem, PolicyModule, type PolicyPorts } from '#modules/policy';
import type { ModuleLog, PanicLog } from '#observe';
import { policyStanzas } from './catalog.ts';
import { namedCountersRoom, type CounterAdditions } from './messages.ts';

/** Names with additions that main has not heard of yet. */
const COUNTED_NAMES_MAX = 1000;
const COUNT_EVERY_MS = 200;

/** Throttles that policies may have open at one time on all loops. */
const POLICY_RATES = 1024;

/** Memory for the named throttles of policies. */
export function policyLimits(loops: number): SharedLimits {
  return LimitTable.create({ loops, slots: 8, rates: POLICY_RATES });
}

type StanzaPlace = ReturnType<typeof policyStanzas>[number]['at'];

interface ValidationOptions {
  readonly wheel: TimerWheel;
  readonly panic: PanicLog;
  readonly limits: SharedLimits;
  readonly loop: number;
  readonly send: (room: string, message: unknown) => boolean;
}

export class Validation {
  readonly #o: ValidationOptions;
  #current: readonly PolicyModule[] = [];
  #prepared: readonly PolicyModule[] | undefined;
  #runner: PhaseRunner | undefined;
  #counted = new Map<string, number>();
  #isCounting = false;

  constructor(o: ValidationOptions) {
    this.#o = o;
  }

  get modules(): readonly PolicyModule[] {
    return this.#current;
  }

  /** Whose hooks are kept in step from now on. */
  serve(runner: PhaseRunner): void {
    this.#runner = runner;
  }

  /** Makes the modules of a configuration that is not in force yet. Rejects with a sentence. */
  async prepare(snapshot: Snapshot): Promise<void> {
    await this.abort();
    const made: PolicyModule[] = [];
    try {
      for (const { settings, at } of policyStanzas(snapshot)) {
        const kept = await this.#keptFor(settings, made);
        made.push(kept ?? (await this.#open(settings, at)));
      }
    } catch (error) {
      for (const module of made) if (!this.#current.includes(module)) module.close();
      throw error;
    }
    this.#prepared = made;
  }

  commit(): void {
    const prepared = this.#prepared;
    if (prepared === undefined) return;
    this.#prepared = undefined;
    const old = this.#current;
    this.#current = prepared;
    this.#runner?.replace(prepared);
    for (const module of old) if (!prepared.includes(module)) module.close();
  }

  async abort(): Promise<void> {
    for (const module of this.#prepared ?? []) if (!this.#current.includes(module)) module.close();
    this.#prepared = undefined;
  }

  close(): void {
    void this.abort();
    for (const module of this.#current) module.close();
    this.#tellCounts();
  }

  async #open(settings: PolicyModule['settings'], at: StanzaPlace): Promise<PolicyModule> {
    try {
      return await PolicyModule.open(settings, this.#portsFor(settings.debugLevel));
    } catch (error) {
      throw new Error(refusal(settings.name, at, (error as Error).message), { cause: error });
    }
  }

  async #keptFor(settings: PolicyModule['settings'], taken: readonly PolicyModule[]): Promise<PolicyModule | undefined> {
    for (const module of this.#current) if (!taken.includes(module) && (await module.isCurrent(settings))) return module;
    return undefined;
  }

  #portsFor(debugLevel: string | undefined): PolicyPorts {
    const { wheel, panic, limits, loop } = this.#o;
    return {
      wheel,
      limits,
      loop,
      entryBeside,
      workerFlags,
      log: panic.module('policy', (debugLevel?.toUpperCase() ?? 'ERROR') as ModuleLog['debugLevel']),
      count: (name, by) => this.#count(name, by),
      changed: () => this.#runner?.replace(this.#current),
    };
  }

  #count(name: string, by: number): void {
    if (this.#counted.size >= COUNTED_NAMES_MAX && !this.#counted.has(name)) this.#tellCounts();
    this.#counted.set(name, (this.#counted.get(name) ?? 0) + by);
    if (this.#isCounting) return;
    this.#isCounting = true;
    this.#o.wheel.schedule(COUNT_EVERY_MS, () => {
      this.#isCounting = false;
      this.#tellCounts();
    });
  }

  #tellCounts(): void {
    if (this.#counted.size === 0) return;
    const additions: CounterAdditions = [...this.#counted];
    if (this.#o.send(namedCountersRoom, additions)) this.#counted = new Map();
    // Main is behind: they are told later, and beyond the bound forgotten.
    else if (this.#counted.size >= COUNTED_NAMES_MAX) this.#counted.clear();
  }
}

function refusal(name: string, at: StanzaPlace, problem: string): string {
  return `${at.file}:${at.line}: ${name} is refused: ${problem}`;
}

/** What is wrong with the policies of a configuration, each with the place of its stanza; each is read once in a thread that ends again. */
export async function policyProblems(snapshot: Snapshot): Promise<string[]> {
  const problems: string[] = [];
  let stanzas: ReturnType<typeof policyStanzas>;
  try {
    stanzas = policyStanzas(snapshot);
  } catch (error) {
    return [(error as Error).message];
  }
  if (stanzas.length === 0) return [];
  const wheel = new TimerWheel({ clock: systemClock });
  wheel.start();
  const log: ModuleLog = { name: 'policy', debugLevel: 'ERROR', wants: () => false, log: () => undefined };
  const ports = { wheel, log, limits: policyLimits(1), loop: 0, entryBeside, workerFlags };
  for (const { settings, at } of stanzas) {
    const problem = await policyProblem(settings, ports);
    if (problem !== undefined) problems.push(refusal(settings.name, at, problem));
  }
  wheel.stop();
  return problems;
}
