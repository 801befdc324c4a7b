/**
 * Lines of Exim's main log: `<=` received, `=>` delivered, `==` deferred, `**` failed, `Completed`.
 *
 * The one rule: one line an event, and an id of Exim's shape that is made from ours, which stands behind `EC=`. Text that a peer chose
 * cannot break a line. Truth: section 15.4 of the rules; Exim's own manual, chapter on log files.
 */
import { createHash } from 'node:crypto';
import { escapeControls, messageIdOf, refusalOf, strftime, type MailRecord, type RejectionRecord } from '#observe';

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `1abcDE-0000Fg-Hi`: always the same for the same message. */
function eximId(messageId: string): string {
  const bytes = createHash('md5').update(messageId).digest();
  const letters = [...bytes.subarray(0, 14)].map((byte) => digits[byte % 62]).join('');
  return `${letters.slice(0, 6)}-${letters.slice(6, 12)}-${letters.slice(12)}`;
}

export function eximLines(r: MailRecord): string[] {
  if (r.kind === 'B' || r.kind === 'F' || r.kind === 'I' || r.kind === 'C' || r.kind === 'X') return [];
  const stamp = strftime('%Y-%m-%d %H:%M:%S', r.at);
  if (r.kind === 'J') return [escapeControls(`${stamp} ${rejection(r)}`)];
  const head = `${stamp} ${eximId(r.messageId)}`;
  const line = (text: string): string => escapeControls(`${head} ${text}`);
  if (r.kind === 'R') {
    const sender = r.senderLocal === '' ? '<>' : `${r.senderLocal}@${r.senderDomain}`;
    const host = r.remoteIp === '' ? 'U=impetus P=local' : `H=[${r.remoteIp}] P=${r.protocol}`;
    return [line(`<= ${sender} ${host} S=${r.size} id=${messageIdOf(r)} EC=${r.messageId} for ${r.recipientLocal}@${r.recipientDomain}`)];
  }
  const transport = r.kind === 'D' && r.remoteIp === '' ? 'local_delivery' : 'remote_smtp';
  const route = `R=${r.binding} T=${transport}${r.remoteIp === '' ? '' : ` H=${r.domain} [${r.remoteIp}]`}`;
  switch (r.kind) {
    case 'D':
      return [line(`=> ${r.recipient} F=<${r.sender}> ${route} S=${r.size} C="${r.reply.replaceAll('"', '\\"')}"`), `${head} Completed`];
    case 'T':
      return [line(`== ${r.recipient} ${route} defer (0): ${r.reply}`)];
    case 'P':
      return [line(`** ${r.recipient} F=<${r.sender}> ${route}: ${r.reply}`), `${head} Completed`];
  }
}

function rejection(r: RejectionRecord): string {
  const { command, helo, sender, hasSender, recipient } = refusalOf(r);
  const host = `H=${helo === '' ? '' : `(${helo}) `}[${r.remoteIp}]:${r.remotePort}${hasSender ? ` F=<${sender}>` : ''}`;
  const what = {
    CONNECT: 'rejected connection in "connect" ACL',
    EHLO: 'rejected EHLO or HELO',
    MAIL: `rejected MAIL <${sender}>`,
    RCPT: `rejected RCPT <${recipient}>`,
    DATA: 'rejected after DATA',
  }[command];
  return `${host} ${r.code < 500 ? 'temporarily ' : ''}${what}: ${r.code} ${r.text}`;
}
