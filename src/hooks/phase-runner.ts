/**
 * Runs the modules of a phase one after the other, in the order of declaration (POL-04), and answers one verdict.
 *
 * The one rule: a module that throws, is late, or cannot be asked because too many are waiting counts as a temporary
 * refusal; a guard never opens because it broke. Where no module hooks a phase the answer comes in the same call, and costs
 * one array look-up.
 * `replace` puts other modules into force: phases that have begun end with those they began with.
 * Bounds: `waitingMax` hooks unanswered or in a tarpit at a time on this loop (beyond: refused with 421), `deadlineMs` for each answer.
 * Truth: rules POL-02, POL-04, POL-20, POL-22, LSN-13.
 */
import type { TimerWheel } from '#base';
import type { PanicLog } from '#observe';
import type { Reply } from '#smtp';
import type { AuthenticationService } from './authentication.ts';
import { PHASES, type Phase } from './phases.ts';
import type { ValidationContext } from './validation-context.ts';
import type { HookView, MessageReader, PhaseHook, ValidationModule } from './validation-module.ts';
import { CONTINUE, TARPIT_MAX_MS, type Verdict } from './verdict.ts';

/** Hooks that may be waiting for an answer at one time on one loop. */
export const WAITING_HOOKS_MAX = 10_000;

/** Milliseconds a hook has to answer, unless the owner of the runner says otherwise. */
export const HOOK_DEADLINE_MS = 30_000;

export interface PhaseRunnerOptions {
  readonly modules: readonly ValidationModule[];
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly panic: Pick<PanicLog, 'log'>;
  readonly deadlineMs?: number;
  readonly waitingMax?: number;
}

/** `module` is the name of the module that decided, '' when none did. */
export type PhaseAnswer = (verdict: Verdict, module: string) => void;

interface Bound {
  readonly name: string;
  readonly hook: PhaseHook;
}

const FAILED: Reply = { code: 451, enhanced: '4.3.0', text: 'transaction failed' };
const CROWDED: Reply = { code: 421, enhanced: '4.3.4', text: 'allocated resources exceeded' };

export class PhaseRunner {
  #bound: Record<Phase, readonly Bound[]>;
  readonly #o: PhaseRunnerOptions;
  readonly #deadlineMs: number;
  readonly #waitingMax: number;
  #waiting = 0;
  #authentication: readonly AuthenticationService[] = [];
  #reading: readonly { readonly name: string; readonly reader: () => MessageReader }[] = [];

  constructor(o: PhaseRunnerOptions) {
    this.#o = o;
    this.#deadlineMs = o.deadlineMs ?? HOOK_DEADLINE_MS;
    this.#waitingMax = o.waitingMax ?? WAITING_HOOKS_MAX;
    this.#bound = boundTo(o.modules);
    this.replace(o.modules);
  }

  /** What the modules bring to AUTH. */
  get authentication(): readonly AuthenticationService[] {
    return this.#authentication;
  }

  /** Other modules from now on, or the same ones with other hooks. */
  replace(modules: readonly ValidationModule[]): void {
    this.#bound = boundTo(modules);
    this.#reading = modules.flatMap(({ name, reader }) => (reader === undefined ? [] : [{ name, reader }]));
    this.#authentication = modules.flatMap(({ authentication }) => (authentication === undefined ? [] : [authentication]));
  }

  /** Whether any module looks at messages, and so may want to change them. */
  get readsMessages(): boolean {
    return this.has('data') || this.has('data_spool') || this.has('data_spool_each_rcpt') || this.has('set_binding');
  }

