/**
 * The replies of a server we are client of: bytes in, whole replies out, whatever the server sends.
 *
 * The one rule: what is kept is bounded (lines, octets a line, octets of a reply) and clean enough for a log line; a reply
 * that breaks the protocol is a fault, after which nothing of the connection can be believed (attack A50). A lone LF ends
 * a line here: many servers send it and nothing can be smuggled to a client by it.
 * It does not decide what a reply means for a message. Truth: RFC 5321 section 4.2, RFC 2034.
 */

export type ReplyClass = 'positive' | 'intermediate' | 'transient' | 'permanent';

export interface ServerReply {
  readonly kind: 'reply';
  /** 200 to 599: of the last line when lines differ. */
  readonly code: number;
  readonly class: ReplyClass;
  /** Enhanced code of the first line that has one of the class of `code`. */
  readonly enhanced?: string;
  /** Texts of the lines without code, made printable; at most REPLY_LINES_KEPT of them. */
  readonly lines: readonly string[];
  /** The lines had different codes. */
  readonly mixed: boolean;
}

export interface ReplyFault {
  readonly kind: 'fault';
  readonly fault: 'malformed' | 'too-long' | 'mixed-codes' | 'incomplete';
  /** The code of the last good line, if there was one. */
  readonly code?: number;
  /** What was sent, made printable, cut. */
  readonly text: string;
}

/** Octets of one reply, line ends included, before it is a fault: 1 MiB. */
export const REPLY_OCTETS_MAX = 1_048_576;
/** Lines of a reply before it is a fault, and lines whose text is kept. */
export const REPLY_LINES_MAX = 10_000;
export const REPLY_LINES_KEPT = 128;
/** Octets of a line that are kept: RFC 5321 section 4.5.3.1.5 allows 512, twice that is kept. */
export const REPLY_LINE_KEPT = 1024;
/** Characters of the text made for logs. */
export const REPLY_TEXT_MAX = 1024;

const LF = 10;
const CR = 13;
const BLANK = 32;
const HYPHEN = 45;
const DIGIT_0 = 48;
const EMPTY = Buffer.alloc(0);
const ENHANCED = /^([245])\.(?:0|[1-9]\d{0,2})\.(?:0|[1-9]\d{0,2})(?= |$)/;
// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g;
const NOT_PLAIN = /[^ -~]/;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const CLASSES: readonly ReplyClass[] = ['positive', 'intermediate', 'transient', 'permanent'];

function classOf(code: number): ReplyClass {
  return CLASSES[Math.floor(code / 100) - 2] ?? 'permanent';
}

function clean(bytes: Buffer): string {
  const octets = bytes.toString('latin1');
  if (!NOT_PLAIN.test(octets)) return octets;
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    text = octets.replace(/[\u0080-\u00ff]/g, '?');
  }
  return text.replace(UNSAFE, ' ');
}

/** One line for logs: code, then the texts joined by one blank; at most REPLY_TEXT_MAX characters. */
export function serverReplyText(reply: ServerReply | ReplyFault): string {
  const text = reply.kind === 'reply' ? `${reply.code} ${reply.lines.join(' ')}`.trimEnd() : reply.text;
  return text.length <= REPLY_TEXT_MAX ? text : `${text.slice(0, REPLY_TEXT_MAX - 3)}...`.toWellFormed();
}

/** 200 to 599 when a line begins with such a code and a blank or a hyphen follows, or nothing; else 0. */
function codeOf(line: string): number {
  const hundreds = line.charCodeAt(0) - DIGIT_0;
  const tens = line.charCodeAt(1) - DIGIT_0;
  const ones = line.charCodeAt(2) - DIGIT_0;
  if (!(hundreds >= 2 && hundreds <= 5 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9)) return 0;
  const next = line.charCodeAt(3);
  return line.length === 3 || next === BLANK || next === HYPHEN ? hundreds * 100 + tens * 10 + ones : 0;
}

function enhancedOf(lines: readonly string[], digit: string): string | undefined {
  for (const line of lines) {
    const match = ENHANCED.exec(line);
    if (match?.[1] === digit) return match[0];
  }
  return undefined;
}

