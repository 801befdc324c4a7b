/**
 * reception_timing: how long a message took from MAIL FROM to its end, and how much of that behind its last octet.
 *
 * The one rule: times are those of the monotonic hand, so that a clock that is set measures nothing. Not here: where a reception stands
 * (inbound), the line (reception_timing_logger). Truth: SMTP-22 and the page of reception_timing.
 */
import type { Clock } from '#base';
import type { ReceptionEnd, ReceptionStopwatch, ReceptionTimer, TimedReception } from '#hooks';

export class ReceptionTiming implements ReceptionTimer {
  readonly #clock: Clock;
  readonly #take: (timed: TimedReception) => void;

  constructor(clock: Clock, take: (timed: TimedReception) => void) {
    this.#clock = clock;
    this.#take = take;
  }

  begin(): ReceptionStopwatch {
    return new Stopwatch(this.#clock, this.#take);
  }
}

class Stopwatch implements ReceptionStopwatch {
  readonly #clock: Clock;
  readonly #take: (timed: TimedReception) => void;
  readonly #begun: number;
  #bodyAt: number | undefined;

  constructor(clock: Clock, take: (timed: TimedReception) => void) {
    this.#clock = clock;
    this.#take = take;
    this.#begun = clock.mono();
  }

  bodyEnded(): void {
    this.#bodyAt = this.#clock.mono();
  }

  tell(end: ReceptionEnd): void {
    const now = this.#clock.mono();
    this.#take({ ...end, at: this.#clock.now(), tookMs: now - this.#begun, scannedMs: now - (this.#bodyAt ?? now) });
  }
}
