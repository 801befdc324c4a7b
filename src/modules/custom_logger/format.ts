/**
 * A format string compiled: literal text and specifiers, each of which reads one value of a record.
 *
 * The one rule: a record becomes one line. Values a peer chose cannot bring a line break or a control character into it, whatever
 * `sanitize` says; %n and %h{X} are sanitized as configured before. What is no specifier is printed as written and told at start.
 * Not here: which records are logged where (index.ts). Truth: section 15.5 of the rules, A75.
 */
import { escapeControls, strftime, type Classify, type FlowRecord, type RejectionRecord } from '#observe';
import type { Sanitizer } from './sanitize.ts';

export type LoggedRecord = FlowRecord | RejectionRecord;

interface FormatPorts {
  readonly classify: Classify;
  readonly sanitize: Sanitizer;
}

type Field = (r: LoggedRecord, ports: FormatPorts) => string;

export interface CompiledFormat {
  readonly line: (r: LoggedRecord, ports: FormatPorts) => string;
  /** What must come with each record for this format: see facts of the records. */
  readonly wants: readonly string[];
  /** Specifiers that do not exist, as written. */
  readonly unknown: readonly string[];
}

const noId = '00/00-00000-00000000';

const stageNames: readonly string[] = [
  'while not connected',
  'while idle',
  'during MAIL FROM',
  'after MAIL FROM',
  'during RCPT TO',
  'after RCPT TO',
  'during DATA',
  'after DATA',
  'while sending BODY',
  'reading confirmation',
  'during EHLO',
  'after EHLO',
  'reading BANNER',
  'during RSET',
  'after RSET',
  'during STARTTLS',
  'after STARTTLS',
  'handshaking TLS',
  'renegotiating TLS',
  'during XCLIENT',
  'after XCLIENT',
  'out of band bounce',
  'in unknown state',
];

/** Longest names first: %BI is not %B and an I. */
const specifier = /%(?:(vctx_conn|vctx_mess|us|h|t|T)\{([^}]*)\}|(BI|CI|PG|[AbBcCdgHimMnNPprRsStTU%])|([A-Za-z_]*))/g;

export function compileFormat(format: string, o: { readonly hasTlsMacros: boolean } = { hasTlsMacros: false }): CompiledFormat {
  const parts: (string | Field)[] = [];
  const wants = new Set<string>();
  const unknown: string[] = [];
  let from = 0;
  for (const match of format.matchAll(specifier)) {
    const [whole, named, argument = '', plain, word = ''] = match;
    parts.push(format.slice(from, match.index));
    from = match.index + whole.length;
    const macro = o.hasTlsMacros && named === undefined && plain === undefined ? tlsField(word, wants) : undefined;
    const field = macro ?? (named === undefined ? plainField(plain, wants) : fieldWith(named, argument, wants));
    if (field === undefined) unknown.push(whole);
    parts.push(field ?? whole);
  }
  parts.push(format.slice(from));
  const kept = parts
    .filter((part) => part !== '')
    .map((part) => (typeof part === 'string' ? escapeControls(part.replace(/\n$/, '')) : part));
  return {
    wants: [...wants],
    unknown,
    line: (r, ports) => {
      let line = '';
      for (const part of kept) line += typeof part === 'string' ? part : escapeControls(part(r, ports));
      return line;
    },
  };
}

function fieldWith(name: string, argument: string, wants: Set<string>): Field | undefined {
  switch (name) {
    case 'vctx_conn':
      wants.add(`conn:${argument}`);
      return (r) => (r.kind === 'J' ? valueOf(r.contextConnection, argument) : valueOf(r.facts, `conn:${argument}`));
    case 'vctx_mess':
      wants.add(`mess:${argument}`);
      return (r) => (r.kind === 'J' ? valueOf(r.contextMessage, argument) : valueOf(r.facts, `mess:${argument}`));
    case 'h': {
      const header = argument.trim().toLowerCase();
      wants.add(`head:${header}`);
      return (r, { sanitize }) => (r.kind === 'J' ? '' : sanitize(valueOf(r.facts, `head:${header}`)));
    }
    case 't':
      return (r) => strftime(argument, r.at);
    case 'T': {
      const places = digits(argument, 0, 9);
      return places === undefined ? undefined : (r) => queued(r, places);
    }
    default: {
      const places = digits(argument, 1, 6);
      return places === undefined ? undefined : (r) => fraction(r.at, places);
    }
  }
}

function digits(text: string, min: number, max: number): number | undefined {
  const n = Number(text);
  return /^\d+$/.test(text) && n >= min && n <= max ? n : undefined;
}

const queued = (r: LoggedRecord, places: number): string => ('elapsedMs' in r ? (r.elapsedMs / 1000).toFixed(places) : (0).toFixed(places));

