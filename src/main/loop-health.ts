/*
 * How a loop is doing: memory against its goals, and turns that took too long.
 *
 * The one rule: above Memory_Goal no new body is kept in memory, above Memory_HWM no new mail is taken until it is below again
 * (SMTP-19, A63); a turn of more than STALL_MS is a WARNING in the paniclog, of more than GRAVE_MS an ERROR: everybody else waited (A64).
 * Memory is that of the whole process against what it may use: the machine's, or its control group's when that is less.
 */
import type { Clock, TimerWheel } from '#base';
import type { Pressure } from '#inbound';
import type { PanicLog } from '#observe';

/** Milliseconds between two looks at memory: often enough that a flood of bodies cannot pass the mark unseen. */
const LOOK_MS = 1_000;
/** A turn of the event loop longer than this is a stall. */
export const STALL_MS = 100;
/** A stall of this length is said whatever Debug_Flags leaves out by default. */
const GRAVE_MS = 1_000;
const beatMs = 50;

interface LoopHealthOptions {
  readonly clock: Clock;
  readonly wheel: Pick<TimerWheel, 'schedule'>;
  readonly panic: PanicLog;
  /** Percentages of what the process may use. */
  readonly goals: () => { readonly memoryGoal: number; readonly memoryHwm: number };
  /** Bytes in use, and bytes there are. */
  readonly used: () => number;
  readonly available: number;
  readonly onPressure: (pressure: Pressure) => void;
  readonly name: string;
}

export class LoopHealth {
  pressure: Pressure = 'ok';
  /** Turns that were too long, since the start. */
  stalls = 0;
  readonly #o: LoopHealthOptions;
  #beatAt: number;
  #lookAt = 0;

  constructor(o: LoopHealthOptions) {
    this.#o = o;
    this.#beatAt = o.clock.mono();
    this.#beat();
  }

  readonly #beat = (): void => {
    const { clock, wheel, panic, name } = this.#o;
    const now = clock.mono();
    // The wheel's own tick and the timer's grain belong to an ordinary beat.
    const late = now - this.#beatAt - beatMs;
    if (late > STALL_MS) {
      this.stalls += 1;
      panic.log(late > GRAVE_MS ? 'ERROR' : 'WARNING', 'TIME', `${name} stood still for ${Math.round(late)} ms`);
    }
    this.#beatAt = now;
    if (now - this.#lookAt >= LOOK_MS) {
      this.#lookAt = now;
      this.#look();
    }
    wheel.schedule(beatMs, this.#beat);
  };

  #look(): void {
    const { used, available, goals, panic, name, onPressure } = this.#o;
    const { memoryGoal, memoryHwm } = goals();
    const percent = (used() / available) * 100;
    const next: Pressure = percent >= memoryHwm ? 'refuse' : percent >= memoryGoal ? 'shed' : 'ok';
    if (next === this.pressure) return;
    this.pressure = next;
    const words = {
      ok: 'is below its goals again',
      shed: 'is above Memory_Goal: bodies are no longer kept',
      refuse: 'is above Memory_HWM: new mail is refused',
    };
    panic.log(next === 'ok' ? 'NOTICE' : 'CRITICAL', 'MEM', `${name}: memory in use (${percent.toFixed(1)} %) ${words[next]}`);
    onPressure(next);
  }
}
