/**
 * RCPT TO: one recipient is offered.
 *
 * The one rule: the order of questions is limits, form, relaying, blackhole, mailbox, modules: what costs least and tells a
 * stranger least comes first; a mailbox is only looked up for mail that may be relayed.
 * Bound: `RECIPIENTS_MAX` recipients a message where the configuration sets no limit.
 * Not here: syntax (#smtp), the relay decision (relay.ts). Truth: SMTP-04 to SMTP-07, SMTP-13, Q-16, OUT-48, CTX-02, CTX-04.
 */
import { CONTINUE, type Verdict } from '#hooks';
import type { RecipientHead } from '#intake';
import { replies, type Path, type RcptCommand, type Reply } from '#smtp';
import { offeredRecipient, senderHandle } from '../handles.ts';
import { textOfLine } from '../line-text.ts';
import { mayRelayTo } from '../relay.ts';
import { RECIPIENTS_MAX } from '../session-rules.ts';
import type { Session } from '../session-types.ts';

export function rcpt(s: Session, command: RcptCommand): void {
  const { transaction, context, rules } = s;
  if (!transaction.isOpen || transaction.isChunking) {
    s.say(transaction.isOpen ? replies.badSequence : replies.rcptWithoutMail);
    return;
  }
  s.state = 'awaiting rcptto';
  transaction.offeredRecipients++;
  s.facts.offeredRecipients++;
  context.setConnection('connection_rcpt_count', String(s.facts.offeredRecipients));
  context.setConnection('message_rcpt_count', String(transaction.offeredRecipients));
  const spent = spentLimit(s);
  if (spent !== undefined) {
    // The connection stays: what was accepted may still be sent, and the client learns which recipients to try again.
    s.refuse(spent);
    return;
  }
  const { path } = command;
  const domain = path.qualified ? path.domain : unqualifiedDomain(s, path);
  if (domain === undefined) {
    s.refuse(replies.unqualifiedRecipient);
    return;
  }
  if (path.ip !== undefined && !rules.allowIpLiteral) {
    s.refuse(replies.addressLiteralRefused);
    return;
  }
  context.setMessage('rcptto_string', textOfLine(command.line));
  context.setMessage('rcptto_localpart', path.local);
  context.setMessage('rcptto_domain', domain);
  const canRelay = context.connection.get('can_relay') === 'true';
  if (!mayRelayTo({ rules, canRelay, senderDomain: transaction.senderDomain, recipient: path, domain })) {
    s.refuse(replies.relayingDenied, { state: 'relaying denied' });
    return;
  }
  if (s.ports.isBlackholed(domain)) {
    s.refuse(replies.recipientBlackholed);
    return;
  }
  const head = headOf(command, domain);
  askStore(s, head, () => askModules(s, head));
}

function spentLimit(s: Session): Reply | undefined {
  const { maxRecipientsPerMessage, maxRecipientsPerConnection } = s.rules;
  const count = s.transaction.recipients.length;
  if (count >= RECIPIENTS_MAX || (maxRecipientsPerMessage > 0 && count >= maxRecipientsPerMessage))
    return replies.recipientsPerMessageLimit;
  if (maxRecipientsPerConnection > 0 && s.facts.recipients >= maxRecipientsPerConnection) return replies.recipientsPerConnectionLimit;
  return undefined;
}

/** Without an option only postmaster may stand alone, and is this machine's (RFC 5321 section 4.5.1). */
function unqualifiedDomain(s: Session, path: Path): string | undefined {
  if (s.rules.recipientDomain !== undefined) return s.rules.recipientDomain;
  return path.local.toLowerCase() === 'postmaster' ? s.hostname.toLowerCase() : undefined;
}

function headOf(command: RcptCommand, domain: string): RecipientHead {
  const { path, parameters } = command;
  const address = path.qualified ? path.text : `${path.text}@${domain}`;
  const head = { address, local: path.local, domain };
  if (parameters.notify === undefined && parameters.orcpt === undefined) return head;
  return { ...head, notify: parameters.notify === undefined ? undefined : [...parameters.notify], orcpt: parameters.orcpt };
}

/** Asks the store that a recipient's domain belongs to, if any, whether there is such a mailbox. */
function askStore(s: Session, head: RecipientHead, go: () => void): void {
  const store = s.ports.stores.length === 0 ? undefined : s.ports.stores.find((candidate) => candidate.claims(head.domain));
  if (store === undefined) {
    go();
    return;
  }
  s.later((settle) =>
    store.check(head.local, head.domain, (verdict) =>
      settle(() => {
        if (verdict.kind === 'reject') s.refuse(verdict.reply, { module: store.name });
        else go();
      }),
    ),
  );
}

function askModules(s: Session, head: RecipientHead): void {
  if (!s.ports.phases.has('rcptto')) {
    accept(s, head, CONTINUE);
    return;
  }
  const offered = offeredRecipient(s, head);
  s.runPhase('rcptto', { sender: senderHandle(s), recipient: offered.handle }, (isAccepted, verdict) => {
    if (!isAccepted) return;
    // A mailbox that a module wrote was not asked for yet.
    if (offered.head.address === head.address || verdict.kind === 'discard') accept(s, offered.head, verdict);
    else askStore(s, offered.head, () => accept(s, offered.head, verdict));
  });
}

function accept(s: Session, head: RecipientHead, verdict: Verdict): void {
  const { transaction, facts, rules } = s;
  const takesBounces = rules.bounceDomains.size > 0 && rules.bounceDomains.matches(head.domain);
  if (verdict.kind === 'discard') transaction.discardedRecipients++;
  else transaction.recipients.push(takesBounces ? { ...head, takesBounces } : head);
  facts.recipients++;
  s.say(replies.rcptAccepted);
}
