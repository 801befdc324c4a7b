/*
 * The tracers of `trace smtp`: what conversations with next hops they ask for, gathered from all loops, kept and written to a file.
 *
 * The one rule: loops have the wishes from here with each question and answer with what was said since the last one, so a loop that was started anew
 * knows them again at once, and only this side touches the disk. Nothing is asked while there is no tracer.
 * Bounds: TRACERS_MAX tracers, KEPT lines of each in memory, FILE_MAX octets of a file, which then becomes FILE.1 in the place of an older one.
 * Truth: section 5.1.
 */
import { renameSync, rmSync } from 'node:fs';
import { LogFile, systemLogFs } from '#observe';
import type { Clock } from '#base';
import type { LoopAnswers } from '../operation.ts';

const TRACERS_MAX = 32;
const KEPT = 2_000;
const FILE_MAX = 16 * 1_048_576;
const POLL_MS = 500;

interface TracedPart {
  readonly id: number;
  readonly lines: readonly string[];
  readonly lost: number;
}

interface TracesPorts {
  readonly askLoops: (question: string, args: unknown, deadlineMs?: number) => Promise<LoopAnswers>;
  readonly clock: Clock;
  readonly wheel: { schedule(ms: number, fn: () => void): number };
  /** Trace_SMTP_Mode. */
  readonly mode: () => number;
}

interface TracerLine {
  readonly id: number;
  readonly binding: string;
  readonly domain: string;
  readonly file: string | undefined;
  /** Octets written to the file. */
  readonly size: number;
  readonly lines: number;
  readonly lost: number;
  /** Why the file cannot be written. */
  readonly problem: string | undefined;
}

class Tracer {
  readonly id: number;
  readonly binding: string;
  readonly domain: string;
  readonly log: LogFile | undefined;
  readonly kept: string[] = [];
  size = 0;
  lines = 0;
  lost = 0;

  constructor(o: { id: number; binding: string; domain: string; log: LogFile | undefined }) {
    this.id = o.id;
    this.binding = o.binding;
    this.domain = o.domain;
    this.log = o.log;
  }

  add(line: string): void {
    this.lines += 1;
    this.kept.push(line);
    if (this.kept.length > KEPT) this.kept.splice(0, KEPT / 10);
    if (this.log === undefined) return;
    this.log.add(line);
    this.size += Buffer.byteLength(line) + 1;
    if (this.size > FILE_MAX) this.#turn();
  }

  #turn(): void {
    const { log } = this;
    if (log === undefined) return;
    log.flush();
    try {
      rmSync(`${log.path}.1`, { force: true });
      renameSync(log.path, `${log.path}.1`);
    } catch {
      // The file stays and grows until the next time.
    }
    log.reopen();
    this.size = 0;
  }

  get line(): TracerLine {
    const { id, binding, domain, log, size, lines, lost } = this;
    return { id, binding, domain, file: log?.path, size, lines, lost, problem: log?.problem };
  }
}

export class SmtpTraces {
  readonly #o: TracesPorts;
  readonly #tracers = new Map<number, Tracer>();
  #last = 0;
  #isPolling = false;
  /** Polls follow one another: what loops answered goes to the file in its order. */
  #turn: Promise<void> = Promise.resolve();

  constructor(o: TracesPorts) {
    this.#o = o;
  }

  /** Gives the number of the new tracer, or a sentence why there is none. */
  async add(binding: string, domain: string, path: string | undefined): Promise<number | string> {
    if (this.#tracers.size >= TRACERS_MAX) return `there are ${TRACERS_MAX} tracers: remove one first`;
    let log: LogFile | undefined;
    if (path !== undefined) {
      const { clock, mode } = this.#o;
      const nothing = (): void => undefined;
      log = new LogFile({ path, mode: mode(), fs: systemLogFs, clock, trouble: nothing, dirty: nothing });
      if (log.problem !== undefined) return log.problem;
    }
    this.#last += 1;
    this.#tracers.set(this.#last, new Tracer({ id: this.#last, binding, domain, log }));
    await this.#poll();
    this.#pollLater();
    return this.#last;
  }

  /** False when there is none with this number. */
  async remove(id: number): Promise<boolean> {
    const tracer = this.#tracers.get(id);
    if (tracer === undefined) return false;
    await this.#poll();
    this.#tracers.delete(id);
    await this.#poll();
    tracer.log?.close();
    return true;
  }

  async list(): Promise<TracerLine[]> {
    await this.#poll();
    return [...this.#tracers.values()].map((tracer) => tracer.line);
  }

  /** The last lines of one tracer. */
  async show(id: number): Promise<readonly string[] | undefined> {
    await this.#poll();
    return this.#tracers.get(id)?.kept;
  }

  #pollLater(): void {
    if (this.#isPolling || this.#tracers.size === 0) return;
    this.#isPolling = true;
    this.#o.wheel.schedule(POLL_MS, () => {
      void this.#poll().then(() => {
        this.#isPolling = false;
        this.#pollLater();
      });
    });
  }

  #poll(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#gather());
    return this.#turn;
  }

  async #gather(): Promise<void> {
    const wishes = [...this.#tracers.values()].map(({ id, binding, domain }) => ({ id, binding, domain }));
    const { answers } = await this.#o.askLoops('outbound.trace', wishes);
    for (const [loop, parts] of answers)
      for (const { id, lines, lost } of parts as TracedPart[]) {
        const tracer = this.#tracers.get(id);
        if (tracer === undefined) continue;
        tracer.lost += lost;
        if (lost > 0) tracer.add(`(${lost} lines of loop ${loop} came faster than they could be taken, and are lost)`);
        for (const line of lines) tracer.add(line.replace(' #', ` #${loop}.`));
      }
    for (const { log } of this.#tracers.values()) log?.flush();
  }
}
