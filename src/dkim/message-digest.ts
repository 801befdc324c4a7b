/**
 * A message on its way past a signer: its header block is kept, its body is hashed as it comes, and nothing else of it stays.
 *
 * The one rule: what is hashed is what the next hop will see, so lone line ends are repaired first (#4792). Who signs is asked once, when the
 * header is complete; for a message that nobody signs the body costs nothing.
 * Bounds: HEADER_LIMITS of a header, which is read in one step, BLANKS_MAX octets of blanks in a row: beyond them a message is neither signed nor checked.
 * Truth: RFC 6376 section 5.3.
 */
import { HeaderBlock } from '#mail';
import { NewlineFixer } from '#smtp';
import { BodyDigest, type BodyHash } from './body-digest.ts';
import type { Canonicalization, DigestName } from './plan.ts';

export const BLANKS_MAX = 1_048_576;
/** Far more than mail has; a hundred thousand fields pass on as they are. */
export const HEADER_LIMITS = { octetsMax: 1_048_576, fieldsMax: 10_000 } as const;
const END_OF_HEADER = Buffer.from('\r\n\r\n');
const CRLF = Buffer.from('\r\n');
const EMPTY = Buffer.alloc(0);

/** One way in which the body is hashed. */
export interface HashKind {
  readonly digest: DigestName;
  readonly canonicalization: Canonicalization;
}

export interface DigestedMessage {
  readonly header: HeaderBlock;
  hash(kind: HashKind): BodyHash;
}

export class MessageDigest {
  readonly #wanted: (header: HeaderBlock) => readonly HashKind[];
  readonly #fixer = new NewlineFixer((bytes) => this.#take(bytes));
  #digests: { readonly kind: HashKind; readonly digest: BodyDigest }[] = [];
  #head: Buffer[] = [];
  #headBytes = 0;
  #header: HeaderBlock | undefined;
  #isGivenUp = false;
  /** Blanks and line ends that may be the end of the body. */
  #held: Buffer[] = [];
  #heldBytes = 0;

  /** @param wanted told the header once it is complete; none: the message is not signed */
  constructor(wanted: (header: HeaderBlock) => readonly HashKind[]) {
    this.#wanted = wanted;
    this.#fixer.begin();
  }

  /** Octets as they are stored, cut anywhere. */
  push(chunk: Buffer): void {
    if (!this.#isGivenUp) this.#fixer.push(chunk);
  }

  /** After the last octet. Undefined when nobody signs the message, or it cannot be signed. */
  finish(): DigestedMessage | undefined {
    if (this.#isGivenUp) return undefined;
    this.#fixer.end();
    if (this.#header === undefined) this.#readHeader(Buffer.concat(this.#head), EMPTY);
    const header = this.#header as HeaderBlock | undefined;
    if (this.#isGivenUp || header === undefined) return undefined;
    const rest = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held);
    const hashes = this.#digests.map(({ kind, digest }) => ({ kind, hash: digest.finish(rest) }));
    return { header, hash: (kind) => hashes.find((made) => isSame(made.kind, kind))?.hash as BodyHash };
  }

  #take(bytes: Buffer): void {
    if (this.#isGivenUp) return;
    if (this.#header !== undefined) {
      this.#takeBody(bytes);
      return;
    }
    this.#head.push(bytes);
    this.#headBytes += bytes.length;
    // The end may stand in this piece, wherever it was cut.
    if (this.#headBytes - bytes.length > HEADER_LIMITS.octetsMax) {
      this.#giveUp();
      return;
    }
    // No header at all.
    if (this.#headBytes - bytes.length < 2 && Buffer.concat(this.#head).subarray(0, 2).equals(CRLF)) {
      this.#readHeader(CRLF, Buffer.concat(this.#head).subarray(2));
      return;
    }
    const bodyAt = this.#endOfHeader(bytes);
    if (bodyAt > 0) {
      this.#head[this.#head.length - 1] = bytes.subarray(0, bodyAt);
      this.#readHeader(Buffer.concat(this.#head), bytes.subarray(bodyAt));
    }
  }

  /** Index behind the end of the header in the last piece, or 0. It may lie across pieces; only the last one can complete it. */
  #endOfHeader(bytes: Buffer): number {
    const before = Buffer.concat(this.#head.slice(-4, -1)).subarray(-3);
    const seam = before.length === 0 ? -1 : Buffer.concat([before, bytes.subarray(0, 3)]).indexOf(END_OF_HEADER);
    const at = seam >= 0 ? seam - before.length : bytes.indexOf(END_OF_HEADER);
    return at === -1 && seam < 0 ? 0 : at + END_OF_HEADER.length;
  }

  /** @param whole the header, copied; it may be more where no end of it was found  @param body what came behind it so far */
  #readHeader(whole: Buffer, body: Buffer): void {
    const header = HeaderBlock.parse(whole, HEADER_LIMITS);
    this.#head = [];
    this.#header = header;
    const kinds = header.complete ? this.#wanted(header) : [];
    if (kinds.length === 0) {
      this.#giveUp();
      return;
    }
    for (const kind of kinds)
      if (!this.#digests.some((made) => isSame(made.kind, kind)))
        this.#digests.push({ kind, digest: new BodyDigest(kind.digest, kind.canonicalization) });
    if (header.bodyAt < whole.length) this.#takeBody(whole.subarray(header.bodyAt));
    this.#takeBody(body);
  }

  #takeBody(bytes: Buffer): void {
    let end = bytes.length;
    while (end > 0 && isBlankOrEnd(bytes[end - 1])) end--;
    if (end > 0) {
      const slice = this.#heldBytes === 0 ? bytes.subarray(0, end) : Buffer.concat([...this.#held, bytes.subarray(0, end)]);
      this.#held = [];
      this.#heldBytes = 0;
      for (const { digest } of this.#digests) digest.push(slice);
    }
    if (end === bytes.length) return;
    // A copy: the reader's buffer may be used again.
    this.#held.push(Buffer.from(bytes.subarray(end)));
    this.#heldBytes += bytes.length - end;
    if (this.#heldBytes > BLANKS_MAX) this.#giveUp();
  }

  #giveUp(): void {
    this.#isGivenUp = true;
    this.#head = [];
    this.#held = [];
    this.#digests = [];
    this.#header ??= HeaderBlock.parse(EMPTY);
  }
}

function isSame(a: HashKind, b: HashKind): boolean {
  return a.digest === b.digest && a.canonicalization === b.canonicalization;
}

function isBlankOrEnd(octet: number | undefined): boolean {
  return octet === 32 || octet === 9 || octet === 13 || octet === 10;
}
