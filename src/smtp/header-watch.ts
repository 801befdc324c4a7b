/**
 * The header block while it streams by: judged, cleaned and completed line by line, in flat memory.
 *
 * The one rule: a line is judged by its first HEAD_MAX octets, so a header of any length costs no more than that (attack
 * A47). Names are compared as text and never become keys. Missing headers are asked for once, at the end of the block, and
 * written there; an old Return-Path is left out when it is to be replaced (SMTP-16).
 * It does not look into values nor into the body.
 * Truth: RFC 5322 sections 2.2 and 3.6, rules SMTP-14, SMTP-16.
 */
import { replies } from './replies.ts';
import type { Reply } from './reply.ts';

/** What to do about a message's form; the values are those of the options rfc2822_*. */
export interface BodyRules {
  readonly loneInHeaders: 'pedantic' | 'fix';
  readonly loneInBody: 'ignore' | 'pedantic' | 'fix';
  /** Octets of a line without CRLF, 0 when any length is welcome. */
  readonly lineMax: number;
  readonly longHeaderLine: 'ignore' | 'reject' | 'fold';
  readonly longBodyLine: 'ignore' | 'reject' | 'fold';
  readonly missingHeaders: 'reject' | 'allow';
  readonly dateHeader: 'ignore' | 'pedantic' | 'ifneeded';
  readonly messageIdHeader: 'ignore' | 'ifneeded';
  /** Leave out Return-Path headers: the caller writes its own in front. */
  readonly dropReturnPath: boolean;
  /** Leave out Authentication-Results fields that say they are of this name, which is ours: in lower case. */
  readonly dropResultsOf?: string | undefined;
  /** max_message_size in octets of content as received; 0 for no limit. */
  readonly sizeMax: number;
}

/** What is known about the header block so far. */
export interface HeaderFacts {
  headers: number;
  received: number;
  hasDate: boolean;
  hasMessageId: boolean;
}

/** Which headers have to be added; the answer is their bytes, each line with CRLF. */
export type MissingHeaders = (need: { readonly date: boolean; readonly messageId: boolean }) => Buffer | undefined;

/** Octets of a header line kept until it is judged. Longer names are no headers (RFC 5322 section 2.1.1 stops at 998). */
const HEAD_MAX = 1024;

const CR = 13;
const LF = 10;
const COLON = 58;
const EMPTY = Buffer.alloc(0);
const ONE_CRLF = Buffer.from('\r\n');

/** Length of the field name that starts at `from`, or 0 when the line is no header: 33 to 126 but colon, blanks, colon. */
function nameLength(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at]! > 32 && bytes[at]! < 127 && bytes[at] !== COLON) at++;
  const length = at - from;
  while (at < end && (bytes[at] === 32 || bytes[at] === 9)) at++;
  return at < end && bytes[at] === COLON ? length : 0;
}

const RESULTS = 'authentication-results';

/**
 * Whether the first line of a field claims our own judgement (RFC 8601 section 5). One that does not say in it whose it is may do so
 * further on, and goes too: nobody honest writes it so.
 */
