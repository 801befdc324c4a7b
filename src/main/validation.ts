/*
 * The validation modules of one loop: made from the configuration, in the order of its text, and put into force together.
 *
 * The one rule: a module whose stanza and files did not change is kept as it is when a new configuration comes; all others are made and
 * tried before anything is in force, and ended again when the configuration is refused. Counters that modules count go to main in
 * batches. Here too: how `--check`, the start and a reload try what a configuration names, without running it.
 * Not here: when phases are run (inbound, intake). Truth: POL-04, CFG-12, CFG-14.
 */
import { isDeepStrictEqual } from 'node:util';
import { systemClock, TimerWheel } from '#base';
import type { Snapshot } from '#config';
import type { PhaseRunner, ValidationModule } from '#hooks';
import { LimitTable, type SharedLimits } from '#limits';
import { entryBeside, workerFlags } from '#loops';
import { FblModule } from '#modules/fbl';
import { policyProblem, PolicyModule, type PolicyPorts } from '#modules/policy';
import type { ModuleLog, PanicLog } from '#observe';
import { keyProblem } from './key-files.ts';
import { validationStanzas, type CheckPorts, type ValidationStanza } from './catalog.ts';
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

type StanzaPlace = ValidationStanza['at'];

/** A module that was made, and what it was made of. */
interface Made {
  readonly stanza: ValidationStanza;
  readonly module: ValidationModule;
  /** Undefined for modules without threads or files of their own. */
  readonly policy: PolicyModule | undefined;
}

interface ValidationOptions {
  readonly wheel: TimerWheel;
  readonly panic: PanicLog;
  readonly limits: SharedLimits;
  readonly loop: number;
  readonly send: (room: string, message: unknown) => boolean;
  /** Asks the resolver of this loop. */
  readonly query: CheckPorts['query'];
  readonly records: CheckPorts['records'];
  /** For bounces that come as mail. */
  readonly bounces: CheckPorts['bounces'];
}

export class Validation {
  readonly #o: ValidationOptions;
  #current: readonly Made[] = [];
  #prepared: readonly Made[] | undefined;
  #runner: PhaseRunner | undefined;
  #fbl: FblModule | undefined;
  #counted = new Map<string, number>();
  #isCounting = false;

  constructor(o: ValidationOptions) {
    this.#o = o;
  }

  get modules(): readonly ValidationModule[] {
    return this.#current.map(({ module }) => module);
  }

  /** The module that marks mail which leaves: asked for each message. */
  get fbl(): FblModule | undefined {
    return this.#fbl;
  }

  /** Whose hooks are kept in step from now on. */
  serve(runner: PhaseRunner): void {
    this.#runner = runner;
  }

  /** Makes the modules of a configuration that is not in force yet. Rejects with a sentence. */
  async prepare(snapshot: Snapshot): Promise<void> {
    await this.abort();
    const made: Made[] = [];
    try {
      for (const stanza of validationStanzas(snapshot)) {
        const problem = await keyProblemOf(stanza);
        if (problem !== undefined) throw new Error(problem);
        made.push((await this.#keptFor(stanza, made)) ?? (await this.#open(stanza)));
      }
    } catch (error) {
      for (const one of made) if (!this.#current.includes(one)) one.policy?.close();
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
    this.#fbl = this.modules.find((module) => module instanceof FblModule);
    this.#runner?.replace(this.modules);
    for (const one of old) if (!prepared.includes(one)) one.policy?.close();
  }

  async abort(): Promise<void> {
    for (const one of this.#prepared ?? []) if (!this.#current.includes(one)) one.policy?.close();
    this.#prepared = undefined;
  }

  close(): void {
    void this.abort();
    for (const { policy } of this.#current) policy?.close();
    this.#tellCounts();
  }

  async #open(stanza: ValidationStanza): Promise<Made> {
    const { settings, at } = stanza;
    try {
      if (stanza.kind === 'policy') {
        const module = await PolicyModule.open(stanza.settings, this.#portsFor(settings.debugLevel));
        return { stanza, module, policy: module };
      }
      const { wheel, query, records, bounces } = this.#o;
      const log = this.#logOf(settings.name, settings.debugLevel);
      return { stanza, module: stanza.make({ query, wheel, clock: systemClock, log, records, bounces }), policy: undefined };
    } catch (error) {
      throw new Error(refusal(settings.name, at, (error as Error).message), { cause: error });
    }
  }

  async #keptFor({ kind, settings }: ValidationStanza, taken: readonly Made[]): Promise<Made | undefined> {
    for (const one of this.#current) {
      if (taken.includes(one) || one.stanza.kind !== kind) continue;
      const isCurrent = kind === 'policy' ? await one.policy?.isCurrent(settings) : isDeepStrictEqual(one.stanza.settings, settings);
      if (isCurrent === true) return one;
    }
    return undefined;
  }

  #logOf(name: string, debugLevel: string | undefined): ModuleLog {
    return this.#o.panic.module(name, (debugLevel?.toUpperCase() ?? 'ERROR') as ModuleLog['debugLevel']);
  }

  #portsFor(debugLevel: string | undefined): PolicyPorts {
    const { wheel, limits, loop, records } = this.#o;
    return {
      wheel,
      limits,
      loop,
      entryBeside,
      workerFlags,
      log: this.#logOf('policy', debugLevel),
      chunk: (text) => records.record({ kind: 'C', at: systemClock.now(), text }),
      count: (name, by) => this.#count(name, by),
      changed: () => this.#runner?.replace(this.modules),
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

/** A key is looked at with each configuration, changed or not: keys are read again then. */
async function keyProblemOf(stanza: ValidationStanza): Promise<string | undefined> {
  const problem = stanza.kind === 'check' && stanza.keyfile !== undefined ? await keyProblem(stanza.keyfile) : undefined;
  return problem === undefined ? undefined : refusal(stanza.settings.name, stanza.at, problem);
}

/** What is wrong with the policies and keys of a configuration, each with the place of its stanza; each policy is read once in a thread that ends again. */
export async function policyProblems(snapshot: Snapshot): Promise<string[]> {
  const problems: string[] = [];
  let stanzas: ValidationStanza[];
  try {
    stanzas = validationStanzas(snapshot);
  } catch (error) {
    return [(error as Error).message];
  }
  for (const stanza of stanzas) problems.push(...[(await keyProblemOf(stanza)) ?? []].flat());
  if (!stanzas.some(({ kind }) => kind === 'policy')) return problems;
  const wheel = new TimerWheel({ clock: systemClock });
  wheel.start();
  const log: ModuleLog = { name: 'policy', debugLevel: 'ERROR', wants: () => false, log: () => undefined };
  const ports = { wheel, log, limits: policyLimits(1), loop: 0, entryBeside, workerFlags };
  for (const stanza of stanzas) {
    const problem = stanza.kind === 'policy' ? await policyProblem(stanza.settings, ports) : undefined;
    if (problem !== undefined) problems.push(refusal(stanza.settings.name, stanza.at, problem));
  }
  wheel.stop();
  return problems;
}
