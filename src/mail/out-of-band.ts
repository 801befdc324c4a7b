/**
 * A bounce that came as mail: which message of ours it is about, and in whose words.
 *
 * The one rule: the recipient is looked for where it is sure first (report fields, our own mark, a header of the reporter, VERP), in the words for
 * people last, and never is it an address of the suppress list, the mailbox that the bounce came to, or who sent it (BNC-07). A mark that
 * somebody else made proves nothing: such a bounce is told apart, and where marks have tokens nothing but one of ours says whom a bounce is about,
 * since whoever writes a report can name anybody in it (A53). All work is bounded by that of report.ts.
 * Not here: the class of a reply (bounce-classifier.ts), what is logged. Truth: rules BNC-06, BNC-07; RFC 3464.
 */
import { splitAddress } from './mailbox.ts';
import { oneLine } from './one-line.ts';
import { findInReport, type Report } from './report.ts';
import { parseTraceMark, type TraceMark } from './trace-mark.ts';

/** Recipients of one notice that are logged. */
const RECIPIENTS_MAX = 100;
const ADDRESS_MAX = 320;
const REPLY_MAX = 500;
/** Addresses in the words for people that are looked at. */
const CANDIDATES_MAX = 100;
/** Characters of the From of a bounce that are compared with them. */
const FROM_MAX = 8192;

interface BounceQuestion {
  /** Bounce_Suppress_List. */
  readonly suppressed: SuppressList;
  /** The mailbox that the bounce came to. */
  readonly mailbox: string;
  /** Our mark, where there is one. */
  readonly mark: BounceMark | undefined;
}

export interface BounceMark {
  readonly headerName: string;
  readonly key: string | undefined;
  /** With a key: bounces that show no mark are believed all the same. */
  readonly trustsUnmarked?: boolean;
}

interface BouncedRecipient {
  /** '' when nobody could be found. */
  readonly recipient: string;
  /** The words of whoever refused; '' when the notice has none. */
  readonly reply: string;
}

export interface ReceivedBounce {
  /** `success`: a report that nothing failed. `forged`: it shows a mark that is not ours. */
  readonly kind: 'failed' | 'delayed' | 'success' | 'forged';
  readonly recipients: readonly BouncedRecipient[];
  /** How the message left, where a mark says so. */
  readonly mark: TraceMark | undefined;
  /** Subject, kind of automatic mail, and words: what rules for notices look at. */
  readonly words: string;
  /** Nothing proves it, and nobody is named by it. */
  readonly isUnproven?: boolean;
}

export class SuppressList {
  readonly #addresses = new Set<string>();
  readonly #domains = new Set<string>();

  /** @param text `a@b, @c`: addresses and whole domains */
  constructor(text: string | undefined) {
    for (const item of (text ?? '').toLowerCase().split(/[,\s]+/)) {
      if (item.startsWith('@')) this.#domains.add(item.slice(1));
      else if (item !== '') this.#addresses.add(item);
    }
  }

  has(address: string): boolean {
    const lower = address.toLowerCase();
    return this.#addresses.has(lower) || this.#domains.has(lower.slice(lower.lastIndexOf('@') + 1));
  }
}

export function readBounce(report: Report, o: BounceQuestion): ReceivedBounce {
  const words = wordsOf(report);
  const value = o.mark === undefined ? undefined : findInReport(report, o.mark.headerName);
  const reading = value === undefined || o.mark === undefined ? undefined : parseTraceMark(value, o.mark.key);
  if (reading?.kind === 'forged') return { kind: 'forged', recipients: [], mark: undefined, words };
  const mark = reading?.kind === 'mark' ? reading.mark : undefined;
  const told = asTold(report, o, { mark, words });
  return o.mark?.key === undefined ? told : proven(told, o.mark.trustsUnmarked === true);
}

/** What is left of a bounce where marks have tokens. */
function proven(told: ReceivedBounce, trustsUnmarked: boolean): ReceivedBounce {
  const { mark, recipients } = told;
  const [first] = recipients;
  if (first === undefined || (mark === undefined && trustsUnmarked)) return told;
  if (mark === undefined) return { ...told, recipients: [{ recipient: '', reply: first.reply }], isUnproven: true };
  const sentTo = addressOf(mark);
  if (sentTo !== '') {
    const own = recipients.find(({ recipient }) => recipient.toLowerCase() === sentTo.toLowerCase());
    return { ...told, recipients: [{ recipient: sentTo, reply: (own ?? first).reply }] };
  }
  // Mail to several: the mark knows no more than their domain, where they had the same.
  const isOurs = (recipient: string): boolean =>
    mark.domain === '' || splitAddress(recipient).domain.toLowerCase() === mark.domain.toLowerCase();
  return { ...told, recipients: recipients.map((one) => (isOurs(one.recipient) ? one : { ...one, recipient: '' })) };
}

