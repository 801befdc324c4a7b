/*
 * What a loop has of batches that are kept elsewhere, or by several loops: from whom, which recipients, and of how many offers.
 *
 * The one rule: a recipient is taken once, whoever offers it again and however often, until it was given back; and a batch is answered for when
 * all that was taken of it is done, with the number of offers that this answers: so an offer that crosses the answer is not taken for answered.
 * A home that died counts its offers anew (generation), and may have lost the news of what was done: its successor hears them again, also of
 * batches that are over. Bounds: what is queued, and DONE_MAX batches that are over, the oldest half of which is forgotten at once (such mail is
 * delivered twice if its home dies with the news unwritten). Not here: messages, queues (shard.ts).
 */
import type { QueueNote, RecipientProgress } from '#queue';
import type { ShardMessage } from './shard-messages.ts';

export type Offer = Extract<ShardMessage, { kind: 'accepted' }>;

export const elsewhere: RecipientProgress = Object.freeze({ outcome: 'elsewhere', attempts: 0, nextAt: 0 });

const DONE_MAX = 32_768;

type Outcome = Extract<QueueNote, { recipient: number }>['kind'];

/** What became of recipients here. */
type Outcomes = Map<number, Outcome>;

/** What there is to do about an offer. */
interface Taking {
  /** The states of its recipients, with those that are not to be taken as of others; undefined when there is nothing to take. */
  readonly states: readonly RecipientProgress[] | undefined;
  /** What the home should have known already. */
  readonly news: readonly { readonly kind: Outcome; readonly recipient: number }[];
}

interface Batch {
  readonly home: number;
  /** Which thread of the home offered it last, and how often that did. */
  generation: number;
  offers: number;
  /** Times that something was taken and is not done yet. */
  open: number;
  readonly taken: Set<number>;
  /** Of recipients whose batch is kept by another loop. */
  outcomes: Outcomes | undefined;
}

/** Nothing happened to the recipient since it was received. */
export function isFresh({ outcome, attempts, nextAt, binding, route }: RecipientProgress): boolean {
  return outcome === 'open' && attempts === 0 && nextAt === 0 && binding === undefined && route === undefined;
}

export class Held {
  readonly #batches = new Map<string, Batch>();
  /** Batches of other loops that are over, and those that were so before them. */
  #done = new Map<string, Outcomes>();
  #doneBefore: ReadonlyMap<string, Outcomes> = new Map();

  homeOf(batchId: string): number | undefined {
    return this.#batches.get(batchId)?.home;
  }

  generationOf(batchId: string): number | undefined {
    return this.#batches.get(batchId)?.generation;
  }

  take({ envelope, states, generation }: Offer, home: number): Taking {
    const { batchId } = envelope;
    let batch = this.#batches.get(batchId);
    if (batch === undefined) {
      // What the first thread of a home offers is new: nobody died who could have forgotten it.
      const outcomes = generation === 0 ? undefined : (this.#done.get(batchId) ?? this.#doneBefore.get(batchId));
      this.#batches.set(batchId, (batch = { home, generation, offers: 0, open: 0, taken: new Set(outcomes?.keys()), outcomes }));
    }
    if (batch.generation !== generation) {
      batch.generation = generation;
      batch.offers = 0;
    }
    batch.offers += 1;
    const { taken, outcomes } = batch;
    const news: { kind: Outcome; recipient: number }[] = [];
    for (const [recipient, kind] of outcomes ?? []) if (states[recipient]?.outcome === 'open') news.push({ kind, recipient });
    const mine = taken.size === 0 ? states : states.map((state, i) => (taken.has(i) ? elsewhere : state));
    const before = taken.size;
    for (let i = 0; i < mine.length; i += 1) if (mine[i]?.outcome === 'open') taken.add(i);
    if (taken.size === before) return { states: undefined, news };
    batch.open += 1;
    return { states: mine, news };
  }

  /** A recipient of another loop's batch is done. */
  done(batchId: string, recipient: number, outcome: Outcome): void {
    const batch = this.#batches.get(batchId);
    if (batch !== undefined) (batch.outcomes ??= new Map()).set(recipient, outcome);
  }

  /** A batch of this loop's own, taken without an offer, is going to be shared. */
  own(batchId: string, home: number, generation: number): void {
    this.#batches.set(batchId, { home, generation, offers: 1, open: 1, taken: new Set(), outcomes: undefined });
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
    return batch.open > 0 ? undefined : this.#over(batchId, batch);
  }

  /** What is to be answered to an offer of which nothing was taken: undefined while something of the batch is not done yet. */
  settleAgain(batchId: string): { offers: number; generation: number } | undefined {
    const batch = this.#batches.get(batchId);
    return batch === undefined || batch.open > 0 ? undefined : this.#over(batchId, batch);
  }

  #over(batchId: string, { offers, generation, outcomes }: Batch): { offers: number; generation: number } {
    this.#batches.delete(batchId);
    if (outcomes !== undefined) {
      if (this.#done.size >= DONE_MAX / 2) {
        this.#doneBefore = this.#done;
        this.#done = new Map();
      }
      this.#done.set(batchId, outcomes);
    }
    return { offers, generation };
  }
}
