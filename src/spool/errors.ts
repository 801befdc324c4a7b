// What can go wrong in the spool, as data: code, whether a later attempt may succeed, and what the peer may read.
//
// The rule to know: `text` is for the peer and says nothing about this machine; `detail` is for the paniclog and the operator.
// Whatever goes wrong while a message is being stored is temporary and answered 452 (A62): the sender keeps it and comes again.
// Truth: design law 10; RFC 3463 (4.3.1 mail system full, 4.3.0 other mail system status).

export const spoolErrors = {
  full: {
    isTemporary: true,
    enhanced: '4.3.1',
    text: 'Insufficient system storage',
    about: 'no space is left on the device (ENOSPC, EDQUOT)',
  },
  io: { isTemporary: true, enhanced: '4.3.0', text: 'Mail system storage failure', about: 'a read, a write or a sync failed' },
  busy: {
    isTemporary: true,
    enhanced: '4.3.2',
    text: 'System not accepting messages now',
    about: 'back-pressure was ignored beyond the bound',
  },
  closed: { isTemporary: true, enhanced: '4.3.2', text: 'System not accepting messages now', about: 'the spool is closing or closed' },
  'too-large': {
    isTemporary: false,
    enhanced: '5.3.4',
    text: 'Message too big for system',
    about: 'the envelope exceeds what one record holds',
  },
  'not-found': { isTemporary: false, enhanced: '5.3.0', text: 'Message not found', about: 'no live message has this id' },
  damaged: { isTemporary: false, enhanced: '5.3.0', text: 'Message damaged in storage', about: 'the checksum of a stored record is wrong' },
  foreign: {
    isTemporary: false,
    enhanced: '4.3.5',
    text: 'System incorrectly configured',
    about: 'the directory holds something that is not ours',
  },
  version: {
    isTemporary: false,
    enhanced: '4.3.5',
    text: 'System incorrectly configured',
    about: 'the spool was written in another format',
  },
  locked: { isTemporary: true, enhanced: '4.3.2', text: 'System not accepting messages now', about: 'another process uses the spool' },
} as const;

export type SpoolErrorCode = keyof typeof spoolErrors;

export class SpoolError extends Error {
  override readonly name = 'SpoolError';
  readonly code: SpoolErrorCode;
  readonly isTemporary: boolean;
  /** What an SMTP session answers. */
  readonly reply: { readonly code: 452 | 552; readonly enhanced: string; readonly text: string };

  /** @param detail what an operator should read: the action, the path, the system's word. */
  constructor(code: SpoolErrorCode, detail: string, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    const facts = spoolErrors[code];
    this.code = code;
    this.isTemporary = facts.isTemporary;
    this.reply = { code: code === 'too-large' ? 552 : 452, enhanced: facts.enhanced, text: facts.text };
  }
}

/** The error code of the system ("ENOSPC"), or '' when the error has none. */
export function systemCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** An error of the disk as a SpoolError; `action` reads like "write 0000000007.seg". */
export function diskError(error: unknown, action: string): SpoolError {
  if (error instanceof SpoolError) return error;
  const code = systemCode(error);
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new SpoolError(isFull ? 'full' : 'io', `cannot ${action}: ${error instanceof Error ? error.message : String(error)}`, error);
}
