/**
 * A message that came in, read as a report about a message of ours: the fields of a delivery status or of feedback, the words for people,
 * the headers that were sent back.
 *
 * The one rule: everything is bounded (REPORT_OCTETS, parts, depth, groups) and linear, there is no regular expression that could be slow
 * (A49), and what is malformed is read as far as it goes: nothing here throws (A54). Mail that is no report has its text alone.
 * Not here: what a report means (classes, attribution). Truth: RFC 3464, RFC 5965, RFC 6522, RFC 2045; rules BNC-06, BNC-07, BNC-13.
 */
import { HeaderBlock } from './header-block.ts';

/** Octets of a message that are looked at. */
export const REPORT_OCTETS = 262_144;
const PARTS_MAX = 32;
const DEPTH_MAX = 4;
const GROUPS_MAX = 100;
/** Places where a group may begin; a text of blank lines has as many as octets. */
const STARTS_MAX = 2_000;
/** Characters of a mark of quotation. */
const PREFIX_MAX = 8;
const TEXT_CHARS = 8192;
/** Octets of a header in the midst of text. */
const FOLDED_OCTETS = 8192;

export interface Report {
  readonly headers: HeaderBlock;
  /** Fields about the message, then about each recipient; empty when there is no delivery status. */
  readonly status: readonly HeaderBlock[];
  /** The fields of an RFC 5965 report. */
  readonly feedback: HeaderBlock | undefined;
  /** The first text for people, decoded. */
  readonly text: string;
  /** The headers of the message that was sent back. */
  readonly original: HeaderBlock | undefined;
  /** All text in which headers could stand, decoded: searched for our own header where a reporter wraps mail in his own way. */
  readonly searched: readonly Buffer[];
}

interface Parts {
  status: HeaderBlock[];
  feedback: HeaderBlock | undefined;
  text: string | undefined;
  original: HeaderBlock | undefined;
  searched: Buffer[];
  count: number;
}

export function parseReport(message: Buffer): Report {
  const bounded = message.subarray(0, REPORT_OCTETS);
  const headers = HeaderBlock.parse(bounded);
  const found: Parts = { status: [], feedback: undefined, text: undefined, original: undefined, searched: [], count: 0 };
  walk(headers, bounded.subarray(headers.bodyAt), 0, found);
  const { status, feedback, original, searched } = found;
  return { headers, status, feedback, text: found.text ?? '', original, searched };
}

