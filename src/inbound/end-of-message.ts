/**
 * The beginning and the end of a message within its transaction, the same for DATA and BDAT.
 *
 * The one rule: 250 is only said after the draft answered that the message is durable; every other way out of here is a
 * refusal, and the transaction is over either way.
 * Bound: `RECEIVED_MAX` Received headers, or fewer by the module mail_loop, then the message is going round in circles.
 * Not here: the bytes (body-intake.ts). Truth: SMTP-03, SMTP-04, SMTP-16, SPL-04, CTX-03, CTX-04, OUT-49; attacks A52, A68.
 */
import type { EnvelopeHead, MessageDraft } from '#intake';
import { replies, type BodyRules, type Reply } from '#smtp';
import { senderHandle } from './handles.ts';
import { bodyIsHere, tellReceived } from './reception-timing.ts';
import type { Session } from './session-types.ts';
import { missingHeaders, traceHeaders } from './trace.ts';

/** Received headers above which a message is refused as looping (RFC 5321 section 6.3 asks for 100 or more). */
export const RECEIVED_MAX = 100;

/**
 * All recipients are known: the modules of rcptto_list look at them together, before the body begins. `go` hears no when the message is
 * refused; the reply was said then.
 */
export function closeList(s: Session, go: (isAccepted: boolean) => void): void {
  if (!s.ports.phases.has('rcptto_list')) {
    go(true);
    return;
  }
  s.state = 'rcptto list response';
  const recipients = s.transaction.recipients.map(({ address }) => address);
  s.runPhase('rcptto_list', { sender: senderHandle(s), recipients }, (isAccepted, verdict) => {
    if (verdict.kind === 'discard') s.transaction.isDiscarded = true;
    go(isAccepted);
  });
}

/** Whether one message more may be let in now; it is counted when its body begins, so that who only says MAIL takes nothing (SMTP-18). */
export function isLetIn(s: Session): boolean {
  return !s.rules.isThrottled || s.ports.throttle.take(s.rules.options);
}

/** Opens the draft and writes the trace headers into it. */
export function openBody(s: Session): void {
  const { transaction, rules } = s;
  const isKept = !transaction.isDiscarded && transaction.recipients.length > 0;
  const draft = isKept ? s.ports.intake.open(headOf(s)) : undefined;
  if (draft !== undefined && rules.traceHeaders) draft.appendTrace(traceHeaders(s, draft));
  const body = transaction.parameters.body === 'BINARYMIME' ? binary(rules.body) : rules.body;
  s.body.open(draft, isOwnRelay(s) ? body : { ...body, dropResultsOf: s.facts.localName.toLowerCase() }, (need) =>
    missingHeaders(s, draft, need),
  );
}

/** Who may relay by its address is one of our own: a filter that gives mail back keeps what we said of it. */
function isOwnRelay({ context, facts }: Session): boolean {
  return facts.authUser === '' && context.connection.get('can_relay') === 'true';
}

const binaryRules = new WeakMap<BodyRules, BodyRules>();

/** BINARYMIME (RFC 3030 section 3): behind the header there are octets and no lines. */
function binary(rules: BodyRules): BodyRules {
  let made = binaryRules.get(rules);
  if (made === undefined) {
    made = { ...rules, loneInBody: 'ignore', longBodyLine: 'ignore' };
    binaryRules.set(rules, made);
  }
  return made;
}

/** The last octet is here. */
export function endOfMessage(s: Session): void {
  s.state = 'sending body response';
  s.timed?.watch.bodyEnded();
  const { body, context } = s;
  const refused = body.complete();
  bodyIsHere(s);
  const { facts } = body;
  const refusal = refused ?? loopRefusal(s, facts?.received ?? 0);
  if (refusal !== undefined) {
    body.drop();
    s.refuse(refusal);
    s.resetTransaction();
    return;
  }
  if (facts?.hasDate === false) context.setMessage('rfc2822_date_missing', 'true');
  const { draft } = body;
  if (draft === undefined) {
    accepted(s, undefined);
    return;
  }
  if (!s.ports.phases.has('data')) {
    store(s, draft);
    return;
  }
  s.state = 'async body handler';
  s.runPhase('data', { message: draft.view() }, (isAccepted, verdict) => {
    if (!isAccepted) {
      s.resetTransaction();
    } else if (verdict.kind === 'discard') {
      body.drop();
      accepted(s, undefined);
    } else {
      store(s, draft);
    }
  });
}

/** CTX-03: with a code that refuses nothing, policy scripts find the number. */
function loopRefusal(s: Session, received: number): Reply | undefined {
  if (received > RECEIVED_MAX) return replies.tooManyHops;
  const rule = s.ports.mailLoop?.();
  if (rule === undefined || received <= rule.receivedMax) return undefined;
  if (rule.code !== undefined) return { ...replies.tooManyHops, code: rule.code, enhanced: rule.code < 500 ? '4.4.6' : '5.4.6' };
  s.context.setConnection('mail_loop_header_count', String(received));
  return undefined;
}

function store(s: Session, draft: MessageDraft): void {
  s.state = 'async body response';
  s.later((settle) => {
    draft.finish((error, batchId) => {
      settle(() => {
        if (error === undefined) {
          accepted(s, batchId);
          return;
        }
        s.refuse(error.reply, { module: error.module, close: error.isDisconnect, isAbandoned: error.code === 'aborted' });
        s.resetTransaction();
      });
    });
  });
}

function accepted(s: Session, batchId: string | undefined): void {
  tellReceived(s);
  s.facts.messages++;
  s.context.setConnection('connection_message_count', String(s.facts.messages));
  const ok = replies.messageAccepted;
  s.say(batchId === undefined ? ok : { ...ok, text: `OK ${batchId}` });
  s.resetTransaction();
  s.state = 'awaiting mailfrom';
}

function headOf(s: Session): EnvelopeHead {
  const { transaction, rules } = s;
  const { ret, envid, body, smtpUtf8 } = transaction.parameters;
  return {
    connection: s.facts,
    protocol: 'esmtp',
    context: s.context,
    sender: transaction.sender,
    senderDomain: transaction.senderDomain,
    recipients: transaction.recipients,
    ret,
    envid,
    body,
    smtpUtf8,
    pathway: rules.pathway === 'default' ? undefined : rules.pathway,
    terms: transaction.terms,
    batchId: s.timed?.batchId,
    bouncesRefusals: rules.bouncesRefusals,
  };
}
