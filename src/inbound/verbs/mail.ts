/**
 * MAIL FROM: a transaction begins.
 *
 * The one rule: everything that can be known before the first recipient is refused here: a stale configuration, spent limits,
 * a declared size over the limit, short memory.
 * Not here: syntax (#smtp). Truth: SMTP-04, SMTP-05, SMTP-10, SMTP-13, SMTP-18, SMTP-19, LSN-10; contexts CTX-02, CTX-04.
 */
import { replies, type MailCommand, type Path, type Reply } from '#smtp';
import type { Session } from '../session-types.ts';
import { readTerms } from '../terms.ts';
import { beginTiming } from '../reception-timing.ts';
import { textOfLine } from '../line-text.ts';
import { senderHandle } from '../handles.ts';

export function mail(s: Session, command: MailCommand): void {
  const { transaction, rules, facts, context } = s;
  if (s.isStale) {
    if (!transaction.isOpen) beginTiming(s);
    // The operator's words as they are, an enhanced code among them or not.
    s.refuse({ code: 421, text: rules.reconfigMessage }, { close: true });
    return;
  }
  const wrong = outOfOrder(s);
  if (wrong !== undefined) {
    s.say(wrong);
    return;
  }
  s.state = 'awaiting mailfrom';
  beginTiming(s);
  const denial = denialOf(s);
  if (denial !== undefined) {
    s.refuse(denial);
    return;
  }
  const spent = spentLimit(s);
  if (spent !== undefined) {
    s.refuse(spent, { close: true });
    return;
  }
  const { path, parameters } = command;
  const refusal = refusalOf(s, path, parameters.size ?? 0);
  if (refusal !== undefined) {
    s.refuse(refusal);
    return;
  }
  const { terms, refusal: unkept, isLowered } = readTerms(s, parameters);
  if (unkept !== undefined) {
    s.refuse(unkept);
    return;
  }
  const isQualified = path.qualified || path.text === '';
  transaction.sender = isQualified ? path.text : `${path.text}@${rules.senderDomain ?? ''}`;
  transaction.senderLocal = path.local;
  transaction.senderDomain = isQualified ? path.domain : (rules.senderDomain ?? '');
  transaction.parameters = parameters;
  transaction.terms = terms;
  context.resetMessage();
  context.setMessage('mailfrom_string', textOfLine(command.line));
  context.setMessage('mailfrom_localpart', transaction.senderLocal);
  context.setMessage('mailfrom_domain', transaction.senderDomain);
  if (parameters.body === '8BITMIME') context.setMessage('#8bitmime', 'true');
  context.setConnection('connection_message_count', String(facts.messages));
  context.setConnection('message_rcpt_count', '0');
  s.runPhase('mailfrom', { sender: senderHandle(s) }, (isAccepted, verdict) => {
    if (!isAccepted) {
      s.resetTransaction();
      return;
    }
    transaction.isOpen = true;
    transaction.isDiscarded = verdict.kind === 'discard';
    s.say(isLowered === true ? replies.mailAcceptedAtLowerPriority : replies.mailAccepted);
    s.state = 'awaiting rcptto';
  });
}

function outOfOrder(s: Session): Reply | undefined {
  if (s.transaction.isOpen) return replies.mailAlreadyEstablished;
  return s.rules.requireEhlo && s.facts.helo === '' ? replies.heloNeeded : undefined;
}

/** Always_Deny, and Enable_Authentication for those who have no right to relay by other means (AUTH-06, AUTH-07). */
function denialOf(s: Session): Reply | undefined {
  const { auth } = s.rules;
  if (auth.alwaysDeny) return replies.notForYou;
  return auth.isRequired && s.context.connection.get('can_relay') !== 'true' ? replies.authRequired : undefined;
}

function spentLimit(s: Session): Reply | undefined {
  const { maxReceptionsPerConnection, maxRecipientsPerConnection } = s.rules;
  if (maxReceptionsPerConnection > 0 && s.facts.messages >= maxReceptionsPerConnection) return replies.batchLimit;
  if (maxRecipientsPerConnection > 0 && s.facts.recipients >= maxRecipientsPerConnection) return replies.recipientsPerConnectionLimit;
  return undefined;
}

function refusalOf(s: Session, path: Path, size: number): Reply | undefined {
  const { rules } = s;
  if (path.text === '') {
    if (!rules.allowNullSender) return replies.nullSenderRefused;
  } else if (!path.qualified && rules.senderDomain === undefined) {
    return replies.unqualifiedSender;
  }
  if (path.ip !== undefined && !rules.allowIpLiteral) return replies.addressLiteralRefused;
  if (rules.maxMessageSize > 0 && size > rules.maxMessageSize) return replies.messageTooLarge;
  if (s.ports.pressure() === 'refuse') return replies.resourceLimitations;
  return rules.isThrottled && !s.ports.throttle.hasRoom(rules.options) ? replies.throttled : undefined;
}
