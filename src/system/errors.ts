// What can go wrong at the door to the operating system, as data.
//
// The rule to know: most functions of this room do not throw but answer with a reason, because a missing facility is
// expected trouble; SystemError is for what the caller must not go on without (a lock file that cannot be opened).

export const systemErrorCodes = {
  lock_unusable: 'the lock file cannot be opened, created or written',
  exchange_failed: 'two paths could not change places',
} as const;

export type SystemErrorCode = keyof typeof systemErrorCodes;

export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: SystemErrorCode;

  constructor(code: SystemErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
