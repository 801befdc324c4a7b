/**
 * Lines of Sendmail's mail log: `from=` when a message comes in, `to=` with `stat=` for what became of it.
 *
 * The one rule: a queue id is our message id without its punctuation; a message is one recipient. Text that a peer chose cannot
 * break a line. Truth: section 15.4 of the rules; Sendmail's operation guide on its log.
 */
import { hostname } from 'node:os';
import { escapeControls, messageIdOf, refusalOf, strftime, type MailRecord, type RejectionRecord } from '#observe';

const host = hostname().split('.')[0];

export function sendmailLines(r: MailRecord): string[] {
  if (r.kind === 'B' || r.kind === 'F' || r.kind === 'I' || r.kind === 'C' || r.kind === 'X') return [];
  const stamp = strftime('%b %e %H:%M:%S', r.at);
  const line = (text: string): string[] => [escapeControls(`${stamp} ${host} sendmail[${process.pid}]: ${text}`)];
  if (r.kind === 'J') return line(rejection(r));
  const id = r.messageId.replace(/[^0-9A-Za-z]/g, '');
  if (r.kind === 'R') {
    const sender = r.senderLocal === '' ? '<>' : `<${r.senderLocal}@${r.senderDomain}>`;
    const relay = r.remoteIp === '' ? 'root@localhost' : `[${r.remoteIp}]`;
    return line(
      `${id}: from=${sender}, size=${r.size}, class=0, nrcpts=1, msgid=<${messageIdOf(r)}>, proto=${r.protocol.toUpperCase()}, daemon=MTA, relay=${relay}`,
    );
  }
  const relay = r.remoteIp === '' ? '' : `, relay=${r.domain} [${r.remoteIp}]`;
  const dsn = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})/.exec(r.reply)?.[1] ?? { D: '2.0.0', T: '4.0.0', P: '5.0.0' }[r.kind];
  const stat = { D: `Sent (${r.reply})`, T: `Deferred: ${r.reply}`, P: r.reply }[r.kind];
  const mailer = r.kind === 'D' && r.remoteIp === '' ? 'local' : 'esmtp';
  const head = `${id}: to=<${r.recipient}>, delay=${duration(r.elapsedMs)}, xdelay=00:00:00, mailer=${mailer}, pri=${r.messageSize}`;
  return line(`${head}${relay}, dsn=${dsn}, stat=${stat}`);
}

function rejection(r: RejectionRecord): string {
  const { command, helo, sender, recipient } = refusalOf(r);
  const [ruleset, argument] = (
    {
      CONNECT: ['check_relay', `[${r.remoteIp}]`],
      EHLO: ['check_helo', helo],
      MAIL: ['check_mail', `<${sender}>`],
      RCPT: ['check_rcpt', `<${recipient}>`],
      DATA: ['check_eom', ''],
    } as const
  )[command];
  return `NOQUEUE: ruleset=${ruleset}${argument === '' ? '' : `, arg1=${argument}`}, relay=[${r.remoteIp}], reject=${r.code} ${r.text}`;
}

/** `2+03:04:05` with days, else `03:04:05`. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 86_400 ? clock : `${Math.floor(seconds / 86_400)}+${clock}`;
}
