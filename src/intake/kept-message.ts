/**
 * A message as modules read and change it: its octets as far as memory holds them, and the header that they made of it.
 *
 * The one rule: there is one only where a module looks at messages, so that nobody else pays. A message over `perMessage` (or that finds
 * `total` used up) keeps its beginning, TOP_BYTES, for reading, and cannot be changed; when not even that finds room, `top` says so. Fields that are
 * only added go in front and cost no look at the header.
 * Bounds: EDITABLE_BYTES a message, EDITABLE_TOTAL_BYTES on this loop. Not here: what is to be changed (modules). Truth: POL-07.
 */
import type { HeaderEdit } from '#hooks';
import { formatHeader, HeaderBlock } from '#mail';
import type { ResidentBudget } from './resident-budget.ts';

/** Octets of a message that modules may change. */
export const EDITABLE_BYTES = 32 * 1_048_576;

/** Octets of all messages being received on one loop that are kept for modules. */
export const EDITABLE_TOTAL_BYTES = 128 * 1_048_576;

/** Octets of a larger message that modules can read. */
const TOP_BYTES = 1_048_576;

const LINE_END = Buffer.from('\r\n');

export class KeptMessage {
  readonly #budget: ResidentBudget;
  #chunks: Buffer[] = [];
  #held = 0;
  #isWhole = true;
  /** Fields in front of it, from the top, as long as nothing else was changed. */
  #added: Buffer[] = [];
  /** The header after the first change of another kind, and what stands behind it. */
  #changed: { readonly block: HeaderBlock; readonly rest: Buffer; readonly blank: Buffer } | undefined;

  constructor(budget: ResidentBudget) {
    this.#budget = budget;
  }

  append(chunk: Buffer): void {
    if (this.#isWhole && this.#budget.take(chunk.length, this.#held)) {
      this.#chunks.push(chunk);
      this.#held += chunk.length;
      return;
    }
    if (this.#isWhole) this.#keepTop(chunk);
  }

  get isChanged(): boolean {
    return this.#changed !== undefined || this.#added.length > 0;
  }

  /** The whole message as it is now; undefined when it was not kept. */
  whole(): Buffer | undefined {
    if (!this.#isWhole) return undefined;
    const changed = this.#changed;
    return changed === undefined
      ? Buffer.concat([...this.#added, ...this.#chunks])
      : Buffer.concat([changed.block.toBuffer(), changed.blank, changed.rest]);
  }

  /** The header and `bodyBytes` octets behind it; undefined when nothing is held. */
  top(bodyBytes: number): Buffer | undefined {
    const changed = this.#changed;
    if (changed !== undefined) return Buffer.concat([changed.block.toBuffer(), changed.blank, changed.rest.subarray(0, bodyBytes)]);
    if (this.#held === 0 && !this.#isWhole) return undefined;
    const held = Buffer.concat(this.#chunks, Math.min(this.#held, TOP_BYTES));
    return Buffer.concat([...this.#added, topOf(held, bodyBytes)]);
  }

  /** False, and nothing changed, when the message is too large. */
  edit(edits: readonly HeaderEdit[]): boolean {
    if (!this.#isWhole) return false;
    if (this.#changed === undefined && edits.every(({ kind }) => kind === 'add')) {
      for (const edit of edits) if (edit.kind === 'add') this.#added.unshift(Buffer.from(formatHeader(edit.name, edit.value)));
      return true;
    }
    this.#changed ??= split(Buffer.concat([...this.#added, ...this.#chunks]));
    this.#added = [];
    const { block } = this.#changed;
    for (const edit of edits) {
      if (edit.kind === 'add') block.prepend(edit.name, edit.value);
      else if (edit.kind === 'append') block.append(edit.name, edit.value);
      else if (edit.kind === 'replace') block.replace(edit.name, edit.value);
      else block.remove(edit.name);
    }
    return true;
  }

  /** Gives the room back. */
  release(): void {
    this.#chunks = [];
    this.#changed = undefined;
    this.#added = [];
    this.#isWhole = false;
    this.#budget.give(this.#held);
    this.#held = 0;
  }

  #keepTop(next: Buffer): void {
    const before = this.#held;
    const top = Buffer.concat([...this.#chunks, next]).subarray(0, TOP_BYTES);
    this.#isWhole = false;
    this.#chunks = [];
    this.#budget.give(before);
    this.#held = 0;
    if (!this.#budget.take(Math.min(top.length, this.#budget.perMessage), 0)) return;
    this.#held = Math.min(top.length, this.#budget.perMessage);
    // A copy: what was read from the socket behind the top is let go.
    this.#chunks = [Buffer.from(top.subarray(0, this.#held))];
  }
}

/** The header of a message and so many octets behind it. */
export function topOf(message: Buffer, bodyBytes: number): Buffer {
  return message.subarray(0, endOfHeader(message) + bodyBytes);
}

/** Where the body begins, blank line included in what stands before. */
function endOfHeader(message: Buffer): number {
  if (message[0] === 13 && message[1] === 10) return 2;
  const end = message.indexOf('\r\n\r\n');
  return end < 0 ? message.length : end + 4;
}

function split(message: Buffer): { block: HeaderBlock; rest: Buffer; blank: Buffer } {
  const block = HeaderBlock.parse(message);
  const fields = block.fields.reduce((sum, { raw }) => sum + raw.length, 0);
  return { block, rest: message.subarray(block.bodyAt), blank: block.bodyAt > fields ? LINE_END : Buffer.alloc(0) };
}