/** The clock of records has milliseconds; what is finer is zero. */
function fraction(at: number, places: number): string {
  const micro = String(Math.round((at % 1000) * 1000)).padStart(6, '0');
  return `${Math.floor(at / 1000)}.${micro.slice(0, places)}`;
}

/** Facts that a specifier needs beside what records always have. */
const plainWants: Readonly<Record<string, string>> = { A: 'authMethod', U: 'user', P: 'pathway', PG: 'pathwayGroup', p: 'protocol' };

function plainField(name: string | undefined, wants: Set<string>): Field | undefined {
  if (name === undefined) return undefined;
  if (name === '%') return () => '%';
  const wanted = plainWants[name];
  if (wanted !== undefined) wants.add(wanted);
  return fields[name];
}

/** Macros of the namespace outbound_tls, with what they say where nothing is known of a connection (OUT-64). */
const tlsMacros: Readonly<Record<string, string>> = {
  outbound_tls: 'unknown',
  outbound_tls_type: 'no',
  outbound_tls_cipher: '',
  outbound_tls_cipher_algbits: '',
  outbound_tls_cipher_usebits: '',
  outbound_tls_protocol: '',
  outbound_tls_verified: 'unverified',
  outbound_tls_issuer: '',
  outbound_tls_subject: '',
};

function tlsField(word: string, wants: Set<string>): Field | undefined {
  if (word === 'local_ip') return (r) => r.remoteIp;
  const otherwise = tlsMacros[word];
  if (otherwise === undefined) return undefined;
  wants.add('outbound_tls');
  return (r) => (r.kind === 'J' ? '' : valueOf(r.facts, word)) || otherwise;
}

const fields: Readonly<Record<string, Field>> = {
  A: (r) => (r.kind === 'J' ? '' : valueOf(r.facts, 'authMethod')),
  b: (r) => (r.kind === 'J' ? '' : r.binding),
  B: (r) => (r.kind === 'J' ? '0' : String(r.kind === 'R' ? r.size : r.messageSize)),
  BI: (r) => (r.kind === 'J' ? noId : r.batchId),
  c: (r, { classify }) => (r.kind === 'T' || r.kind === 'P' ? classify(r.reply, r.domain).name : ''),
  C: (r, { classify }) => (r.kind === 'T' || r.kind === 'P' ? String(classify(r.reply, r.domain).code) : ''),
  CI: (r) => r.connectionId,
  d: (r) => (r.kind === 'J' ? '' : r.kind === 'R' ? r.recipientDomain : r.domain),
  g: (r) => (r.kind === 'J' ? '' : r.bindingGroup),
  H: (r) => r.remoteIp,
  i: (r) => (r.kind === 'J' ? noId : r.messageId),
  m: (r) => (r.kind === 'J' ? '' : r.kind === 'R' ? r.senderLocal : localOf(r.sender)),
  M: (r) => (r.kind === 'J' ? '' : r.kind === 'R' ? r.senderDomain : domainOf(r.sender)),
  n: (r, { sanitize }) => sanitize(r.kind === 'J' ? `${r.code} ${r.text}` : r.kind === 'R' ? '' : r.reply),
  N: (r) => (r.kind === 'J' || r.kind === 'R' ? '0' : String(r.retries + 1)),
  P: (r) => (r.kind === 'J' ? r.pathway : valueOf(r.facts, 'pathway')),
  p: (r) => (r.kind === 'J' ? 'unknown' : r.kind === 'R' ? r.protocol : valueOf(r.facts, 'protocol')),
  PG: (r) => (r.kind === 'J' ? r.pathwayGroup : valueOf(r.facts, 'pathwayGroup')),
  r: (r) => (r.kind === 'J' ? '' : r.kind === 'R' ? r.recipientLocal : localOf(r.recipient)),
  R: (r) => (r.kind === 'J' ? '' : r.kind === 'R' ? r.recipientDomain : domainOf(r.recipient)),
  s: (r) => ('stage' in r ? (stageNames[r.stage] ?? '') : ''),
  S: (r) => ('stage' in r ? String(r.stage) : r.kind === 'J' ? '22' : ''),
  t: (r) => String(Math.floor(r.at / 1000)),
  T: (r) => queued(r, 2),
  U: (r) => (r.kind === 'J' ? valueOf(r.contextConnection, 'auth_user') : valueOf(r.facts, 'user')),
};

function localOf(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? address : address.slice(0, at);
}

function domainOf(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? '' : address.slice(at + 1);
}

function valueOf(pairs: readonly string[], key: string): string {
  for (let i = 0; i + 1 < pairs.length; i += 2) if (pairs[i] === key) return pairs[i + 1] as string;
  return '';
}
