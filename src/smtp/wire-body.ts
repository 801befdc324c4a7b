/**
 * A stored message as it goes onto the wire to the next hop, for DATA and for BDAT.
 *
 * The one rule: on the wire there is CRLF and nothing else that ends a line; newlines are repaired first and dots stuffed
 * after, so a lone LF in front of a dot can never become an end mark (attacks A13, A14), and the last line ends with CRLF.
 * Chunks that need no change are passed on uncopied. The same bytes come out for every split of the message. Where the
 * eighth bit is to go, it goes before all else: 0x8D 0x8A 0xAE are CR, LF and a dot afterwards (attack A48).
 * It does not send anything, nor look at headers. Truth: RFC 5321 sections 2.3.8 and 4.5.2, RFC 3030.
 */
import { isAscii } from 'node:buffer';
import { NewlineFixer } from './newline-fixer.ts';

const LF = 10;
const PERIOD = 46;
const CRLF_DOT = Buffer.from('\r\n.');
const ONE_DOT = Buffer.from('.');
const END_MARK = Buffer.from('.\r\n');
const END_MARK_AFTER_TEXT = Buffer.from('\r\n.\r\n');
const ONE_CRLF = Buffer.from('\r\n');

export class WireBody {
  readonly #out: (bytes: Buffer) => void;
  readonly #fixer: NewlineFixer;
  #stuffing = true;
  /** The octets given out so far are none, or end with CRLF. */
  #atLineStart = true;

  constructor(out: (bytes: Buffer) => void) {
    this.#out = out;
    this.#fixer = new NewlineFixer((bytes) => this.#give(bytes));
  }

  /** @param stuffing true for DATA, false for BDAT */
  begin(stuffing: boolean): void {
    this.#stuffing = stuffing;
    this.#atLineStart = true;
    this.#fixer.begin();
  }

  push(chunk: Buffer): void {
    this.#fixer.push(chunk);
  }

  /** Ends the last line if the message does not, and for DATA writes the end mark. */
  end(): void {
    this.#fixer.end();
    if (this.#stuffing) this.#out(this.#atLineStart ? END_MARK : END_MARK_AFTER_TEXT);
    else if (!this.#atLineStart) this.#out(ONE_CRLF);
  }

  #give(bytes: Buffer): void {
    if (this.#stuffing) this.#stuff(bytes);
    else this.#out(bytes);
    // Newlines are repaired and never torn apart: a LF here always stands behind its CR.
    this.#atLineStart = bytes[bytes.length - 1] === LF;
  }

  #stuff(bytes: Buffer): void {
    if (this.#atLineStart && bytes[0] === PERIOD) this.#out(ONE_DOT);
    let hit = bytes.indexOf(CRLF_DOT);
    if (hit < 0) {
      this.#out(bytes);
      return;
    }
    const stuffed = Buffer.allocUnsafe(bytes.length + Math.ceil(bytes.length / CRLF_DOT.length));
    let length = 0;
    let from = 0;
    for (; hit >= 0; hit = bytes.indexOf(CRLF_DOT, from)) {
      length += bytes.copy(stuffed, length, from, hit + 2);
      stuffed[length++] = PERIOD;
      from = hit + 2;
    }
    length += bytes.copy(stuffed, length, from);
    this.#out(stuffed.subarray(0, length));
  }
}

/** A copy without the eighth bits, for a server without 8BITMIME (OUT-46); the chunk itself when it has none. */
function clearEighthBits(chunk: Buffer): Buffer {
  if (isAscii(chunk)) return chunk;
  const clear = Buffer.from(chunk);
  for (let at = 0; at < clear.length; at++) clear[at]! &= 0x7f;
  return clear;
}

function wire(chunks: readonly Buffer[], stuffing: boolean, sevenBit: boolean): Buffer[] {
  const out: Buffer[] = [];
  const body = new WireBody((bytes) => out.push(bytes));
  body.begin(stuffing);
  for (const chunk of chunks) body.push(sevenBit ? clearEighthBits(chunk) : chunk);
  body.end();
  return out;
}

/**
 * What follows the 354 of DATA: the message dot-stuffed, CRLF only, and the end mark.
 * @param sevenBit true clears every eighth bit (transform_8bitmime_content, OUT-46)
 */
export function stuffBody(chunks: readonly Buffer[], sevenBit = false): Buffer[] {
  return wire(chunks, true, sevenBit);
}

/** What goes into BDAT chunks: the message with CRLF only and a CRLF at its end, nothing stuffed. `sevenBit` as for stuffBody. */
export function plainBody(chunks: readonly Buffer[], sevenBit = false): Buffer[] {
  return wire(chunks, false, sevenBit);
}

/** The command in front of a chunk, CRLF included. @param size octets of the chunk */
export function formatBdat(size: number, last: boolean): string {
  return last ? `BDAT ${size} LAST\r\n` : `BDAT ${size}\r\n`;
}
