/**
 * The bytes of a client become command lines, one call of next() a line, without a promise or event for each.
 *
 * The one rule: only CRLF ends a line, and the result does not depend on how the bytes were split (attack A12). A lone CR
 * or LF is one fault and the rest up to the next CRLF is dropped, so nothing behind it is ever run as a command. A line over
 * the cap is one fault when its CRLF comes, or one closing fault after DISCARD_MAX octets without one (attack A17).
 * It does not read bodies: the session takes the rest of the bytes with takeRest() and gives back what is left by feed().
 * Truth: RFC 5321 sections 2.3.8 and 4.5.3.1.4.
 */
import type { CommandFault } from './command.ts';
import { foreignFault } from './parse-command.ts';
import { replies } from './replies.ts';

/** Octets of a command line without CRLF: 512 of RFC 5321 and room for the extensions' parameters. */
export const COMMAND_LINE_MAX = 4096;
/** Octets of an over-long line that are skipped before the connection is given up. */
export const DISCARD_MAX = 65_536;

const EMPTY = Buffer.alloc(0);
const CR = 13;
const LF = 10;
/** First octet of a TLS record that carries a handshake: a client that starts TLS on a plain port. */
const TLS_HANDSHAKE = 0x16;

const BARE_FAULT: CommandFault = { verb: 'FAULT', reply: replies.bareNewline, reason: 'lone CR or LF in a command line', close: false };
const LONG_FAULT: CommandFault = { verb: 'FAULT', reply: replies.lineTooLong, reason: 'command line too long', close: false };
const ENDLESS_FAULT: CommandFault = { verb: 'FAULT', reply: replies.lineTooLong, reason: 'endless command line', close: true };

export class LineReader {
  readonly #lineMax: number;
  readonly #discardMax: number;
  #bytes: Buffer = EMPTY;
  #start = 0;
  /** Where the search for CR or LF goes on, so that no octet is looked at twice. */
  #scan = 0;
  #skipping: 'no' | 'long' | 'bare' = 'no';
  #skipped = 0;
  #skipAfterCr = false;
  #ended = false;

  constructor(o: { lineMax?: number; discardMax?: number } = {}) {
    this.#lineMax = o.lineMax ?? COMMAND_LINE_MAX;
    this.#discardMax = o.discardMax ?? DISCARD_MAX;
  }

  /** Octets received and not yet given out. The caller stops reading its socket while it does not call next(). */
  get unread(): number {
    return this.#bytes.length - this.#start;
  }

  feed(chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#start >= this.#bytes.length) {
      this.#bytes = chunk;
      this.#scan = 0;
    } else {
      this.#scan -= this.#start;
      this.#bytes = Buffer.concat([this.#bytes.subarray(this.#start), chunk]);
    }
    this.#start = 0;
  }

  /** The next line without its CRLF (latin1, one character an octet), a fault, or undefined when more bytes are needed. */
  next(): string | CommandFault | undefined {
    if (this.#skipping !== 'no') {
      const fault = this.#skip();
      if (fault !== undefined || this.#isSkipping()) return fault;
    }
    const bytes = this.#bytes;
    const start = this.#start;
    if (start >= bytes.length) return undefined;
    if (bytes[start] === TLS_HANDSHAKE) return this.#end(foreignFault('tls'));
    const cr = bytes.indexOf(CR, this.#scan);
    const lf = bytes.indexOf(LF, this.#scan);
    const stop = cr < 0 || (lf >= 0 && lf < cr) ? lf : cr;
    if ((stop < 0 ? bytes.length : stop) - start > this.#lineMax) return this.#startSkipping('long', 0);
    if (stop < 0 || (stop === cr && stop + 1 === bytes.length)) {
      this.#scan = stop < 0 ? bytes.length : stop;
      return undefined;
    }
    if (stop === cr && bytes[stop + 1] === LF) {
      this.#start = this.#scan = stop + 2;
      return bytes.toString('latin1', start, stop);
    }
    // A CR that is not followed by LF may itself be followed by CRLF: skip from just behind it.
    this.#start = this.#scan = stop + 1;
    this.#startSkipping('bare', 1);
    return BARE_FAULT;
  }

  /** Copies what is unread, before the memory that it came in is used for something else. */
  keep(): void {
    if (this.#start >= this.#bytes.length) {
      this.#bytes = EMPTY;
      this.#start = this.#scan = 0;
      return;
    }
    const own = Buffer.allocUnsafeSlow(this.#bytes.length - this.#start);
    this.#bytes.copy(own, 0, this.#start);
    this.#bytes = own;
    this.#scan -= this.#start;
    this.#start = 0;
  }

  /** Hands over every unread octet, for reading a body; the reader is empty afterwards. */
  takeRest(): Buffer {
    const rest = this.#start === 0 ? this.#bytes : this.#bytes.subarray(this.#start);
    this.clear();
    return rest;
  }

  /** Forgets what was received, as after STARTTLS. */
  clear(): void {
    this.#bytes = EMPTY;
    this.#start = this.#scan = 0;
    this.#skipping = 'no';
  }

  #startSkipping(why: 'long' | 'bare', skipped: number): CommandFault | undefined {
    this.#skipping = why;
    this.#skipped = skipped;
    this.#skipAfterCr = false;
    return why === 'long' ? this.#skip() : undefined;
  }

  /** Drops octets up to the next CRLF; a fault when the line is over (only for 'long') or the budget is spent. */
  #skip(): CommandFault | undefined {
    const bytes = this.#bytes;
    const start = this.#start;
    if (start >= bytes.length) return undefined;
    let end = this.#skipAfterCr && bytes[start] === LF ? start + 1 : -1;
    if (end < 0) {
      const crlf = bytes.indexOf('\r\n', start, 'latin1');
      if (crlf >= 0) end = crlf + 2;
    }
    this.#skipped += (end < 0 ? bytes.length : end) - start;
    if (this.#skipped > this.#discardMax) return this.#end(ENDLESS_FAULT);
    this.#start = this.#scan = end < 0 ? bytes.length : end;
    if (end < 0) {
      this.#skipAfterCr = bytes[bytes.length - 1] === CR;
      return undefined;
    }
    const fault = this.#skipping === 'long' ? LONG_FAULT : undefined;
    this.#skipping = 'no';
    return fault;
  }

  #isSkipping(): boolean {
    return this.#skipping !== 'no';
  }

  /** Nothing is read after a closing fault. */
  #end(fault: CommandFault): CommandFault {
    this.clear();
    this.#ended = true;
    return fault;
  }
}