  /** What modules read a message with, by what made it; undefined when nobody does. */
  beginReaders(context: ValidationContext): ReadonlyMap<() => MessageReader, MessageReader> | undefined {
    if (this.#reading.length === 0) return undefined;
    const begun = new Map<() => MessageReader, MessageReader>();
    for (const { name, reader } of this.#reading) if (!context.isBypassed(name) && !begun.has(reader)) begun.set(reader, reader());
    return begun;
  }

  /** Whether any module hooks this phase: a caller need not build a view when none does. */
  has(phase: Phase): boolean {
    return this.#bound[phase].length > 0;
  }

  /** Hooks that have not answered yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Asks the modules of `view.phase`; `done` is called exactly once, in this turn when every module answers at once. */
  run(view: HookView, done: PhaseAnswer): void {
    this.#step(view, this.#bound[view.phase], 0, done);
  }

  #step(view: HookView, hooks: readonly Bound[], from: number, done: PhaseAnswer): void {
    for (let i = from; i < hooks.length; i++) {
      const bound = hooks[i] as Bound;
      if (view.context.isBypassed(bound.name)) continue;
      const decide = (late: Verdict): void => {
        if (late.kind === 'continue') this.#step(view, hooks, i + 1, done);
        else if (late.kind === 'tarpit') this.#tarpit(late, bound.name, decide, done);
        else done(late, bound.name);
      };
      const verdict = this.#ask(view, bound, decide);
      if (verdict === 'later') return;
      if (verdict.kind !== 'continue') {
        decide(verdict);
        return;
      }
    }
    done(CONTINUE, '');
  }

  /** POL-07: the peer waits. When too many do, it is told to go, as when too many hooks are unanswered. */
  #tarpit(verdict: Extract<Verdict, { kind: 'tarpit' }>, module: string, decide: (then: Verdict) => void, done: PhaseAnswer): void {
    if (this.#waiting >= this.#waitingMax) {
      done({ kind: 'reject', reply: CROWDED }, module);
      return;
    }
    this.#waiting++;
    this.#o.wheel.schedule(Math.min(Math.max(0, verdict.ms), TARPIT_MAX_MS), () => {
      this.#waiting--;
      decide(verdict.verdict);
    });
  }

  /** Calls one hook. `later` is called once if, and only if, this answers 'later'. */
  #ask(view: HookView, bound: Bound, later: (verdict: Verdict) => void): Verdict | 'later' {
    if (this.#waiting >= this.#waitingMax) return { kind: 'reject', reply: CROWDED };
    const wait = { open: true, returned: false, timer: 0, early: undefined as Verdict | undefined };
    const answer = (verdict: Verdict): void => {
      if (!wait.open) return;
      wait.open = false;
      if (!wait.returned) {
        wait.early = verdict;
        return;
      }
      this.#o.wheel.cancel(wait.timer);
      this.#waiting--;
      later(verdict);
    };
    let verdict: Verdict | 'later';
    try {
      verdict = bound.hook(view, answer);
    } catch (error) {
      wait.open = false;
      this.#o.panic.log('ERROR', 'MOD', `${bound.name}: ${view.phase} failed: ${error instanceof Error ? error.message : String(error)}`);
      return { kind: 'reject', reply: FAILED };
    }
    if (verdict !== 'later') {
      wait.open = false;
      return verdict;
    }
    if (wait.early !== undefined) return wait.early;
    wait.returned = true;
    this.#waiting++;
    wait.timer = this.#o.wheel.schedule(this.#deadlineMs, () => {
      if (!wait.open) return;
      this.#o.panic.log('ERROR', 'MOD', `${bound.name}: ${view.phase} did not answer within ${this.#deadlineMs} ms`);
      answer({ kind: 'reject', reply: FAILED });
    });
    return 'later';
  }
}

function boundTo(modules: readonly ValidationModule[]): Record<Phase, readonly Bound[]> {
  return Object.fromEntries(PHASES.map((phase) => [phase, hooksOf(modules, phase)])) as Record<Phase, readonly Bound[]>;
}

function hooksOf(modules: readonly ValidationModule[], phase: Phase): readonly Bound[] {
  const bound: Bound[] = [];
  for (const module of modules) {
    const hook = module.hooks[phase];
    if (hook !== undefined) bound.push({ name: module.name, hook });
  }
  return bound;
}
