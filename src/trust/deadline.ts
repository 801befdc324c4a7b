/**
 * A judgement that may take so long and no longer: whoever waits for mail to be judged hears an answer in time.
 *
 * The one rule: exactly one answer, the judgement or what stands for it when it is late or failed. Bound: JUDGEMENT_MS.
 * Not here: deadlines of single questions (dns) and of phases (hooks).
 */
const JUDGEMENT_MS = 20_000;

/** The timers of a wheel. */
export interface Timers {
  schedule(ms: number, work: () => void): number;
  cancel(timer: number): unknown;
}

export function inTime<T>(
  work: Promise<T>,
  o: { readonly timers: Timers; readonly otherwise: (why: string) => T; readonly done: (answer: T) => void },
): void {
  let isOver = false;
  const settle = (answer: T): void => {
    if (isOver) return;
    isOver = true;
    o.timers.cancel(timer);
    o.done(answer);
  };
  const timer = o.timers.schedule(JUDGEMENT_MS, () => settle(o.otherwise(`it took longer than ${JUDGEMENT_MS / 1000} seconds`)));
  work.then(settle, (error: unknown) => settle(o.otherwise(`it failed here: ${error instanceof Error ? error.message : String(error)}`)));
}