function isForged(line: string, ours: string): boolean {
  const colon = line.indexOf(':');
  if (line.slice(0, colon).trimEnd().toLowerCase() !== RESULTS) return false;
  const whose = /^[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;("]+))/.exec(line.slice(colon + 1));
  return whose === null || (whose[1]?.replace(/\\(.)/g, '$1') ?? whose[2] ?? '').toLowerCase() === ours;
}

export class HeaderWatch {
  readonly #sink: (bytes: Buffer) => void;
  readonly #missing: MissingHeaders;
  #rules!: BodyRules;
  #facts: HeaderFacts = { headers: 0, received: 0, hasDate: false, hasMessageId: false };
  #ended = false;
  #fault: Reply | undefined;
  /** The unfinished line while it is shorter than HEAD_MAX, or one or two CRs behind a longer one. */
  #carry: Buffer = EMPTY;
  /** Octets of the present line already judged and given on (or dropped); 0 at the start of a line. */
  #passed = 0;
  /** The present header, with its continuation lines, is left out. */
  #dropping = false;
  #lines = 0;

  constructor(sink: (bytes: Buffer) => void, missing: MissingHeaders) {
    this.#sink = sink;
    this.#missing = missing;
  }

  begin(rules: BodyRules): void {
    this.#rules = rules;
    this.#facts = { headers: 0, received: 0, hasDate: false, hasMessageId: false };
    this.#ended = this.#dropping = false;
    this.#fault = undefined;
    this.#carry = EMPTY;
    this.#passed = this.#lines = 0;
  }

  get facts(): Readonly<HeaderFacts> {
    return this.#facts;
  }
  /** True when the body has begun. */
  get ended(): boolean {
    return this.#ended;
  }
  get fault(): Reply | undefined {
    return this.#fault;
  }

  /** Reads octets up to the end of the block; returns those that belong to the body, or undefined while it goes on. */
  push(chunk: Buffer): Buffer | undefined {
    const bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    this.#carry = EMPTY;
    let start = 0;
    let from = 0;
    let cr = -2;
    let lf = -2;
    for (;;) {
      // -1 means there is none in these octets: it is not searched for again, so the time stays linear.
      if (cr !== -1 && cr < start) cr = bytes.indexOf(CR, start);
      if (lf !== -1 && lf < start) lf = bytes.indexOf(LF, start);
      const stop = cr < 0 || (lf >= 0 && lf < cr) ? lf : cr;
      const width = stop < 0 ? 0 : this.#widthOfEnd(bytes, stop);
      const end = stop < 0 ? bytes.length : stop;
      if (width === 0 && this.#passed === 0 && end - start <= HEAD_MAX) {
        // Too little to judge the line: keep it all.
        if (start > from) this.#sink(bytes.subarray(from, start));
        this.#carry = Buffer.from(bytes.subarray(start));
        return undefined;
      }
      const wasDropping = this.#dropping;
      const verdict = this.#passed === 0 ? this.#judge(bytes, start, end) : 'header';
      this.#passed += end - start;
      this.#check(verdict, width);
      if (this.#fault !== undefined) return undefined;
      if (verdict === 'body' || verdict === 'blank') {
        if (start > from) this.#sink(bytes.subarray(from, start));
        return this.#finish(verdict, bytes, start, width);
      }
      // Where leaving out begins or ends, what stands before it is given on or skipped.
      if (wasDropping !== this.#dropping) {
        if (this.#dropping && start > from) this.#sink(bytes.subarray(from, start));
        from = start;
      }
      from = this.#pass(bytes, from, end, width);
      if (width === 0) {
        this.#carry = Buffer.from(bytes.subarray(end));
        return undefined;
      }
      start = end + width;
      this.#passed = 0;
      this.#lines++;
    }
  }

  /**
   * The message ended inside the block: what is left belongs to the body when the line is none of a header, else it is a
   * header not terminated.
   */
  end(): Buffer | undefined {
    if (this.#ended || this.#fault !== undefined) return undefined;
    const rest = this.#carry;
    this.#carry = EMPTY;
    if (this.#passed > 0) this.#fault = replies.headerNotTerminated;
    else if (rest.length > 0) {
      const verdict = this.#judge(rest, 0, rest.length);
      if (verdict === 'body') return this.#finish('body', rest, 0, 0);
      if (this.#fault === undefined) this.#fault = replies.headerNotTerminated;
    } else if (this.#lines === 0 && this.#rules.missingHeaders === 'reject') this.#fault = replies.headersMissing;
    else this.#complete();
    return undefined;
  }

  /** Octets of the line end at `stop`: 2 for CRLF, 1 for a lone CR or LF, 3 for CR CRLF; 0 when the next chunk must tell. */
  #widthOfEnd(bytes: Buffer, stop: number): number {
    if (bytes[stop] === LF) return 1;
    if (stop + 1 === bytes.length) return 0;
    if (bytes[stop + 1] === LF) return 2;
    if (bytes[stop + 1] !== CR || this.#rules.loneInHeaders === 'pedantic') return 1;
    if (stop + 2 === bytes.length) return 0;
    return bytes[stop + 2] === LF ? 3 : 1;
  }

  /** The faults of a line in one order, so that they are the same however it was split: its form, its length, its end. */
  #check(verdict: 'header' | 'blank' | 'body' | 'fault', width: number): void {
    const { lineMax, longHeaderLine, loneInHeaders } = this.#rules;
    if (this.#fault !== undefined || verdict === 'body') return;
    if (longHeaderLine === 'reject' && lineMax > 0 && this.#passed > lineMax && !this.#dropping) this.#fault = replies.headerLineTooLong;
    else if (width === 1 && loneInHeaders === 'pedantic') this.#fault = replies.loneInHeaders;
  }

  /** Gives on a part of a line and its end, as CRLF; returns the index from which nothing was given on yet. */
  #pass(bytes: Buffer, from: number, end: number, width: number): number {
    if (width === 2 && !this.#dropping) return from;
    if (!this.#dropping) {
      if (end > from) this.#sink(bytes.subarray(from, end));
      if (width !== 0) this.#sink(ONE_CRLF);
    }
    return end + width;
  }

  #judge(bytes: Buffer, start: number, end: number): 'header' | 'blank' | 'body' | 'fault' {
    if (end === start) return this.#lines > 0 ? 'blank' : this.#refuse(replies.headersMissing, 'blank');
    if (bytes[start] === 32 || bytes[start] === 9) {
      return this.#lines > 0 ? 'header' : this.#refuse(replies.headerInvalid, 'body');
    }
    const length = nameLength(bytes, start, Math.min(end, start + HEAD_MAX));
    if (length === 0) return this.#refuse(this.#lines === 0 ? replies.headersMissing : replies.headerInvalid, 'body');
    this.#facts.headers++;
    this.#dropping = false;
    if (length === 4 || length === 8 || length === 10 || length === 11)
      this.#note(bytes.toString('latin1', start, start + length).toLowerCase());
    else if (length === RESULTS.length && this.#rules.dropResultsOf !== undefined)
      this.#dropping = isForged(bytes.toString('latin1', start, Math.min(end, start + HEAD_MAX)), this.#rules.dropResultsOf);
    return 'header';
  }

  #refuse<T>(reply: Reply, otherwise: T): T | 'fault' {
    if (this.#rules.missingHeaders === 'allow') return otherwise;
    this.#fault = reply;
    return 'fault';
  }

  #note(name: string): void {
    if (name === 'received') this.#facts.received++;
    else if (name === 'date') this.#facts.hasDate = true;
    else if (name === 'message-id') this.#facts.hasMessageId = true;
    else if (name === 'return-path') this.#dropping = this.#rules.dropReturnPath;
  }

  /** Writes the headers that are missing, then the blank line; gives back the body. */
  #finish(verdict: 'blank' | 'body', bytes: Buffer, start: number, width: number): Buffer | undefined {
    this.#complete();
    if (this.#fault !== undefined) return undefined;
    this.#sink(ONE_CRLF);
    return verdict === 'blank' ? bytes.subarray(start + width) : bytes.subarray(start);
  }

  #complete(): void {
    this.#ended = true;
    const { dateHeader, messageIdHeader } = this.#rules;
    if (dateHeader === 'pedantic' && !this.#facts.hasDate) {
      this.#fault = replies.dateMissing;
      return;
    }
    const date = dateHeader === 'ifneeded' && !this.#facts.hasDate;
    const messageId = messageIdHeader === 'ifneeded' && !this.#facts.hasMessageId;
    const added = date || messageId ? this.#missing({ date, messageId }) : undefined;
    if (added !== undefined && added.length > 0) this.#sink(added);
  }
}
