/*
 * What an event loop and the thread of its policy say to each other.
 *
 * The one rule: plain data, copied. Calls go in one array a turn; answers come back so, too. A number alone is the question whether
 * the thread still turns; it answers in shared memory (the gate), where it also says at which call it works.
 */
import type { SharedLimits } from '#limits';
import type { HeaderEdit, Phase } from '#hooks';

/** Words of the gate: how many steps were done, the call at work (0: none), the last question heard. */
export const gateWords = { steps: 0, call: 1, pong: 2, length: 3 } as const;

export interface SandboxBirth {
  readonly name: string;
  readonly file: string;
  /** The texts of a policy that was in force, by URL: a successor runs what ran before, whatever the disk says now. */
  readonly sources: ReadonlyMap<string, string> | undefined;
  readonly gate: SharedArrayBuffer;
  readonly limits: SharedLimits;
  readonly loop: number;
}

export interface Call {
  readonly id: number;
  readonly phase: Phase;
  readonly connection: {
    readonly id: string;
    readonly remoteIp: string;
    readonly remotePort: number;
    readonly localIp: string;
    readonly localPort: number;
    readonly helo: string;
    readonly authUser: string;
  };
  readonly connectionContext: ReadonlyMap<string, string>;
  readonly messageContext: ReadonlyMap<string, string>;
  readonly sender: string;
  readonly senderDomain: string;
  readonly recipientCount: number;
  readonly recipients: readonly string[] | undefined;
  readonly recipient:
    | {
        readonly address: string;
        readonly local: string;
        readonly domain: string;
        readonly binding: string;
        readonly bindingGroup: string;
      }
    | undefined;
  readonly message: { readonly batchId: string; readonly size: number; readonly top: Uint8Array } | undefined;
}

/** What a policy did to the event, in the order in which it did it. */
export type Action =
  | { readonly kind: 'connectionContext' | 'messageContext'; readonly key: string; readonly value: string }
  | { readonly kind: 'sender' | 'recipient' | 'binding' | 'group' | 'routingDomain' | 'gateway'; readonly value: string }
  | { readonly kind: 'priority'; readonly value: 0 | 1 }
  | { readonly kind: 'header'; readonly edit: HeaderEdit }
  | { readonly kind: 'count'; readonly name: string; readonly by: number };

/** An Answer after it was checked. */
export type Decision =
  | { readonly kind: 'continue' | 'done' | 'discard' }
  | { readonly kind: 'reject' | 'disconnect'; readonly code: number; readonly enhanced: string | undefined; readonly text: string };

export type FromSandbox =
  | { readonly kind: 'ready'; readonly phases: readonly Phase[]; readonly sources: ReadonlyMap<string, string> }
  | { readonly kind: 'refused'; readonly reason: string }
  /** `chunk`: for the logs of chunk_logger. */
  | { readonly kind: 'log' | 'chunk'; readonly text: string }
  | {
      readonly kind: 'answer';
      readonly id: number;
      readonly decision: Decision;
      readonly tarpitMs: number;
      readonly actions: readonly Action[];
    }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string };
