/*
 * What a loop has of batches that are kept elsewhere, or by several loops: from whom, which recipients, and of how many offers.
 *
 * The one rule: a recipient is taken once, whoever offers it again and however often, until it was given back; and a batch is answered for when
 * all that was taken of it is done, with the number of offers that this answers: so an offer that crosses the answer is not taken for answered.
 * A home that died counts its offers anew (generation). Bound: what is queued. Not here: messages, queues (shard.ts).
 */
import type { RecipientProgress } from '#queue';
import type { ShardMessage } from './shard-messages.ts';

export type Offer = Extract<ShardMessage, { kind: 'accepted' }>;

export const elsewhere: RecipientProgress = Object.freeze({ outcome: 'elsewhere', attempts: 0, nextAt: 0 });

interface Batch {
  readonly home: number;
  /** Which thread of the home offered it last, and how often that did. */
  generation: number;
  offers: number;
  /** Times that something was taken and is not done yet. */
  open: number;
  readonly taken: Set<number>;
}

/** Nothing happened to the recipient since it was received. */
export function isFresh({ outcome, attempts, nextAt, binding, route }: RecipientProgress): boolean {
  return outcome === 'open' && attempts === 0 && nextAt === 0 && binding === undefined && route === undefined;
}

export class Held {
  readonly #batches = new Map<string, Batch>();

  homeOf(batchId: string): number | undefined {
    return this.#batches.get(batchId)?.home;
  }

  generationOf(batchId: string): number | undefined {
    return this.#batches.get(batchId)?.generation;
  }

  /** The states of an offer, with those of recipients that are here already as of others; undefined when there is nothing to take. */
  take({ envelope, states, generation }: Offer, home: number): readonly RecipientProgress[] | undefined {
    const { batchId } = envelope;
    let batch = this.#batches.get(batchId);
    if (batch === undefined) this.#batches.set(batchId, (batch = { home, generation, offers: 0, open: 0, taken: new Set() }));
    if (batch.generation !== generation) {
      batch.generation = generation;
      batch.offers = 0;
    }
    batch.offers += 1;
    const { taken } = batch;
    const mine = taken.size === 0 ? states : states.map((state, i) => (taken.has(i) ? elsewhere : state));
    const before = taken.size;
    for (let i = 0; i < mine.length; i += 1) if (mine[i]?.outcome === 'open') taken.add(i);
    if (taken.size === before) return undefined;
    batch.open += 1;
    return mine;
  }

  /** A batch of this loop's own, taken without an offer, is going to be shared. */
  own(batchId: string, home: number, generation: number): void {
    this.#batches.set(batchId, { home, generation, offers: 1, open: 1, taken: new Set() });
  }

  /** Recipients are another loop's from now on. */
  give(batchId: string, recipients: readonly number[]): void {
    const taken = this.#batches.get(batchId)?.taken;
    for (const i of recipients) taken?.delete(i);
  }

  /** Something that was taken is done. What is to be answered, when that was the last. */
  settle(batchId: string): { offers: number; generation: number } | undefined {
    const batch = this.#batches.get(batchId);
    if (batch === undefined) return undefined;
    batch.open -= 1;
    if (batch.open > 0) return undefined;
    this.#batches.delete(batchId);
    return { offers: batch.offers, generation: batch.generation };
  }
}
