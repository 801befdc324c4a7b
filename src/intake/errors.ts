/**
 * Why the door stays shut, as data: what we know and what the peer may read.
 *
 * The one rule: `reply` is the whole of what a peer hears; details of the disk or of a module stay in `cause` and the panic log.
 * Not here: refusals of one command (inbound). Truth: rules SMTP-04, OUT-03; attack A62.
 */
import type { Reply } from '#hooks';

export type IntakeErrorCode = 'aborted' | 'storage' | 'no-binding' | 'too-large-to-change' | 'refused' | 'disconnected';

/** What the peer reads for each code; `refused` and `disconnected` bring their own. */
export const INTAKE_REPLIES: Record<IntakeErrorCode, Reply> = {
  aborted: { code: 451, enhanced: '4.3.0', text: 'transaction failed' },
  storage: { code: 452, enhanced: '4.3.1', text: 'insufficient system storage' },
  'too-large-to-change': { code: 452, enhanced: '4.3.1', text: 'insufficient system storage' },
  'no-binding': { code: 451, enhanced: '4.3.0', text: 'transaction failed' },
  refused: { code: 451, enhanced: '4.3.0', text: 'transaction failed' },
  disconnected: { code: 421, enhanced: '4.3.0', text: 'transaction failed' },
};

export class IntakeError extends Error {
  readonly code: IntakeErrorCode;
  readonly reply: Reply;
  /** The module that decided, '' when it was the engine. */
  readonly module: string;

  constructor(code: IntakeErrorCode, o: { reply?: Reply; module?: string; cause?: unknown } = {}) {
    super(`Message not accepted: ${code}`, { cause: o.cause });
    this.name = 'IntakeError';
    this.code = code;
    this.reply = o.reply ?? INTAKE_REPLIES[code];
    this.module = o.module ?? '';
  }

  /** Whether the connection ends with this reply. */
  get isDisconnect(): boolean {
    return this.code === 'disconnected';
  }
}