/** The value of the first header of that name anywhere in a report, unfolded; undefined when there is none. */
export function findInReport(report: Report, name: string): string | undefined {
  const known = report.original?.find(name);
  if (known !== undefined) return known;
  for (const bytes of report.searched) {
    const value = headerIn(bytes, name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function headerIn(bytes: Buffer, name: string): string | undefined {
  const lower = bytes.toString('latin1').toLowerCase();
  const wanted = `${name.toLowerCase()}:`;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + wanted.length)) {
    // Quoted copies stand behind blanks or angle brackets.
    // Only so far back: a line may be all there is, and hold the name many thousand times.
    const before = lower.slice(Math.max(0, at - PREFIX_MAX - 1), at);
    const prefix = before.slice(before.lastIndexOf('\n') + 1);
    if (prefix.length <= PREFIX_MAX && /^[> \t]*$/.test(prefix))
      return unfolded(bytes.toString('latin1', at, at + FOLDED_OCTETS), prefix).slice(wanted.length);
  }
  return undefined;
}

/** The first line, and those that go on with it: behind the same mark of quotation a blank. */
function unfolded(text: string, prefix: string): string {
  const [first = '', ...more] = text.split('\n', 64);
  let value = first;
  for (const line of more) {
    if (!line.startsWith(prefix) || !/^[ \t]/.test(line.slice(prefix.length))) break;
    value += line.slice(prefix.length);
  }
  return value.replaceAll('\r', '').trim();
}

function walk(headers: HeaderBlock, body: Buffer, depth: number, found: Parts): void {
  found.count += 1;
  if (found.count > PARTS_MAX) return;
  const { type, boundary } = contentType(headers.find('Content-Type'));
  if (type.startsWith('multipart/') && boundary !== undefined && depth < DEPTH_MAX) {
    for (const part of split(body, boundary)) {
      const own = HeaderBlock.parse(part);
      walk(own, part.subarray(Math.min(own.bodyAt, part.length)), depth + 1, found);
    }
    return;
  }
  take(type, decode(body, headers.find('Content-Transfer-Encoding') ?? ''), found);
}

function take(type: string, bytes: Buffer, found: Parts): void {
  switch (type) {
    case 'message/delivery-status':
    case 'message/global-delivery-status':
      found.status.push(...groups(bytes).slice(0, GROUPS_MAX - found.status.length));
      return;
    case 'message/feedback-report':
      found.feedback ??= HeaderBlock.parse(bytes);
      return;
    case 'message/rfc822':
    case 'message/global':
    case 'text/rfc822-headers':
    case 'message/global-headers':
      found.original ??= HeaderBlock.parse(bytes);
      found.searched.push(bytes);
      return;
    default:
      if (!type.startsWith('text/')) return;
      found.text ??= bytes.toString('utf8', 0, TEXT_CHARS * 4).slice(0, TEXT_CHARS);
      found.searched.push(bytes);
  }
}

/** Groups of fields with blank lines between them. */
function groups(bytes: Buffer): HeaderBlock[] {
  const all: HeaderBlock[] = [];
  let rest = bytes;
  for (let starts = 0; rest.length > 0 && all.length < GROUPS_MAX && starts < STARTS_MAX; starts += 1) {
    const block = HeaderBlock.parse(rest);
    if (block.fields.length > 0) all.push(block);
    // A line that is no field is passed over, or this would go on for ever.
    const lf = rest.indexOf(10, block.bodyAt);
    rest = rest.subarray(block.complete && block.bodyAt > 0 ? block.bodyAt : lf < 0 ? rest.length : lf + 1);
  }
  return all;
}

function contentType(value: string | undefined): { type: string; boundary: string | undefined } {
  if (value === undefined) return { type: 'text/plain', boundary: undefined };
  const type = (value.split(';', 1)[0] ?? '').trim().toLowerCase();
  const at = value.toLowerCase().indexOf('boundary=');
  if (at < 0) return { type, boundary: undefined };
  const rest = value.slice(at + 'boundary='.length);
  const boundary = rest.startsWith('"') ? rest.slice(1, Math.max(1, rest.indexOf('"', 1))) : (rest.split(/[; \t]/, 1)[0] ?? '');
  return { type, boundary: boundary === '' || boundary.length > 200 ? undefined : boundary };
}

/** The parts between delimiter lines; what stands before the first and behind the last is nobody's. */
function split(body: Buffer, boundary: string): Buffer[] {
  const mark = Buffer.from(`--${boundary}`, 'latin1');
  const parts: Buffer[] = [];
  let start = -1;
  for (let at = body.indexOf(mark); at >= 0 && parts.length < PARTS_MAX; at = body.indexOf(mark, at + mark.length)) {
    if (at > 0 && body[at - 1] !== 10) continue;
    if (start >= 0) parts.push(body.subarray(start, at));
    const isEnd = body[at + mark.length] === 45 && body[at + mark.length + 1] === 45;
    const lf = body.indexOf(10, at);
    if (isEnd || lf < 0) return parts;
    start = lf + 1;
  }
  // Cut off by the bound, or by whoever sent it: the last part is read as far as it goes.
  if (start >= 0 && parts.length < PARTS_MAX) parts.push(body.subarray(start));
  return parts;
}

function decode(bytes: Buffer, encoding: string): Buffer {
  switch (encoding.trim().toLowerCase()) {
    case 'base64':
      return Buffer.from(bytes.toString('latin1'), 'base64');
    case 'quoted-printable':
      return Buffer.from(
        bytes
          .toString('latin1')
          .replace(/=\r?\n/g, '')
          .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
        'latin1',
      );
    default:
      return bytes;
  }
}
