/**
 * The body hash of a signature: a body canonicalised and hashed slice by slice, so that one of 25 MB never holds an event loop.
 *
 * The one rule: slices end behind an octet that is neither blank nor line end (the last one ends with the body), so a slice is
 * canonicalised by itself and the same digest comes out for every size of slices. Lines end with CRLF, as on the wire; a last line without one gets it.
 * Only replacements that take a whole run at once are used, so a megabyte of blanks costs a megabyte.
 * Not here: which canonicalisation (the plan of a signer). Truth: RFC 6376 sections 3.4.3, 3.4.4, 3.4.5.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Canonicalization, DigestName } from './plan.ts';
import { singleBlanks } from './signed-fields.ts';

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;

export interface BodyHash {
  /** Base64, the value of bh=. */
  readonly text: string;
  /** Octets that were hashed, the value of l=. */
  readonly length: number;
}

export class BodyDigest {
  readonly #hash: Hash;
  readonly #canonicalization: Canonicalization;
  #length = 0;

  constructor(digest: DigestName, canonicalization: Canonicalization) {
    this.#hash = createHash(digest);
    this.#canonicalization = canonicalization;
  }

  /** The end of the slice that begins at `from` and has about `size` octets. */
  static sliceEnd(body: Buffer, from: number, size: number): number {
    let end = from + size;
    while (end < body.length) {
      let at = end;
      while (at > from && isBlankOrEnd(body[at - 1])) at--;
      if (at > from) return at;
      end += size;
    }
    return body.length;
  }

  /** A slice that another one follows. */
  push(slice: Buffer): void {
    if (slice.length === 0) return;
    const text = this.#canonicalization === 'simple' ? '' : slice.toString('latin1');
    const canonical = relaxed(text);
    // Mostly nothing has to change: the octets themselves need not be written once more.
    if (canonical === text) this.#take(slice);
    else this.#takeText(canonical);
  }

  /** The slice that ends the body, which may be empty. */
  finish(slice: Buffer): BodyHash {
    if (this.#canonicalization === 'simple') {
      let end = slice.length;
      while (end >= 2 && slice[end - 1] === LF && slice[end - 2] === CR) end -= 2;
      this.#take(slice.subarray(0, end));
      // An empty body is one CRLF (section 3.4.3).
      this.#takeText('\r\n');
    } else {
      const text = slice.toString('latin1');
      const canonical = relaxed(text.endsWith('\r\n') ? text : `${text}\r\n`);
      let end = canonical.length;
      while (end >= 2 && canonical.charCodeAt(end - 1) === LF && canonical.charCodeAt(end - 2) === CR) end -= 2;
      this.#takeText(canonical.slice(0, end));
      // An empty body stays empty (section 3.4.4).
      if (this.#length > 0) this.#takeText('\r\n');
    }
    return { text: this.#hash.digest('base64'), length: this.#length };
  }

  #take(octets: Buffer): void {
    this.#length += octets.length;
    this.#hash.update(octets);
  }

  #takeText(text: string): void {
    if (text === '') return;
    this.#length += text.length;
    this.#hash.update(text, 'latin1');
  }
}

function isBlankOrEnd(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB || octet === CR || octet === LF;
}

/** Runs of blanks become one, and go in front of a line end. */
function relaxed(text: string): string {
  const single = singleBlanks(text);
  return single.includes(' \r\n') ? single.replace(/ \r\n/g, '\r\n') : single;
}
