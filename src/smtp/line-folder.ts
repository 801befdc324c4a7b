/**
 * Breaks lines longer than a limit while a message streams by.
 *
 * The one rule: at most one limit's worth of octets is kept, and the result does not depend on the split. A header line is
 * broken in front of its last blank within the limit, else hard with a blank added, so it stays one header; a body line
 * is broken at the limit, but never inside a UTF-8 character nor so that a line of one dot could arise (attack A15).
 * It does not decide whether to fold. Only CRLF counts as a line end here.
 * Truth: RFC 5322 sections 2.1.1 and 2.2.3, rule SMTP-14.
 */

/** Octets; a smaller limit in the configuration is raised to this, or folding a line could take for ever. */
const LINE_LIMIT_MIN = 72;

const CR = 13;
const LF = 10;
const PERIOD = 46;
const EMPTY = Buffer.alloc(0);
const BREAK = Buffer.from('\r\n');
const HEADER_BREAK = Buffer.from('\r\n ');

function isBlank(octet: number | undefined): boolean {
  return octet === 32 || octet === 9;
}

/** Where to break a body line of more than `limit` octets: 1 to limit. */
function bodyBreak(line: Buffer, limit: number): number {
  let at = limit;
  const floor = limit - 8;
  while (at > floor && ((line[at]! & 0xc0) === 0x80 || line[at] === PERIOD)) at--;
  return at;
}

/** Where to break a header line in front of a blank, or 0 when no blank stands behind text within the limit. */
function headerBreak(line: Buffer, limit: number): number {
  let textFrom = 0;
  while (textFrom <= limit && isBlank(line[textFrom])) textFrom++;
  for (let at = limit; at > textFrom; at--) if (isBlank(line[at])) return at;
  return 0;
}

export class LineFolder {
  readonly #sink: (folded: Buffer) => void;
  #limit = 998;
  #inHeader = false;
  /** The unfinished line, or its last part: at most limit + 1 octets between pushes. */
  #line: Buffer = EMPTY;
  /** 1 when a blank was added in front of what is in #line. */
  #added = 0;

  constructor(sink: (folded: Buffer) => void) {
    this.#sink = sink;
  }

  /** @param limit octets of a line without CRLF */
  begin(limit: number, inHeader: boolean): void {
    this.#limit = Math.max(limit, LINE_LIMIT_MIN);
    this.#inHeader = inHeader;
    this.#line = EMPTY;
    this.#added = 0;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    const bytes = this.#line.length === 0 ? chunk : Buffer.concat([this.#line, chunk]);
    let from = 0;
    let start = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
      if (lf === 0 || bytes[lf - 1] !== CR || lf - 1 < start) continue;
      if (lf - 1 - start + this.#added > this.#limit) {
        if (start > from) this.#sink(bytes.subarray(from, start));
        from = start = lf - 1 - this.#fold(bytes.subarray(start, lf - 1)).length;
      }
      this.#added = 0;
      start = lf + 1;
    }
    if (start > from) this.#sink(bytes.subarray(from, start));
    this.#keep(bytes.subarray(start));
  }

  end(): void {
    const rest = this.#fold(this.#line);
    if (rest.length > 0) this.#sink(rest);
    this.#line = EMPTY;
    this.#added = 0;
  }

  /** Keeps the unfinished line; a CR at its end may be half of CRLF and is not counted. */
  #keep(rest: Buffer): void {
    const content = rest[rest.length - 1] === CR ? rest.length - 1 : rest.length;
    const folded = content - this.#fold(rest.subarray(0, content)).length;
    this.#line = folded === rest.length ? EMPTY : Buffer.from(rest.subarray(folded));
  }

  /** Gives out whole parts of an over-long line; returns what is left, within the limit. */
  #fold(line: Buffer): Buffer {
    let rest = line;
    while (rest.length + this.#added > this.#limit) {
      const limit = this.#limit - this.#added;
      const soft = this.#inHeader ? headerBreak(rest, limit) : 0;
      const at = soft > 0 ? soft : this.#inHeader ? limit : bodyBreak(rest, limit);
      this.#sink(rest.subarray(0, at));
      this.#sink(this.#inHeader && soft === 0 ? HEADER_BREAK : BREAK);
      this.#added = this.#inHeader && soft === 0 ? 1 : 0;
      rest = rest.subarray(at);
    }
    return rest;
  }
}
