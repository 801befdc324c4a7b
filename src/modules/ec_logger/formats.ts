/**
 * The lines of mainlog, rejectlog, paniclog, acctlog and importlog, byte for byte as the manual's samples.
 *
 * The one rule: one record is one line and every field can be read back, whatever a peer sent (escape.ts of observe).
 * Times are whole epoch seconds; durations seconds with at most three decimals and no trailing zeros.
 * Truth: LOG-02, LOG-10, LOG-11, sections 15.1, 15.2 and 15.4.
 */
import {
  escapeField,
  escapeQuoted,
  escapeText,
  type AccountingRecord,
  type FlowRecord,
  type ImportRecord,
  type PanicLine,
  type RejectionRecord,
} from '#observe';

/** A line of mainlog, without its line break. */
export function mainLine(r: FlowRecord): string {
  const head = `${seconds(r.at)}@${escapeField(r.messageId)}@${escapeField(r.batchId)}@${escapeField(r.connectionId)}@${r.kind}`;
  switch (r.kind) {
    case 'R': {
      const to = `${escapeField(r.recipientLocal)}@${escapeField(r.recipientDomain)}`;
      const from = `${escapeField(r.senderLocal)}@${escapeField(r.senderDomain)}`;
      return `${head}@${to}@${from}@${escapeField(r.remoteIp)}@${r.size}@${r.protocol}@${escapeField(r.bindingGroup)}@${escapeField(r.binding)}`;
    }
    case 'D':
    case 'X':
      return `${head}@${route(r)}@${r.retries}@${duration(r.elapsedMs)}@${escapeField(r.remoteIp)}`;
    case 'T':
    case 'P':
      return `${head}@${route(r)}@${r.stage}@${r.retries}@${duration(r.elapsedMs)}@${escapeField(r.remoteIp)}@${escapeField(r.reply)}`;
  }
}

/** A line of rejectlog, without its line break. */
export function rejectLine(r: RejectionRecord): string {
  const peers = `R="${endpoint(r.remoteIp, r.remotePort)}" L="${endpoint(r.localIp, r.localPort)}" C="${escapeQuoted(r.connectionId)}"`;
  const pathway = `PATH="${escapeQuoted(r.pathway)}" PATH_GRP="${escapeQuoted(r.pathwayGroup)}" P="${escapeQuoted(r.phase)}"`;
  const contexts = `CTXCONN=[${pairs(r.contextConnection)}] CTXMESS=[${pairs(r.contextMessage)}]`;
  return `${seconds(r.at)}: ${peers} ${pathway} E=${r.code} M=${word(r.module)} ${contexts} ${escapeText(r.text)}`;
}

/** A line of paniclog, without its line break. */
export function panicLine(line: PanicLine): string {
  return `${seconds(line.at)}:${escapeText(line.source)}: ${escapeText(line.text)}`;
}

/** A line of acctlog, without its line break. */
export function accountLine(r: AccountingRecord): string {
  const head = `${seconds(r.at)}@${r.event}@${escapeField(r.listener)}@${escapeField(r.peer)}@${escapeField(r.user)}@${r.result}`;
  if (r.event !== 'Z') return head;
  const role = r.role === undefined ? '' : `@${escapeField(r.role)}`;
  return `${head}@${escapeField(r.command ?? '')}${role}`;
}

/** A line of importlog, without its line break. */
export function importLine(r: ImportRecord): string {
  return `${seconds(r.at)}@${escapeField(r.originalId)}@I@${escapeField(r.messageId)}@${r.result}@${escapeField(r.directory)}`;
}

/** The marker that says the server is alive, in mainlog. */
export function mainHeartbeat(epochMs: number): string {
  return `${seconds(epochMs)}@@@@M1`;
}

/** The same in rejectlog. */
export function rejectHeartbeat(epochMs: number): string {
  return `${seconds(epochMs)}: Marker 1`;
}

function route(r: { domain: string; size: number; bindingGroup: string; binding: string }): string {
  return `${escapeField(r.domain)}@${r.size}@${escapeField(r.bindingGroup)}@${escapeField(r.binding)}`;
}

function seconds(epochMs: number): string {
  return String(Math.floor(epochMs / 1000));
}

function duration(ms: number): string {
  return String(Math.max(0, Math.round(ms)) / 1000);
}

function endpoint(ip: string, port: number): string {
  const text = escapeQuoted(ip);
  return ip.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}

function pairs(words: readonly string[]): string {
  const list: string[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) list.push(`${word(words[i] as string)}=${word(words[i + 1] as string)}`);
  return list.join(',');
}

/** Bare when it is made of plain characters, else in quotes. */
function word(text: string): string {
  return /^[\w.:/+@-]*$/.test(text) && text.length < 1024 ? text : `"${escapeQuoted(text)}"`;
}
