/**
 * A policy's thread as the loop sees it: calls go out in one array a turn, each is answered once, and a thread that does not come back is
 * ended and succeeded by one that runs the same texts.
 *
 * The one rule: only the call at which the thread stood still is lost; those that waited behind it are asked again, once. While calls are
 * open the thread is asked four times a budget whether it turns; it stands still when it neither answers nor gets on for a whole budget, by
 * our own ticks, so that a machine that paused is no overrun.
 * Bounds: CALLS_MAX calls and CALL_BYTES_MAX octets of messages that wait for an answer, LOAD_MS to read the file, the settings' timeout for
 * each call. Not here: what calls mean (apply.ts). Truth: POL-02, POL-20.
 */
import { Worker } from 'node:worker_threads';
import type { TimerWheel } from '#base';
import type { Phase } from '#hooks';
import type { SharedLimits } from '#limits';
import type { ModuleLog } from '#observe';
import { gateWords, type Call, type FromSandbox, type SandboxBirth } from './messages.ts';
import type { PolicySettings } from './settings.ts';

const CALLS_MAX = 5000;
const CALL_BYTES_MAX = 64 * 1_048_576;
const LOAD_MS = 20_000;
const TICKS_A_BUDGET = 4;
/** Between two births in a row. */
const REBIRTH_MS = [0, 100, 500, 2000] as const;

export interface SandboxPorts {
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly log: ModuleLog;
  /** Where texts for chunk_logger go; a file that is only tried writes none. */
  readonly chunk?: (text: string) => void;
  readonly limits: SharedLimits;
  readonly loop: number;
  /** Where a thread's program is, beside the one that asks, and Node's flags for it. */
  readonly entryBeside: (importMetaUrl: string, name: string) => URL;
  readonly workerFlags: (entry: URL) => string[] | undefined;
}

type Answered = Extract<FromSandbox, { kind: 'answer' }>;
/** `undefined`: the call failed, which was told. */
type SandboxAnswer = (answer: Answered | undefined) => void;

interface OpenCall {
  readonly call: Call;
  readonly bytes: number;
  readonly answer: SandboxAnswer;
  timer: number;
  /** A thread ended while it was open. */
  wasLost: boolean;
}

export class Sandbox {
  readonly #settings: PolicySettings;
  readonly #o: SandboxPorts;
  readonly #open = new Map<number, OpenCall>();
  #gate = new Int32Array(new SharedArrayBuffer(gateWords.length * 4));
  #worker: Worker | undefined;
  #sources: ReadonlyMap<string, string> | undefined;
  #phases: readonly Phase[] = [];
  #outbox: Call[] = [];
  #isFlushing = false;
  #bytes = 0;
  #births = 0;
  #isReady = false;
  #isClosed = false;
  #watch = 0;
  #steps = 0;
  #ping = 0;
  #quiet = 0;

