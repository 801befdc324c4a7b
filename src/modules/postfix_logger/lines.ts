/**
 * Lines of Postfix's mail log: smtpd, qmgr, smtp and bounce as Postfix writes them through syslog.
 *
 * The one rule: a queue id is our message id without its punctuation, which is of Postfix's long shape; a message is one recipient.
 * Text that a peer chose cannot break a line. Truth: section 15.4 of the rules; pflogsumm reads it.
 */
import { hostname } from 'node:os';
import { escapeControls, messageIdOf, refusalOf, strftime, type MailRecord, type RejectionRecord } from '#observe';

const host = hostname().split('.')[0];

function queueId(messageId: string): string {
  return messageId.replace(/[^0-9A-Za-z]/g, '');
}

/** `5.1.1` of a reply, else the class of its code. */
function dsnOf(reply: string, otherwise: string): string {
  return /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})/.exec(reply)?.[1] ?? `${/^[245]/.exec(reply)?.[0] ?? otherwise}.0.0`;
}

export function postfixLines(r: MailRecord): string[] {
  if (r.kind === 'B' || r.kind === 'F' || r.kind === 'I' || r.kind === 'C' || r.kind === 'X') return [];
  const stamp = strftime('%b %e %H:%M:%S', r.at);
  const line = (program: string, text: string): string => escapeControls(`${stamp} ${host} postfix/${program}[${process.pid}]: ${text}`);
  if (r.kind === 'J') return [line('smtpd', rejection(r))];
  const id = queueId(r.messageId);
  if (r.kind === 'R') {
    const sender = r.senderLocal === '' ? '' : `${r.senderLocal}@${r.senderDomain}`;
    const first =
      r.remoteIp === '' ? line('pickup', `${id}: uid=0 from=<${sender}>`) : line('smtpd', `${id}: client=unknown[${r.remoteIp}]`);
    return [
      first,
      line('cleanup', `${id}: message-id=<${messageIdOf(r)}>`),
      line('qmgr', `${id}: from=<${sender}>, size=${r.size}, nrcpt=1 (queue active)`),
    ];
  }
  // What was delivered to no peer went into a mailbox of this host.
  const isLocal = r.kind === 'D' && r.remoteIp === '';
  const relay = isLocal ? 'local' : r.remoteIp === '' ? 'none' : `${r.domain}[${r.remoteIp}]:25`;
  const delay = (r.elapsedMs / 1000).toFixed(2);
  const outcome = { D: ['2', 'sent'], T: ['4', 'deferred'], P: ['5', 'bounced'] } as const;
  const [dsnClass, status] = outcome[r.kind];
  const said = r.kind === 'D' || r.remoteIp === '' ? r.reply : `host ${r.domain}[${r.remoteIp}] said: ${r.reply}`;
  const to = `${id}: to=<${r.recipient}>, relay=${relay}, delay=${delay}, delays=${delay}/0/0/0, dsn=${dsnOf(r.reply, dsnClass)}`;
  const lines = [line(isLocal ? 'local' : 'smtp', `${to}, status=${status} (${said})`)];
  if (r.kind !== 'T') lines.push(line('qmgr', `${id}: removed`));
  return lines;
}

/** What was refused stands between the codes and the words, as Postfix has it: its readers look for the colon. */
function rejection(r: RejectionRecord): string {
  const { command, helo, protocol, sender, hasSender, recipient } = refusalOf(r);
  const client = `unknown[${r.remoteIp}]`;
  const [, enhanced = '', text = ''] = /^(\d\.\d{1,3}\.\d{1,3} )?(.*)$/s.exec(r.text) ?? [];
  const what = { CONNECT: client, EHLO: helo, MAIL: sender, RCPT: recipient, DATA: 'DATA' }[command];
  // A sender that could not be read has no name.
  const named = command === 'MAIL' && !hasSender ? '' : `<${what}>: `;
  const people = `${hasSender ? `from=<${sender}> ` : ''}${recipient === '' ? '' : `to=<${recipient}> `}`;
  const end = `${people}proto=${protocol}${helo === '' ? '' : ` helo=<${helo}>`}`;
  return `NOQUEUE: reject: ${command} from ${client}: ${r.code} ${enhanced}${named}${text}; ${end}`;
}
