/**
 * A message with 8-bit content made 7-bit, part by part: quoted-printable for text, base64 for the rest, structure and other octets unchanged.
 *
 * The one rule: only the body of a leaf part and its own header fields are rewritten; multiparts keep their boundaries, enclosed messages are
 * opened and never encoded. Signed parts are not touched, nor is a message with a signature of DKIM or ARC when `keepsSigned`. What is
 * left with 8-bit octets (headers, preambles, signed or partial parts, what is beyond a bound) makes the result not clean.
 * Bounds: DEPTH_MAX levels, PARTS_MAX parts, OCTETS_MAX octets; beyond them a part stays as it is.
 * Truth: RFC 2045, 2046, 6152, 1428; OUT-46; attack A48 (#4739, #6342, MO-1271).
 */
import { isAscii } from 'node:buffer';
import { HeaderBlock } from '#mail';

const DEPTH_MAX = 32;
const PARTS_MAX = 10_000;
const OCTETS_MAX = 64 * 1_048_576;
/** Text up to this size may become quoted-printable, which is made line by line; longer text becomes base64. */
const QUOTED_MAX = 1_048_576;
const LINE_MAX = 76;

interface SevenBit {
  readonly message: Buffer;
  /** No 8-bit octet is left. */
  readonly isClean: boolean;
}

export function toSevenBit(message: Buffer, o: { readonly keepsSigned: boolean }): SevenBit {
  if (isAscii(message)) return { message, isClean: true };
  const isKept = message.length > OCTETS_MAX || (o.keepsSigned && isSigned(HeaderBlock.parse(message)));
  if (isKept) return { message, isClean: false };
  const out: Buffer[] = [];
  new Rewriter(out).entity(message, { depth: 0, isMessage: true });
  const rewritten = Buffer.concat(out);
  return { message: rewritten, isClean: isAscii(rewritten) };
}

function isSigned(header: HeaderBlock): boolean {
  return header.has('DKIM-Signature') || header.has('ARC-Message-Signature');
}

interface Place {
  readonly depth: number;
  /** It has message headers of its own, where MIME-Version belongs. */
  readonly isMessage: boolean;
}

class Rewriter {
  readonly #out: Buffer[];
  #parts = 0;

  constructor(out: Buffer[]) {
    this.#out = out;
  }

  entity(bytes: Buffer, place: Place): void {
    this.#parts += 1;
    if (isAscii(bytes) || place.depth > DEPTH_MAX || this.#parts > PARTS_MAX) {
      this.#out.push(bytes);
      return;
    }
    const headers = HeaderBlock.parse(bytes);
    const body = bytes.subarray(headers.bodyAt);
    const { type, boundary } = contentType(headers.find('Content-Type'));
    // A part that is encoded already, and 8-bit all the same, is broken; so is one whose headers do not end.
    const encoding = (headers.find('Content-Transfer-Encoding') ?? '7bit').toLowerCase();
    const isPlain = encoding === '7bit' || encoding === '8bit' || encoding === 'binary';
    if (isAscii(body) || !headers.complete || !isPlain || headers.bodyAt === 0) this.#out.push(bytes);
    else if (type.startsWith('multipart/')) this.#multipart(bytes, headers, { type, boundary }, place);
    else if (type === 'message/rfc822' || type === 'message/global') this.#enclosed(bytes, headers, place);
    else if (type.startsWith('message/')) this.#out.push(bytes);
    else this.#leaf(headers, body, { type, encoding }, place);
  }

