/**
 * When a session tells how long a message took: from MAIL FROM to the reply behind its body, a refusal, or a client that went away.
 *
 * The one rule: where nobody measures, a transaction pays one question at MAIL FROM and nothing else. A reception ends at most once as received or
 * abandoned; refused recipients are told one by one. Our end of the connection is asked at the beginning: later it may be gone.
 * Not here: the clock and the line (modules). Truth: SMTP-21, SMTP-22.
 */
import type { ReceptionEnd, ReceptionStopwatch } from '#hooks';
import { RECEPTION_STATES, type ReceptionState } from './reception-state.ts';
import type { Session } from './session-types.ts';

/** Where a policy keeps the Message-ID field for the timing log. */
const MESSAGE_ID_KEY = 'cl_MID';

/** A reception that is measured. */
export interface TimedTransaction {
  readonly watch: ReceptionStopwatch;
  /** Of the message that this may become. */
  readonly batchId: string;
  readonly localIp: string;
  readonly localPort: number;
  /** The end of its body was read. */
  size?: number;
  /** Of its recipients, once there is a message. */
  messageIds?: readonly string[];
}

/** MAIL FROM is here. */
export function beginTiming(s: Session): void {
  const watch = s.ports.timer?.()?.begin();
  const { localIp, localPort } = watch === undefined ? NOWHERE : s.facts;
  s.timed = watch === undefined ? undefined : { watch, batchId: s.ports.intake.nextId(), localIp, localPort };
}

const NOWHERE = { localIp: '', localPort: 0 };

/** The body is whole: its size stands, and its draft, if it has one, knows the ids. */
export function bodyIsHere(s: Session): void {
  const { timed, body } = s;
  if (timed === undefined) return;
  timed.size = body.draft?.size ?? body.facts?.size ?? 0;
  const ids = body.draft?.recipients.map(({ id }) => id);
  if (ids !== undefined) timed.messageIds = ids;
}

/** The reply behind the body may go out. */
export function tellReceived(s: Session): void {
  const { timed } = s;
  if (timed === undefined) return;
  tell(s, timed, { outcome: 'received', messageIds: timed.messageIds ?? [timed.batchId], phase: undefined });
}

/** A refusal; `isAbandoned`: nobody is there to read it. Behind MAIL FROM it ends the reception, behind RCPT TO it does not. */
export function tellRejected(s: Session, state: ReceptionState, isAbandoned: boolean): void {
  const { timed, transaction } = s;
  if (timed === undefined) return;
  // Refused with its list or body, a message is refused for each recipient.
  const count = isAbandoned || isAboutOne.has(state) ? 1 : Math.max(1, transaction.recipients.length);
  const messageIds = Array.from({ length: count }, () => timed.batchId);
  tell(s, timed, { outcome: isAbandoned ? 'unexpected disconnect' : 'rejected', messageIds, phase: phaseOf(state) });
  if (!transaction.isOpen || isAbandoned) s.timed = undefined;
}

/** The connection is gone, and the message of it was neither received nor given up by the client in words. */
export function tellLost(s: Session): void {
  const { timed, transaction, state } = s;
  if (timed === undefined || transaction.isSpoiled) return;
  tell(s, timed, { outcome: 'unexpected disconnect', messageIds: [timed.batchId], phase: phaseOf(state) });
  s.timed = undefined;
}

const isAboutOne: ReadonlySet<ReceptionState> = new Set([
  'awaiting mailfrom',
  'sending mailfrom response',
  'awaiting rcptto',
  'sending rcptto response',
  'relaying denied',
]);

function phaseOf(state: ReceptionState): ReceptionEnd['phase'] {
  return { number: RECEPTION_STATES.indexOf(state), state };
}

function tell(s: Session, timed: TimedTransaction, end: Pick<ReceptionEnd, 'outcome' | 'messageIds' | 'phase'>): void {
  const { remoteIp, remotePort } = s.facts;
  const { batchId, localIp, localPort, size } = timed;
  const messageIdField = s.context.message.get(MESSAGE_ID_KEY) ?? '';
  timed.watch.tell({ ...end, batchId, size, remoteIp, remotePort, localIp, localPort, pathway: s.rules.pathway, messageIdField });
}
