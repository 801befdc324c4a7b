/*
 * What can go wrong between threads, as data.
 *
 * Every failure of a send or a request is a LoopsError with one of these codes; the text names the loop and the
 * room, so that a console reply can say "loop 2 did not answer" without knowing how threads work.
 * None of these texts is ever shown to a mail peer.
 */

export const loopsErrorCodes = {
  'no-answer': 'the other side did not answer before the deadline',
  'loop-died': 'the other side died before it answered',
  'queue-full': 'the outgoing queue to the other side is at its bound',
  'no-such-room': 'the other side has no handler for that room',
  'no-such-loop': 'there is no thread with that address',
  'handler-failed': 'the handler on the other side refused or threw',
  'not-cloneable': 'the message holds something that cannot be copied to another thread',
  'not-a-loop': 'this thread was not started by a loop pool',
  'start-failed': 'a thread did not become ready',
  stopped: 'the pool is stopping or has stopped',
} as const;

export type LoopsErrorCode = keyof typeof loopsErrorCodes;

/** `from` names the thread concerned, when one is. `temporary`: trying again later may work. */
export class LoopsError extends Error {
  readonly code: LoopsErrorCode;
  readonly from: number | 'main' | 'writer' | undefined;
  readonly temporary: boolean;

  constructor(code: LoopsErrorCode, message: string, from?: number | 'main' | 'writer') {
    super(message);
    this.name = 'LoopsError';
    this.code = code;
    this.from = from;
    this.temporary = code === 'no-answer' || code === 'loop-died' || code === 'queue-full';
  }
}
