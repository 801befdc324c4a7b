/**
 * What a session adds to a message: Return-Path and Received in front, Date and Message-ID where they are missing.
 *
 * The one rule: the Received header names the batch, which is what all log lines of the message have in common.
 * Not here: the form of the headers (#mail), whether they are wanted (the rules). Truth: SMTP-14, SMTP-16, SMTP-17, LSN-15.
 */
import type { MessageDraft } from '#intake';
import { dateHeader, formatDate, newMessageIdHeader, oneLine, traceHeaders as formatTrace } from '#mail';
import type { MissingHeaders } from '#smtp';
import type { Session } from './session-types.ts';

/** The date in the greeting. */
export function greetingDate(epochMs: number): string {
  return formatDate(epochMs);
}

export function traceHeaders(s: Session, draft: MessageDraft): Buffer {
  const { facts, transaction, ports } = s;
  const trace = formatTrace({
    remoteIp: facts.remoteIp,
    remotePort: facts.remotePort,
    helo: facts.helo,
    by: hostOf(s),
    sender: transaction.sender,
    product: ports.product,
    with: protocolWord(s),
    id: draft.batchId,
    at: draft.receivedAt,
  });
  const results = authenticationResults(s);
  return results === '' ? trace : Buffer.concat([trace, Buffer.from(results, 'utf8')]);
}

const RESULTS: ReadonlyMap<string, string> = new Map([
  ['pass', 'pass'],
  ['fail', 'fail'],
  ['error', 'temperror'],
]);

/** What became of AUTH, success or not (AUTH-05; RFC 8601 section 2.7.4). */
function authenticationResults(s: Session): string {
  const result = RESULTS.get(s.context.connection.get('auth_status') ?? '');
  if (result === undefined) return '';
  const { authUser } = s.facts;
  const user = authUser === '' ? '' : ` smtp.auth="${oneLine(authUser, 255).replace(/["\\]/g, '\\$&')}"`;
  return `Authentication-Results: ${hostOf(s)};\r\n\tauth=${result}${user}\r\n`;
}

/** Headers that RFC 5322 asks for and the message does not have, as the options want them added. */
export function missingHeaders(s: Session, draft: MessageDraft | undefined, need: Parameters<MissingHeaders>[0]): Buffer | undefined {
  if (draft === undefined) return undefined;
  const date = need.date ? dateHeader(draft.receivedAt) : '';
  const messageId = need.messageId ? newMessageIdHeader(draft.batchId, hostOf(s)) : '';
  return Buffer.from(date + messageId, 'utf8');
}

function hostOf(s: Session): string {
  return s.facts.localName;
}

/** RFC 5321 section 4.4, RFC 3848 (S: over TLS, A: authenticated) and RFC 6531 section 4.3. */
function protocolWord(s: Session): string {
  const isUtf8 = s.transaction.parameters.smtpUtf8 === true;
  if (!isUtf8 && !s.facts.isEsmtp) return 'SMTP';
  return `${isUtf8 ? 'UTF8SMTP' : 'ESMTP'}${s.isSecured ? 'S' : ''}${s.facts.authUser === '' ? '' : 'A'}`;
}
