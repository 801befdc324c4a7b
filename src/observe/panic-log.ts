/*
 * A thread's diagnostics: filtered by Debug_Flags, or for a module by its own debug_level; repeats counted, floods bounded.
 *
 * A core line is written when Debug_Flags has its level and subsystem (RT-06); a module's line when its level is at least
 * the module's debug_level, ERROR by default, whatever Debug_Flags says (RT-07). `announce` is for the few lines that an
 * operator must see at start whatever the flags. The last 10 lines of each level are kept for the console.
 * Where lines go is handed in (`write`): to the writer thread, or to a file or stderr of one's own. Never throws.
 */
import type { Clock } from '#base';
import { defaultDebugFlags, rank, wants, type DebugFlags, type Level, type Subsystem } from './debug-flags.ts';
import { PanicHistory } from './panic-history.ts';
import { RepeatGate, type PanicLine } from './repeat-gate.ts';

/** What a module writes its diagnostics with. */
export interface ModuleLog {
  readonly name: string;
  debugLevel: Level;
  /** Whether a line of this level would be written: ask before building an expensive text. */
  wants(level: Level): boolean;
  log(level: Level, text: string): void;
}

export interface PanicLogOptions {
  clock: Clock;
  write: (line: PanicLine) => void;
  /** Without timers, counts of repeats are said with the next line or at close. */
  timers?: { schedule(delayMs: number, fn: () => void): number; cancel(id: number): unknown };
  flags?: DebugFlags;
}

export class PanicLog {
  /** What Debug_Flags says now. */
  flags: DebugFlags;
  #clock: Clock;
  #gate: RepeatGate;
  #history = new PanicHistory();

  constructor(o: PanicLogOptions) {
    this.#clock = o.clock;
    this.flags = o.flags ?? defaultDebugFlags;
    const write = (line: PanicLine): void => {
      this.#history.add(line);
      o.write(line);
    };
    this.#gate = new RepeatGate({ clock: o.clock, timers: o.timers, write });
  }

  /** Whether such a line would be written: ask before building an expensive text. */
  wants(level: Level, subsystem: Subsystem): boolean {
    return wants(this.flags, level, subsystem);
  }

  log(level: Level, subsystem: Subsystem, text: string): void {
    if (wants(this.flags, level, subsystem)) this.#say(level, subsystem, false, text);
  }

  /** Written whatever Debug_Flags says: start-up notices, and warnings that are given once. */
  announce(level: Level, subsystem: Subsystem, text: string): void {
    this.#say(level, subsystem, false, text);
  }

  /** The diagnostics of a module; `debugLevel` may be changed later. */
  module(name: string, debugLevel: Level = 'ERROR'): ModuleLog {
    const say = (level: Level, text: string): void => this.#say(level, name, true, text);
    return {
      name,
      debugLevel,
      wants(level) {
        return rank(level) >= rank(this.debugLevel);
      },
      log(level, text) {
        if (rank(level) >= rank(this.debugLevel)) say(level, text);
      },
    };
  }

  /** The last 10 lines of each level of this thread, oldest first. */
  last(): PanicLine[] {
    return this.#history.lines();
  }

  /** Says the counts of repeats that are still open. */
  close(): void {
    this.#gate.close();
  }

  #say(level: Level, source: string, isModule: boolean, text: string): void {
    this.#gate.pass({ at: this.#clock.now(), level, source, isModule, text });
  }
}
