/**
 * A message on its way past those who judge it: its header is kept and its body hashed as it comes, once for all of them.
 *
 * The one rule: no step is longer than a piece of the message, whatever its size, and nothing of the body stays. SIGNATURES_MAX signatures are looked
 * at, from the top; one more is said and not checked. Whoever asks first makes the questions, all others get the same answer.
 * Not here: one signature (dkim-verify.ts). Truth: RFC 6376 section 6.1; attack A56.
 */
import { MessageDigest, type DigestedMessage, type HashKind } from '#dkim';
import type { HeaderBlock, HeaderField } from '#mail';
import { readChain, type ArcChain } from './arc-chain.ts';
import { verifyChain, type ArcVerdict } from './arc-verify.ts';
import { canonicalizationsOf, fieldText, verifySignature, type DkimVerdict } from './dkim-verify.ts';
import type { Lookup } from './lookup.ts';
import { parseTags } from './tag-list.ts';

const SIGNATURES_MAX = 10;

/** What judges need besides the message. */
interface JudgePorts {
  readonly lookup: Lookup;
  /** Seconds since the epoch. */
  readonly now: number;
}

export class MessageScan {
  readonly #digest = new MessageDigest((header) => {
    this.#header = header;
    return this.#kinds(header);
  });
  #header: HeaderBlock | undefined;
  #signatures: readonly HeaderField[] = [];
  #message: DigestedMessage | undefined;
  #isFinished = false;
  #verdicts: Promise<readonly DkimVerdict[]> | undefined;
  #chain: ArcChain = [];
  #arc: Promise<ArcVerdict> | undefined;

  append(chunk: Buffer): void {
    this.#digest.push(chunk);
  }

  /** The header as it came; undefined when there was none, or none that can be read. */
  get header(): HeaderBlock | undefined {
    this.#finish();
    return this.#header;
  }

  /** Every signature of DKIM, from the top. Call it when the message is complete. */
  verdicts(o: JudgePorts): Promise<readonly DkimVerdict[]> {
    this.#finish();
    this.#verdicts ??= Promise.all(
      this.#signatures.slice(0, SIGNATURES_MAX).map((field) => verifySignature(field, { ...o, message: this.#message })),
    );
    return this.#verdicts;
  }

  /** The chain of ARC. Call it when the message is complete. */
  arc(o: JudgePorts): Promise<ArcVerdict> {
    this.#finish();
    this.#arc ??= verifyChain(this.#chain, { ...o, message: this.#message });
    return this.#arc;
  }

  /** Signatures that are not looked at. */
  get ignored(): number {
    return Math.max(0, this.#signatures.length - SIGNATURES_MAX);
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#message = this.#digest.finish();
  }

  #kinds(header: HeaderBlock): readonly HashKind[] {
    this.#signatures = header.fields.filter(({ name }) => name.toLowerCase() === 'dkim-signature');
    this.#chain = readChain(header.fields);
    const newest = typeof this.#chain === 'string' ? undefined : this.#chain.at(-1)?.message.field;
    const checked = [...this.#signatures.slice(0, SIGNATURES_MAX), ...(newest === undefined ? [] : [newest])];
    const bodies = checked.map((field) => canonicalizationsOf(parseTags(fieldText(field)))?.[1]);
    const kinds = new Set(bodies.filter((kind) => kind !== undefined));
    return [...kinds].map((canonicalization) => ({ digest: 'sha256', canonicalization }));
  }
}

/** What modules give as their reader: with one function for all of them there is one scan for all of them. */
export function beginScan(): MessageScan {
  return new MessageScan();
}
