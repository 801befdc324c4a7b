/*
 * What loops say to each other about mail: each binding::domain queue lives on one loop, whoever received the message.
 *
 * The one rule: the loop that received a message keeps it in its log (it is the message's home); the owner of the queue tells the
 * home what became of each recipient. Bodies travel with the message when they are in memory, else they are asked for.
 */
import type { Envelope } from '#mail';
import type { QueueNote, RecipientProgress } from '#queue';

/** The room name of mail between loops. */
export const shardRoom = 'main.shard';

export type ShardMessage =
  /** Home to owner: deliver these recipients. `states` has an entry for each recipient; those of other owners are not 'open'. */
  | {
      readonly kind: 'accepted';
      readonly envelope: Envelope;
      readonly states: readonly RecipientProgress[];
      readonly body: Uint8Array | undefined;
    }
  /** Owner to home. */
  | { readonly kind: 'note'; readonly batchId: string; readonly note: QueueNote }
  | { readonly kind: 'settled'; readonly batchId: string };

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