  #multipart(bytes: Buffer, headers: HeaderBlock, { type, boundary }: { type: string; boundary: string }, place: Place): void {
    const lines = type === 'multipart/signed' || boundary === '' ? [] : delimiters(bytes, headers.bodyAt, boundary);
    const [first] = lines;
    if (first === undefined) {
      this.#out.push(bytes);
      return;
    }
    this.#head(headers, '7bit');
    this.#out.push(bytes.subarray(headers.bodyAt, first.next));
    lines.forEach(({ next, isLast }, i) => {
      const after = lines[i + 1];
      if (isLast || after === undefined) {
        this.#out.push(bytes.subarray(next));
        return;
      }
      this.entity(bytes.subarray(next, after.start), { depth: place.depth + 1, isMessage: false });
      this.#out.push(bytes.subarray(after.start, after.next));
    });
  }

  #enclosed(bytes: Buffer, headers: HeaderBlock, place: Place): void {
    this.#head(headers, '7bit');
    this.#out.push(bytes.subarray(endOfHeaders(bytes, headers), headers.bodyAt));
    this.entity(bytes.subarray(headers.bodyAt), { depth: place.depth + 1, isMessage: true });
  }

  #leaf(headers: HeaderBlock, body: Buffer, { type, encoding }: { type: string; encoding: string }, place: Place): void {
    const isText = (type === '' || type.startsWith('text/')) && encoding !== 'binary';
    const text = isText ? body.toString('latin1').replace(/\r*\n|\r/g, '\r\n') : '';
    const isQuoted = isText && text.length <= QUOTED_MAX && !text.includes('\0') && highShare(text) < 1 / 6;
    if (place.isMessage && !headers.has('MIME-Version')) {
      headers.append('MIME-Version', '1.0');
      // RFC 1428: text whose characters nobody named.
      if (!headers.has('Content-Type')) headers.append('Content-Type', 'text/plain; charset=unknown-8bit');
    }
    this.#head(headers, isQuoted ? 'quoted-printable' : 'base64');
    this.#out.push(Buffer.from('\r\n'));
    this.#out.push(isQuoted ? Buffer.from(quoted(text), 'latin1') : base64(isText ? Buffer.from(text, 'latin1') : body));
  }

  /** The header fields with another encoding named; 8-bit octets in them stay, and are found out at the end. */
  #head(headers: HeaderBlock, encoding: string): void {
    const had = headers.remove('Content-Transfer-Encoding') > 0;
    if (had || encoding !== '7bit') headers.append('Content-Transfer-Encoding', encoding);
    this.#out.push(headers.toBuffer());
  }
}

/** Where the blank line begins. */
function endOfHeaders(bytes: Buffer, headers: HeaderBlock): number {
  return headers.bodyAt - (bytes[headers.bodyAt - 2] === 13 ? 2 : 1);
}

interface Delimiter {
  /** Of the line end in front of it, which belongs to the delimiter. */
  readonly start: number;
  /** Behind its own line end. */
  readonly next: number;
  readonly isLast: boolean;
}

/** The delimiter lines of a multipart's body. Another boundary that begins with ours is not ours. */
function delimiters(bytes: Buffer, from: number, boundary: string): Delimiter[] {
  const found: Delimiter[] = [];
  const mark = Buffer.from(`--${boundary}`, 'latin1');
  for (let at = bytes.indexOf(mark, from); at >= 0; at = bytes.indexOf(mark, at + mark.length)) {
    if (at !== from && bytes[at - 1] !== 10) continue;
    const lineEnd = bytes.indexOf(10, at);
    const end = lineEnd < 0 ? bytes.length : lineEnd;
    const rest = bytes.toString('latin1', at + mark.length, Math.min(end, at + mark.length + 80)).trimEnd();
    if (rest !== '' && rest !== '--') continue;
    const start = at === from ? at : at - (bytes[at - 2] === 13 ? 2 : 1);
    found.push({
      start: Math.max(start, found.at(-1)?.next ?? from),
      next: lineEnd < 0 ? bytes.length : lineEnd + 1,
      isLast: rest === '--',
    });
    if (rest === '--' || found.length > PARTS_MAX) break;
  }
  return found;
}

function contentType(value: string | undefined): { type: string; boundary: string } {
  const type = /^\s*([\w.+-]+\/[\w.+-]+)/.exec(value ?? '')?.[1]?.toLowerCase() ?? '';
  const match = /;\s*boundary\s*=\s*(?:"([^"]{1,256})"|([^\s;"]{1,256}))/i.exec(value ?? '');
  return { type, boundary: match?.[1] ?? match?.[2] ?? '' };
}

function highShare(text: string): number {
  return text.length === 0 ? 0 : (text.match(/[\x80-\xff]/g) ?? []).length / text.length;
}

/** RFC 2045 section 6.7, a line at a time. A dot at the start of a line is encoded too: it needs no stuffing then (#6342). */
function quoted(text: string): string {
  return text
    .split('\r\n')
    .map((line) => wrapped(line.replace(/[^\t\x20-\x3c\x3e-\x7e]|[\t ]$|^\./g, escape)))
    .join('\r\n');
}

function escape(char: string): string {
  return `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Soft line ends, never within an escape. */
function wrapped(line: string): string {
  if (line.length <= LINE_MAX) return line;
  let out = '';
  let at = 0;
  while (line.length - at > LINE_MAX) {
    let end = at + LINE_MAX - 1;
    if (line[end - 1] === '=') end -= 1;
    else if (line[end - 2] === '=') end -= 2;
    out += `${line.slice(at, end)}=\r\n`;
    at = end;
  }
  return out + line.slice(at);
}

function base64(bytes: Buffer): Buffer {
  const text = bytes.toString('base64').replace(/.{76}/g, '$&\r\n');
  return Buffer.from(text.endsWith('\r\n') || text === '' ? text : `${text}\r\n`, 'latin1');
}
