/**
 * What went wrong on the way to one domain: how long no connection is tried, and whether nothing was heard for so long that all its mail is put off.
 *
 * The one rule: while it rests there is a timer that ends the rest, and whoever asks is told why it rests. One connection that works wipes out all
 * failures before it. Not here: which host failed (route), what becomes of the mail (unreachable.ts). Truth: rules.
 */
import type { Clock, TimerWheel } from '#base';
import type { SendingOptions } from '#queue';
import type { Cause } from '../standing.ts';

interface SetbacksOptions {
  readonly clock: Pick<Clock, 'mono'>;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  /** The rest is over. */
  readonly ready: () => void;
}

export class Setbacks {
  readonly #o: SetbacksOptions;
  #timer = 0;
  #until = 0;
  #cause: Cause | undefined;
  /** Since the last connection that worked. */
  #failures = 0;
  #firstFailureMono = 0;

  constructor(o: SetbacksOptions) {
    this.#o = o;
  }

  /** No connection is to be opened now. */
  get isResting(): boolean {
    return this.#timer !== 0;
  }

  /** Until when it rests, and why. */
  get standing(): { readonly nextAtMono: number; readonly cause: Cause | undefined } {
    return { nextAtMono: this.#until, cause: this.#cause };
  }

  /** No new connections for so long. */
  rest(ms: number, cause: Cause): void {
    if (this.#timer !== 0) return;
    const { clock, wheel, ready } = this.#o;
    this.#cause = cause;
    this.#until = clock.mono() + ms;
    this.#timer = wheel.schedule(ms, () => {
      this.#timer = 0;
      ready();
    });
  }

  endRest(): void {
    if (this.#timer !== 0) this.#o.wheel.cancel(this.#timer);
    this.#timer = 0;
  }

  failed(): void {
    if (this.#failures === 0) this.#firstFailureMono = this.#o.clock.mono();
    this.#failures += 1;
  }

  worked(): void {
    this.#failures = 0;
  }

  /** */
  isLongSilent({ mxFailuresToDelay, connectTimeoutToDelay }: SendingOptions): boolean {
    if (mxFailuresToDelay > 0 && this.#failures >= mxFailuresToDelay) return true;
    return this.#o.clock.mono() - this.#firstFailureMono >= connectTimeoutToDelay * 1000;
  }
}