export class ReplyReader {
  #bytes: Buffer = EMPTY;
  #start = 0;
  /** The begun line, at most REPLY_LINE_KEPT octets of it; longer ones are read on and not kept. */
  #line: Buffer = EMPTY;
  #octets = 0;
  #count = 0;
  #lines: string[] = [];
  #code = 0;
  #worst = 0;
  #mixed = false;
  #ended = false;

  /** True in the middle of a reply: a closed connection then means 'incomplete'. */
  get begun(): boolean {
    return this.#octets > 0 || this.#start < this.#bytes.length;
  }

  feed(chunk: Buffer): void {
    if (this.#ended) return;
    this.#bytes = this.#start < this.#bytes.length ? Buffer.concat([this.#bytes.subarray(this.#start), chunk]) : chunk;
    this.#start = 0;
  }

  /** The next whole reply, a fault (nothing follows it), or undefined when more bytes are needed. */
  next(): ServerReply | ReplyFault | undefined {
    while (this.#start < this.#bytes.length && !this.#ended) {
      const lf = this.#bytes.indexOf(LF, this.#start);
      const end = lf < 0 ? this.#bytes.length : lf;
      this.#octets += (lf < 0 ? end : end + 1) - this.#start;
      this.#keep(this.#bytes.subarray(this.#start, end));
      this.#start = lf < 0 ? end : end + 1;
      if (this.#octets > REPLY_OCTETS_MAX) return this.#fail('too-long');
      if (lf < 0) return undefined;
      const done = this.#endLine();
      if (done !== undefined) return done;
    }
    return undefined;
  }

  /** The connection is closed: a fault when a reply was begun, else undefined. */
  end(): ReplyFault | undefined {
    return this.begun && !this.#ended ? this.#fail('incomplete') : undefined;
  }

  /** Forgets everything received, as after a TLS handshake (attack A36). */
  clear(): void {
    this.#bytes = this.#line = EMPTY;
    this.#start = 0;
    this.#reset();
  }

  #keep(part: Buffer): void {
    const room = REPLY_LINE_KEPT - this.#line.length;
    if (room <= 0 || part.length === 0) return;
    const kept = part.length > room ? part.subarray(0, room) : part;
    // A copy when joined; a line within one chunk stays a view, for it is turned into text at once.
    this.#line = this.#line.length === 0 ? kept : Buffer.concat([this.#line, kept]);
  }

  #endLine(): ServerReply | ReplyFault | undefined {
    const raw = this.#line;
    const bytes = raw[raw.length - 1] === CR ? raw.subarray(0, raw.length - 1) : raw;
    this.#line = EMPTY;
    const text = clean(bytes);
    const code = codeOf(text);
    if (code === 0) return this.#fail('malformed', text);
    this.#mixed ||= this.#code !== 0 && this.#code !== code;
    this.#code = code;
    this.#worst = Math.max(this.#worst, code);
    if (this.#lines.length < REPLY_LINES_KEPT) this.#lines.push(text.slice(4).trimEnd());
    if (text.charCodeAt(3) !== HYPHEN) return this.#finish();
    return ++this.#count >= REPLY_LINES_MAX ? this.#fail('too-long') : undefined;
  }

  /** A last line that says yes after one that said no is neither. */
  #finish(): ServerReply | ReplyFault {
    const code = this.#code;
    if (code < 400 && this.#worst >= 400) return this.#fail('mixed-codes');
    const enhanced = enhancedOf(this.#lines, String(code).charAt(0));
    const reply = { kind: 'reply', code, class: classOf(code), lines: this.#lines, mixed: this.#mixed } as const;
    this.#reset();
    return enhanced === undefined ? reply : { ...reply, enhanced };
  }

  #fail(fault: ReplyFault['fault'], bad?: string): ReplyFault {
    const begun = bad ?? clean(this.#line);
    const text = [...this.#lines.map((line) => `${this.#code} ${line}`), begun].join(' ').trim().slice(0, REPLY_TEXT_MAX).toWellFormed();
    const code = this.#code;
    this.#reset();
    this.#bytes = this.#line = EMPTY;
    this.#start = 0;
    this.#ended = true;
    return code === 0 ? { kind: 'fault', fault, text } : { kind: 'fault', fault, code, text };
  }

  #reset(): void {
    this.#octets = this.#count = this.#code = this.#worst = 0;
    this.#lines = [];
    this.#mixed = false;
  }
}