  /** Reads the file in a thread of its own; rejects with what is wrong, by file and line. */
  static load(settings: PolicySettings, o: SandboxPorts): Promise<Sandbox> {
    const sandbox = new Sandbox(settings, o);
    return new Promise((done, fail) => {
      sandbox.#bear((problem) => {
        if (problem === undefined) {
          done(sandbox);
          return;
        }
        sandbox.close();
        fail(new Error(problem));
      });
    });
  }

  private constructor(settings: PolicySettings, o: SandboxPorts) {
    this.#settings = settings;
    this.#o = o;
  }

  get phases(): readonly Phase[] {
    return this.#phases;
  }

  /** URLs of the files that run. */
  get files(): readonly string[] {
    return [...(this.#sources?.keys() ?? [])];
  }

  /** Asks; `answer` is called once, never in this turn unless the call cannot be taken. */
  ask(call: Call, answer: SandboxAnswer): void {
    const bytes = call.message?.top.length ?? 0;
    if (this.#isClosed || this.#open.size >= CALLS_MAX || this.#bytes + bytes > CALL_BYTES_MAX) {
      this.#o.log.log('ERROR', `${this.#settings.name}: more calls wait than may (${CALLS_MAX}): sessions hear 451`);
      answer(undefined);
      return;
    }
    const { timeoutMs } = this.#settings;
    const timer = this.#o.wheel.schedule(timeoutMs, () => this.#fail(call.id, `did not answer within ${timeoutMs} ms`));
    this.#open.set(call.id, { call, bytes, answer, timer, wasLost: false });
    this.#bytes += bytes;
    this.#post(call);
  }

  /** Ends the thread when all that is open is answered. */
  close(): void {
    this.#isClosed = true;
    if (this.#open.size === 0) this.#end();
  }

  #post(call: Call): void {
    this.#outbox.push(call);
    if (!this.#isReady || this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    if (!this.#isReady || this.#outbox.length === 0) return;
    const calls = this.#outbox;
    this.#outbox = [];
    this.#worker?.postMessage(calls);
    this.#keepWatch();
  }

  #fail(id: number, reason: string): void {
    const phase = this.#open.get(id)?.call.phase ?? '';
    this.#o.log.log('ERROR', `${this.#settings.name}: ${phase} failed: ${reason}`);
    this.#settle(id, undefined);
  }

  #settle(id: number, answer: Answered | undefined): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    this.#bytes -= open.bytes;
    this.#o.wheel.cancel(open.timer);
    open.answer(answer);
    if (this.#isClosed && this.#open.size === 0) this.#end();
  }

  #bear(told?: (problem?: string) => void): void {
    this.#gate = new Int32Array(new SharedArrayBuffer(gateWords.length * 4));
    const { file, name, memoryMb } = this.#settings;
    const { limits, loop } = this.#o;
    const entry = this.#o.entryBeside(import.meta.url, 'sandbox-entry');
    const flags = this.#o.workerFlags(entry);
    const birth: SandboxBirth = { name, file, sources: this.#sources, gate: this.#gate.buffer, limits, loop };
    const worker = new Worker(entry, {
      name: 'policy',
      workerData: birth,
      // What is printed beside the console object goes nowhere: a pipe that nobody reads would fill up.
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
      ...(flags === undefined ? {} : { execArgv: flags }),
    });
    this.#worker = worker;
    worker.stdout.resume();
    worker.stderr.resume();
    let isOver = false;
    let late = 0;
    const loaded = (problem?: string): void => {
      this.#o.wheel.cancel(late);
      told?.(problem);
      told = undefined;
    };
    const died = (why: string): void => {
      if (isOver) return;
      isOver = true;
      void worker.terminate();
      const isFirst = told !== undefined;
      loaded(why);
      if (!isFirst && this.#worker === worker) this.#succeed(why);
    };
    late = this.#o.wheel.schedule(LOAD_MS, () => died(`${file} was not read within ${LOAD_MS / 1000} s`));
    worker.on('message', (messages: readonly FromSandbox[]) => {
      if (this.#worker !== worker || isOver) return;
      for (const message of messages) {
        if (message.kind === 'refused') died(message.reason);
        else this.#hear(message, loaded);
      }
    });
    worker.on('error', (error) => died(`its thread died: ${error.message}`));
    worker.on('exit', () => died('its thread ended'));
  }

  #hear(message: Exclude<FromSandbox, { kind: 'refused' }>, loaded: () => void): void {
    switch (message.kind) {
      case 'ready':
        this.#sources ??= message.sources;
        this.#phases = message.phases;
        this.#isReady = true;
        loaded();
        this.#flush();
        return;
      case 'log':
        this.#o.log.log('ERROR', `${this.#settings.name}: ${message.text}`);
        return;
      case 'chunk':
        this.#o.chunk?.(message.text);
        return;
      case 'failed':
        this.#births = 0;
        this.#fail(message.id, message.reason);
        return;
      case 'answer':
        this.#births = 0;
        this.#settle(message.id, message);
    }
  }

  /** While calls are open, the thread must turn. */
  #keepWatch(): void {
    if (this.#watch !== 0 || !this.#isReady) return;
    this.#quiet = 0;
    this.#steps = Atomics.load(this.#gate, gateWords.steps);
    this.#worker?.postMessage(++this.#ping);
    this.#watch = this.#o.wheel.schedule(this.#settings.budgetMs / TICKS_A_BUDGET, this.#look);
  }

  readonly #look = (): void => {
    this.#watch = 0;
    if (this.#open.size === 0 || !this.#isReady) return;
    const steps = Atomics.load(this.#gate, gateWords.steps);
    const hasTurned = Atomics.load(this.#gate, gateWords.pong) === this.#ping;
    if (steps !== this.#steps || hasTurned) {
      this.#keepWatch();
      return;
    }
    this.#quiet++;
    if (this.#quiet < TICKS_A_BUDGET) {
      this.#watch = this.#o.wheel.schedule(this.#settings.budgetMs / TICKS_A_BUDGET, this.#look);
      return;
    }
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    this.#succeed(`ran longer than ${this.#settings.budgetMs} ms (${this.#settings.file}); its thread was ended`);
  };

  /** The thread is gone: who was at work fails, everybody else is asked again in a successor. */
  #succeed(why: string): void {
    this.#isReady = false;
    this.#o.wheel.cancel(this.#watch);
    this.#watch = 0;
    const culprit = Atomics.load(this.#gate, gateWords.call);
    // What failed may be followed by a new call in the same turn: that one was not lost.
    const lost = [...this.#open.values()].filter((open) => open.call.id !== culprit);
    this.#outbox = [];
    if (this.#open.has(culprit)) this.#fail(culprit, why);
    else this.#o.log.log('ERROR', `${this.#settings.name}: ${why}`);
    for (const open of lost) {
      if (culprit === 0 && open.wasLost) this.#fail(open.call.id, 'its thread ended twice while it was open');
      else if (this.#open.has(open.call.id)) {
        open.wasLost = true;
        this.#outbox.push(open.call);
      }
    }
    if (this.#isClosed && this.#open.size === 0) return;
    const delay = REBIRTH_MS[Math.min(this.#births, REBIRTH_MS.length - 1)] ?? 0;
    this.#births++;
    this.#o.wheel.schedule(delay, () => {
      if (!this.#isClosed || this.#open.size > 0) this.#bear();
    });
  }

  #end(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#isReady = false;
    this.#o.wheel.cancel(this.#watch);
    this.#watch = 0;
    void worker?.terminate();
  }
}
