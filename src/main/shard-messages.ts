/*
 * What loops say to each other about mail: each binding::domain queue lives on one loop, whoever received the message.
 *
 * The one rule: the loop that received a message keeps it in its log (it is the message's home); the owner of the queue tells the
 * home what became of each recipient. Bodies travel with the message when they are in memory, else they are asked for.
 */
import type { Envelope } from '#mail';
import type { Departure, QueueNote, RecipientProgress } from '#queue';

/** The room name of mail between loops. */
export const shardRoom = 'main.shard';

export type ShardMessage =
  /** Home to owner: deliver these recipients. `states` has an entry for each recipient; those of other owners are not 'open'. */
  | {
      readonly kind: 'accepted';
      readonly envelope: Envelope;
      readonly states: readonly RecipientProgress[];
      readonly body: Uint8Array | undefined;
      /** How many threads were this home before it: what an owner says of an offer names it. */
      readonly generation: number;
    }
  /** Owner to home. */
  | { readonly kind: 'note'; readonly batchId: string; readonly note: QueueNote }
  /** All that came with so many offers is done, or was given back. */
  | { readonly kind: 'settled'; readonly batchId: string; readonly offers: number; readonly generation: number }
  /** Recipients go to a queue of another loop: they are the home's to offer there. */
  | { readonly kind: 'departed'; readonly batchId: string; readonly departure: Departure; readonly generation: number };

/** Owner to home, with a reply: the body, or the envelope. */
export interface BodyRequest {
  readonly batchId: string;
  readonly isEnvelope?: boolean;
}

export interface BodyReply {
  readonly body?: Uint8Array;
  readonly envelope?: Envelope;
  readonly problem?: string;
}
