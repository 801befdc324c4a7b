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
  readonly #digests = new Map<string, BodyDigest>();
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
    if (this.#header === undefined) this.#readHeader(Buffer.concat(this.#head));
    const header = this.#header as HeaderBlock | undefined;
    if (this.#isGivenUp || header === undefined) return undefined;
    const rest = Buffer.concat(this.#held);
    const hashes = new Map([...this.#digests].map(([name, digest]) => [name, digest.finish(rest)]));
    return { header, hash: (kind) => hashes.get(nameOf(kind)) as BodyHash };
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
    // An end may lie across two pieces; only the last piece can complete it.
    const tail = this.#head.length > 1 ? Buffer.concat([this.#lastOctets(), bytes]) : bytes;
    if (!tail.includes(END_OF_HEADER) && !tail.subarray(0, 2).equals(CRLF)) return;
    const whole = Buffer.concat(this.#head);
    if (whole.includes(END_OF_HEADER) || whole.subarray(0, 2).equals(CRLF)) this.#readHeader(whole);
  }

  #lastOctets(): Buffer {
    const before = this.#head.slice(-4, -1);
    return Buffer.concat(before).subarray(-3);
  }

  #readHeader(whole: Buffer): void {
    const header = HeaderBlock.parse(whole, HEADER_LIMITS);
    this.#head = [];
    this.#header = header;
    const kinds = header.complete ? this.#wanted(header) : [];
    if (kinds.length === 0) {
      this.#giveUp();
      return;
    }
    for (const kind of kinds) this.#digests.set(nameOf(kind), new BodyDigest(kind.digest, kind.canonicalization));
    this.#takeBody(whole.subarray(header.bodyAt));
  }

  #takeBody(bytes: Buffer): void {
    let end = bytes.length;
    while (end > 0 && isBlankOrEnd(bytes[end - 1])) end--;
    if (end > 0) {
      const slice = this.#heldBytes === 0 ? bytes.subarray(0, end) : Buffer.concat([...this.#held, bytes.subarray(0, end)]);
      this.#held = [];
      this.#heldBytes = 0;
      for (const digest of this.#digests.values()) digest.push(slice);
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
    this.#digests.clear();
    this.#header ??= HeaderBlock.parse(EMPTY);
  }
}

function nameOf(kind: HashKind): string {
  return `${kind.digest} ${kind.canonicalization}`;
}

function isBlankOrEnd(octet: number | undefined): boolean {
  return octet === 32 || octet === 9 || octet === 13 || octet === 10;
}
