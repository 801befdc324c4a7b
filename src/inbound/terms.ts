/**
 * The manner of delivery that a client asked for with MAIL, as the envelope keeps it: points in time instead of spans.
 *
 * The one rule: what cannot be kept is refused here, with the whole command; a priority that a client may not have is lowered and
 * said so (RFC 6710 section 4.1), because raising it is for those who may relay.
 * Not here: the form of the parameters (#smtp), keeping the promise (#queue, #outbound). Truth: RFC 2852, 4865, 6710, 8689.
 */
import type { DeliveryTerms } from '#mail';
import { replies, type MailParameters, type Reply } from '#smtp';
import type { Session } from './session-types.ts';

interface TermsRead {
  readonly refusal?: Reply;
  readonly terms?: DeliveryTerms;
  /** The client asked for more than it may have. */
  readonly isLowered?: boolean;
}

const NONE: TermsRead = Object.freeze({});

export function readTerms(s: Session, p: MailParameters): TermsRead {
  const { requireTls, by, mtPriority } = p;
  const isHeld = p.holdFor !== undefined || p.holdUntil !== undefined;
  if (!isHeld && requireTls === undefined && by === undefined && mtPriority === undefined) return NONE;
  const now = s.ports.clock.now();
  const { holdMaxSeconds, deliverByMinSeconds = 0 } = s.rules.offered.delivery;
  const terms: DeliveryTerms = {};
  const notBefore = p.holdFor === undefined ? p.holdUntil : now + p.holdFor * 1000;
  if (notBefore !== undefined && notBefore > now) {
    if (notBefore > now + holdMaxSeconds * 1000) return { refusal: replies.heldTooLong };
    terms.notBefore = notBefore;
  }
  if (by !== undefined) {
    if (by.mode === 'return' && by.seconds < deliverByMinSeconds) return { refusal: replies.deadlineTooClose };
    const at = now + by.seconds * 1000;
    if (terms.notBefore !== undefined && at <= terms.notBefore) return { refusal: replies.heldBeyondDeadline };
    terms.deliverBy = { at, mode: by.mode, trace: by.trace };
  }
  if (requireTls === true) terms.requireTls = true;
  const isLowered = mtPriority !== undefined && mtPriority > 0 && s.context.connection.get('can_relay') !== 'true';
  if (mtPriority !== undefined && mtPriority !== 0 && !isLowered) terms.mtPriority = mtPriority;
  return { terms, isLowered };
}
