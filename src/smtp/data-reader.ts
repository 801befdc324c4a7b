/**
 * The body behind DATA: finds its end, removes the stuffed dots, gives the content on in slices.
 *
 * The one rule: nothing but CRLF . CRLF ends it (the first CRLF may be the one of the DATA command), whatever mix of CR,
 * LF, NUL and dots is sent and however it is split (attacks A01 to A12). The content keeps every other octet as sent,
 * lone CR and LF included: what to do with those is BodyPolicy's decision.
 * It does not look at every octet in JavaScript: lines that begin with a dot are found by Buffer.indexOf, and where dots are rare (BASE64
 * has none) by looking for dots alone, which is ten times as fast. Content is lent: good until the sink returns, so that dots are removed in memory that all readers share.
 * Truth: RFC 5321 sections 4.1.1.4, 4.5.2.
 */

/** Where the last octet left us. DOT: a dot at the start of a line was dropped. DOT_CR: the CR behind it is held back. */
type State = typeof MID | typeof AFTER_CR | typeof LINE_START | typeof DOT | typeof DOT_CR | typeof END;
const MID = 0;
const AFTER_CR = 1;
const LINE_START = 2;
const DOT = 3;
const DOT_CR = 4;
const END = 5;

const CR = 13;
const LF = 10;
const PERIOD = 46;
const CRLF_DOT = Buffer.from('\r\n.');
const ONE_CR = Buffer.from('\r');

/** Octets for which one dot in the midst of a line is welcome: with more of them, looking for dots alone is the slower way. */
const OCTETS_A_DOT = 4096;

/** Where content without its stuffed dots is put together, by one push at a time. Grows to the longest chunk, within SCRATCH_MAX. */
let scratch = Buffer.allocUnsafeSlow(8192);
const SCRATCH_MAX = 1_048_576;

function scratchOf(length: number): Buffer {
  if (length <= scratch.length) return scratch;
  const larger = Buffer.allocUnsafeSlow(length);
  if (length <= SCRATCH_MAX) scratch = larger;
  return larger;
}

export class DataReader {
  readonly #sink: (content: Buffer) => void;
  #state: State = LINE_START;
  #received = 0;
  // One push gathers its slices here: a single slice goes on uncopied, several are copied together.
  #first: Buffer | undefined;
  #joined: Buffer | undefined;
  #joinedLength = 0;
  /** Dots in the midst of lines that this push may still come across. */
  #dots = 0;

  /** @param sink gets the content, lent: who keeps it copies it */
  constructor(sink: (content: Buffer) => void) {
    this.#sink = sink;
  }

  /** True once CRLF . CRLF was read, until begin(). */
  get done(): boolean {
    return this.#state === END;
  }

  /** Octets read since begin(), the end mark included. */
  get received(): number {
    return this.#received;
  }

  /** Makes ready for the next message. */
  begin(): void {
    this.#state = LINE_START;
    this.#received = 0;
  }

  /** Reads octets of the body; returns how many were used: fewer than given only when `done`, the rest are commands. */
  push(chunk: Buffer): number {
    if (this.#state === END) return 0;
    const length = chunk.length;
    if (length === 0) return 0;
    // What cannot be given out yet: a CR held back by the push before.
    if (this.#state === DOT_CR && chunk[0] !== LF) this.#give(ONE_CR, chunk);
    let at = 0;
    let from = 0;
    this.#dots = Math.ceil(length / OCTETS_A_DOT);
    while (at < length) {
      if (this.#state === MID) {
        const hit = this.#findDotLine(chunk, at);
        if (hit < 0) {
          this.#state = stateAtEnd(chunk, at);
          break;
        }
        this.#give(chunk.subarray(from, hit + 2), chunk);
        at = from = hit + 3;
        this.#state = DOT;
        continue;
      }
      const state = step(this.#state, chunk[at]!);
      if (state === DOT) {
        if (at > from) this.#give(chunk.subarray(from, at), chunk);
        from = at + 1;
      }
      this.#state = state;
      at++;
      if (state === END) return this.#finish(at);
    }
    // A CR behind a dropped dot is either the end mark's or content; the next octet tells.
    const end = this.#state === DOT_CR ? length - 1 : length;
    if (end > from) this.#give(from === 0 && end === length ? chunk : chunk.subarray(from, end), chunk);
    return this.#finish(length);
  }

  /** Where CRLF and a dot stand from `from` on, or -1. */
  #findDotLine(chunk: Buffer, from: number): number {
    let at = from;
    while (this.#dots > 0) {
      const dot = chunk.indexOf(PERIOD, at);
      if (dot < 0) return -1;
      if (dot - 2 >= from && chunk[dot - 1] === LF && chunk[dot - 2] === CR) return dot - 2;
      this.#dots--;
      at = dot + 1;
    }
    return chunk.indexOf(CRLF_DOT, at);
  }

  #give(piece: Buffer, chunk: Buffer): void {
    if (this.#first === undefined) {
      this.#first = piece;
      return;
    }
    if (this.#joined === undefined) {
      this.#joined = scratchOf(chunk.length + 1);
      this.#joinedLength = this.#first.copy(this.#joined, 0);
    }
    this.#joinedLength += piece.copy(this.#joined, this.#joinedLength);
  }

  #finish(used: number): number {
    this.#received += used;
    const content = this.#joined === undefined ? this.#first : this.#joined.subarray(0, this.#joinedLength);
    this.#first = this.#joined = undefined;
    if (content !== undefined && content.length > 0) this.#sink(content);
    return used;
  }
}

function step(state: State, octet: number): State {
  switch (state) {
    case AFTER_CR:
      return octet === LF ? LINE_START : octet === CR ? AFTER_CR : MID;
    case LINE_START:
      return octet === PERIOD ? DOT : octet === CR ? AFTER_CR : MID;
    case DOT:
      return octet === CR ? DOT_CR : MID;
    case DOT_CR:
      return octet === LF ? END : octet === CR ? AFTER_CR : MID;
    default:
      return octet === CR ? AFTER_CR : MID;
  }
}

/** The state after `chunk` when everything from `from` on was read in MID and no CRLF . stands there. */
function stateAtEnd(chunk: Buffer, from: number): State {
  const last = chunk.length - 1;
  if (chunk[last] === CR) return AFTER_CR;
  return chunk[last] === LF && last > from && chunk[last - 1] === CR ? LINE_START : MID;
}
