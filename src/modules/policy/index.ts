/**
 * policy (ours): a TypeScript file as a validation module, read again when it changes, unable to stop the loop that asks it.
 *
 * The one rule: a phase that the file does not export is not hooked, so nothing is asked, built or sent for it. A failed call is 451 for
 * its session. A file that changed is tried first, in a thread of its own; when it is refused the old one stays and the panic log says why.
 * Bounds: those of the sandbox; FILES_MAX files are watched, once in WATCH_MS.
 * Not here: when modules are put into force (main). Truth: POL-01 to POL-07, POL-20 to POL-24; docs/policy.md.
 */
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { HookView, LaterAnswer, Phase, PhaseHook, ValidationModule, Verdict } from '#hooks';
import { callOf, doActions, verdictOf } from './apply.ts';
import { Sandbox, type SandboxPorts } from './sandbox.ts';
import { policySettings, type PolicySettings } from './settings.ts';

export { policySettings };
export type { PolicySettings, SandboxPorts };

const WATCH_MS = 1000;
const FILES_MAX = 100;

const FAILED: Verdict = Object.freeze({
  kind: 'reject',
  reply: Object.freeze({ code: 451, enhanced: '4.3.0', text: 'transaction failed' }),
});

export interface PolicyPorts extends SandboxPorts {
  /** Adds to a named counter of the server. */
  readonly count: (name: string, by: number) => void;
  /** The hooks are other ones now. */
  readonly changed: () => void;
}

export class PolicyModule implements ValidationModule {
  readonly name = 'policy';
  readonly settings: PolicySettings;
  readonly #o: PolicyPorts;
  #sandbox: Sandbox;
  #hooks: Partial<Record<Phase, PhaseHook>>;
  #lastId = 0;
  #timer = 0;
  /** The files as they were when they were read, when they were refused, and at the last look. */
  #read = '';
  #refused = '';
  #seen = '';
  #isClosed = false;

  /** Rejects with what is wrong with the file, by file and line. */
  static async open(settings: PolicySettings, o: PolicyPorts): Promise<PolicyModule> {
    const sandbox = await Sandbox.load(settings, o);
    const module = new PolicyModule(settings, o, sandbox);
    module.#read = module.#seen = await stateOf(sandbox.files);
    module.#watch();
    return module;
  }

  private constructor(settings: PolicySettings, o: PolicyPorts, sandbox: Sandbox) {
    this.settings = settings;
    this.#o = o;
    this.#sandbox = sandbox;
    this.#hooks = this.#hooksOf(sandbox);
  }

  get hooks(): Partial<Record<Phase, PhaseHook>> {
    return this.#hooks;
  }

  /** Whether these settings and the files on disk are those in force: then a new configuration keeps this module as it is. */
  async isCurrent(settings: PolicySettings): Promise<boolean> {
    return isDeepStrictEqual(settings, this.settings) && (await stateOf(this.#sandbox.files)) === this.#read;
  }

  /** Calls that are open are answered. */
  close(): void {
    this.#isClosed = true;
    this.#o.wheel.cancel(this.#timer);
    this.#sandbox.close();
  }

  #hooksOf(sandbox: Sandbox): Partial<Record<Phase, PhaseHook>> {
    const hook: PhaseHook = (view, answer) => this.#ask(sandbox, view, answer);
    return Object.fromEntries(sandbox.phases.map((phase) => [phase, hook]));
  }

  #ask(sandbox: Sandbox, view: HookView, answer: LaterAnswer): Verdict | 'later' {
    this.#lastId = (this.#lastId % 0x7fff_fff0) + 1;
    const call = callOf(this.#lastId, view, this.settings.bodyBytes);
    if (typeof call === 'string') {
      this.#complain(view.phase, call);
      return FAILED;
    }
    sandbox.ask(call, (answered) => {
      const problem = answered === undefined ? undefined : doActions(view, answered.actions, this.#o.count);
      if (problem !== undefined) this.#complain(view.phase, problem);
      answer(answered === undefined || problem !== undefined ? FAILED : verdictOf(answered));
    });
    return 'later';
  }

  #complain(phase: Phase, problem: string): void {
    this.#o.log.log('ERROR', `${this.settings.name}: ${phase} failed: ${problem}`);
  }

  #watch(): void {
    if (this.#isClosed) return;
    this.#timer = this.#o.wheel.schedule(WATCH_MS, () => void this.#look().then(() => this.#watch()));
  }

  /** A file counts as changed when two looks in a row found it so: an editor may be in the middle of writing. */
  async #look(): Promise<void> {
    const now = await stateOf(this.#sandbox.files);
    const isSettled = now === this.#seen;
    this.#seen = now;
    if (now === this.#read || now === this.#refused || !isSettled || now === '') return;
    try {
      const next = await Sandbox.load(this.settings, this.#o);
      if (this.#isClosed) {
        next.close();
        return;
      }
      const old = this.#sandbox;
      this.#sandbox = next;
      this.#hooks = this.#hooksOf(next);
      this.#read = this.#seen = await stateOf(next.files);
      this.#o.changed();
      old.close();
      this.#o.log.log('NOTICE', `${this.settings.name}: ${this.settings.file} was read again`);
    } catch (error) {
      this.#refused = now;
      this.#o.log.log('ERROR', `${this.settings.name}: the file that changed is refused, the old one stays: ${(error as Error).message}`);
    }
  }
}

/** What tells that files are other ones: '' when one of them is not there. */
async function stateOf(urls: readonly string[]): Promise<string> {
  try {
    const states = await Promise.all(urls.slice(0, FILES_MAX).map((url) => stat(fileURLToPath(url))));
    return states.map(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`).join(', ');
  } catch {
    return '';
  }
}

/** Reads a file as a server would and ends it again. A sentence when it would be refused. */
export async function policyProblem(settings: PolicySettings, o: SandboxPorts): Promise<string | undefined> {
  try {
    (await Sandbox.load(settings, o)).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