function asTold(report: Report, o: BounceQuestion, { mark, words }: Pick<ReceivedBounce, 'mark' | 'words'>): ReceivedBounce {
  const groups = report.status.filter((block) => block.has('Final-Recipient') || block.has('Original-Recipient'));
  if (groups.length === 0) return { kind: 'failed', recipients: [guessed(report, o, mark)], mark, words };
  const actionOf = (block: (typeof groups)[number]): string => (block.find('Action') ?? 'failed').toLowerCase();
  const failed = groups.filter((block) => actionOf(block) === 'failed');
  const late = groups.filter((block) => actionOf(block) === 'delayed');
  if (failed.length + late.length === 0) return { kind: 'success', recipients: [], mark, words };
  const told = failed.length > 0 ? failed : late;
  const from = fromOf(report);
  const recipients = told.slice(0, RECIPIENTS_MAX).map((block) => {
    const typed = [block.find('Original-Recipient'), block.find('Final-Recipient')];
    const recipient = typed.map(untyped).find((address) => isCandidate(address, from, o));
    return { recipient: recipient ?? addressOf(mark), reply: replyOf(block.find('Diagnostic-Code'), block.find('Status')) };
  });
  return { kind: failed.length > 0 ? 'failed' : 'delayed', recipients, mark, words };
}

function wordsOf({ headers, text }: Report): string {
  const head = ['Subject', 'Auto-Submitted'].flatMap((name) => {
    const value = headers.find(name);
    return value === undefined ? [] : [`${name}: ${oneLine(value, REPLY_MAX)}`];
  });
  return [...head, text].join('\n');
}

/** `rfc822; a@b`: what stands behind the type. */
function untyped(value: string | undefined): string {
  if (value === undefined) return '';
  const address = value.slice(value.indexOf(';') + 1).trim();
  return address.startsWith('<') && address.endsWith('>') ? address.slice(1, -1) : address;
}

function replyOf(diagnostic: string | undefined, status: string | undefined): string {
  const text = diagnostic === undefined || diagnostic === '' ? (status ?? '') : diagnostic.replace(/^[A-Za-z0-9-]{1,20} *; */, '');
  return oneLine(text, REPLY_MAX);
}

function addressOf(mark: TraceMark | undefined): string {
  return mark === undefined || mark.local === '' ? '' : `${mark.local}@${mark.domain}`;
}

/** Of a notice without fields that a program could read. */
function guessed(report: Report, o: BounceQuestion, mark: TraceMark | undefined): BouncedRecipient {
  const named = report.headers
    .findAll('X-Failed-Recipients')
    .flatMap((value) => value.split(','))
    .slice(0, CANDIDATES_MAX);
  const from = fromOf(report);
  const originals = (report.original?.find('To') ?? '').split(',');
  const to = originals.length === 1 ? untyped((originals[0] ?? '').replace(/^.*</, '').replace(/>.*$/, '')) : '';
  const candidates = [addressOf(mark), ...named, verp(o.mailbox), to, ...addressesIn(report.text)];
  const recipient = candidates.map((address) => address.trim()).find((address) => isCandidate(address, from, o));
  return { recipient: recipient ?? '', reply: lineWithCode(report.text) };
}

/** `bounces+user=example.com@here`: the address that is folded into the mailbox; '' when there is none. */
function verp(mailbox: string): string {
  const { local } = splitAddress(mailbox);
  const equals = local.lastIndexOf('=');
  if (equals < 0) return '';
  const before = local.slice(0, equals);
  const start = Math.max(before.lastIndexOf('+'), before.includes('+') ? -1 : before.indexOf('-'));
  return start < 0 ? '' : `${before.slice(start + 1)}@${local.slice(equals + 1)}`;
}

const LOCAL_CHAR = /[A-Za-z0-9._%+=&'~/-]/;
const DOMAIN_CHAR = /[A-Za-z0-9.-]/;

/** Each @ with what may stand on both sides of it. */
function addressesIn(text: string): string[] {
  const found: string[] = [];
  for (let at = text.indexOf('@'); at >= 0 && found.length < CANDIDATES_MAX; at = text.indexOf('@', at + 1)) {
    let start = at;
    while (start > 0 && at - start < 64 && LOCAL_CHAR.test(text[start - 1] as string)) start -= 1;
    let end = at + 1;
    while (end < text.length && end - at < 255 && DOMAIN_CHAR.test(text[end] as string)) end += 1;
    found.push(text.slice(start, end).replace(/\.+$/, ''));
  }
  return found;
}

/** The first line with a code such as 550 or 5.1.1. */
function lineWithCode(text: string): string {
  for (const line of text.split('\n')) {
    const match = /(?:^|[^0-9.])([45]\d\d(?:[ -]|$)|[45]\.\d{1,3}\.\d{1,3}(?![0-9.])).{0,400}/.exec(line.slice(0, 1000));
    if (match !== null) return oneLine(match[0].replace(/^[^0-9]/, ''), REPLY_MAX).trim();
  }
  return '';
}

function fromOf({ headers }: Report): string {
  return (headers.find('From') ?? '').slice(0, FROM_MAX).toLowerCase();
}

function isCandidate(address: string, from: string, { suppressed, mailbox }: BounceQuestion): boolean {
  const at = address.lastIndexOf('@');
  if (at < 1 || at === address.length - 1 || address.length > ADDRESS_MAX || !/^[^\s<>]+$/.test(address)) return false;
  const lower = address.toLowerCase();
  if (lower === mailbox.toLowerCase() || suppressed.has(address)) return false;
  return !from.includes(lower);
}
