/**
 * What the queue asks of the rooms around it, as narrow ports: the spool, the resolved options, the door for notices.
 *
 * The one rule: nothing here waits. Notes are handed over and believed to be on their way; what must be answered takes a `done`.
 * Not here: the queue's own classes. Truth: ARCHITECTURE.md, sections 4 and 7.
 */
import type { Envelope } from '#mail';

/** What changed for recipients of a batch, by their index in the envelope. */
export type QueueNote =
  | { kind: 'delivered' | 'failed'; recipient: number }
  | { kind: 'deferred'; recipients: number[]; attempts: number; nextAt: number; reply?: string }
  | { kind: 'rebind'; recipients: number[]; binding: string; bindingGroup: string }
  | { kind: 'reroute'; recipients: number[]; domain: string };

/** Recipients of a batch that an operator sends to another queue, and how they wait. */
export interface Departure {
  /** What is to be kept of it. */
  readonly note: Extract<QueueNote, { kind: 'rebind' | 'reroute' }>;
  readonly bindingGroup: string;
  readonly binding: string;
  /** The domain whose mail waits where they go. */
  readonly domain: string;
  readonly attempts: number;
  /** Epoch milliseconds. */
  readonly nextAt: number;
  readonly reply: string | undefined;
}

/** Where recipients are that an operator moved: with another loop, in another queue of this one, or where they were since the other loop takes nothing. */
type Whereabouts = 'gone' | 'here' | 'refused';

/** Where a batch is kept: the spool of this loop, or that of the loop that received it. */
export interface QueueSpool {
  note(batchId: string, note: QueueNote): void;
  /** `gone`: the queue is another loop's, the note is made and the recipients are that loop's to deliver. `here`, `refused`: nothing was done. */
  depart?(batchId: string, departure: Departure): Whereabouts;
  /** Every recipient has an outcome: the record may go. */
  settled(batchId: string): void;
  loadBody(batchId: string, done: (error: Error | undefined, body?: Buffer) => void): void;
}

/** Resolved options, from the configuration's cache. */
export interface OptionsPort {
  sending(group: string, binding: string, domain: string): SendingOptions;
  /**
   * The Gateway that a Domain scope gives for this domain; undefined when the gateway in force was given elsewhere or there is
   * none (OUT-21). Asked once per domain and configuration.
   */
  domainGateway(group: string, binding: string, domain: string): string | undefined;
  /** Whether there is a binding of this name (OUT-05); there is when this is not given. */
  hasBinding?(name: string): boolean;
}

/** So many in so many seconds; a count of 0 is no limit. */
export interface SendingRate {
  readonly count: number;
  readonly periodSeconds: number;
}

/**
 * The options of one binding::domain as queue and outbound read them; property names are the keys of the declared options.
 * Times are seconds.
 */
export interface SendingOptions {
  readonly retryInterval: number;
  readonly maxRetryInterval: number;
  readonly maxRetries: 'auto' | 'none' | number;
  readonly messageExpiration: number;
  readonly neverRetry: boolean;
  readonly neverAttemptExpiredMessages: boolean;
  readonly suspendDelivery: boolean;
  readonly blackhole: 'false' | 'true' | 'inline' | 'internal';
  readonly generateBounces: boolean;
  readonly bouncesInlineOriginal: 'none' | 'headers' | 'all';
  readonly mailerDaemon?: string | undefined;
  readonly mdnFailuresNotify?: string | undefined;
  readonly generateDelayDsn: boolean;
  readonly delayDsnRetryInterval: number;
  readonly delayDsnMaxRetryInterval: number;
  readonly bouncePattern?: string | undefined;
  readonly maxRecipientsPerBatch: number;
  readonly maxResidentActiveQueue: number;
  readonly maxResidentActiveQueueSize?: number | undefined;
  readonly dropBodyAfterTransFail: number;
  readonly delayedBindingDomainFuzz: number;
  readonly gateway?: string | undefined;
  readonly routes?: readonly string[] | undefined;
  readonly remoteSmtpPort: number;
  readonly lmtpPort: number;
  readonly deliveryMethod: string;
  readonly bindAddress?: string | undefined;
  /** A source address of the other family. */
  readonly bindAddressSecondary?: string | undefined;
  readonly ehloHostname: string;
  readonly maxOutboundConnections: number;
  readonly serverMaxOutboundConnections: number;
  readonly scopeMaxOutboundConnections?: number | undefined;
  readonly outboundThrottleMessages?: SendingRate | undefined;
  readonly outboundThrottleConnections?: SendingRate | undefined;
  readonly connectionAllocationAggressiveness: 'normal' | 'high' | number;
  readonly maxDeliveriesPerConnection: number;
  readonly maxRecipientsPerConnection: number;
  readonly idleTimeout: number;
  readonly connectTimeout: number;
  readonly ehloTimeout: number;
  readonly mailfromTimeout: number;
  readonly rcpttoTimeout: number;
  readonly bodyTimeout: number;
  readonly rsetTimeout: number;
  readonly hostFailureRetry: number;
  readonly mxFailuresToDelay: number;
  readonly connectTimeoutToDelay: number;
  readonly mxFailuresFallbackToA: number;
  readonly dnsFailuresToPurge: number;
  readonly send8bitmime: 'no' | 'ifavailable';
  readonly transform8bitmimeContent: 'no' | 'ifneeded' | 'strict' | 'strip';
  readonly xclient: 'no' | 'ifavailable' | 'required';
  readonly outboundSmtpAuthType?: string | undefined;
  readonly outboundSmtpAuthUser?: string | undefined;
  readonly outboundSmtpAuthPass?: string | undefined;
  readonly outboundSmtpAuthKey?: string | undefined;
  readonly responseTranscodePattern?: string | undefined;
  readonly responseTranscodeReplace?: string | undefined;
  readonly tls: 'no' | 'ifavailable' | 'required';
  readonly tlsIfavailableFallback: boolean;
  readonly tlsVerify: 'no' | 'ca' | 'host';
  readonly tlsCa?: string | undefined;
  readonly tlsCertificate?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly tlsCiphers?: string | undefined;
  readonly tlsProtocols?: string | undefined;
  /** What others publish about TLS counts: looked for (Use_), and applied (Enable_, true where it is not set). */
  readonly useDane?: boolean;
  readonly enableDane?: boolean | undefined;
  readonly useMtaSts?: boolean;
  readonly enableMtaSts?: boolean | undefined;
}

/** A recipient as a notice tells of it. */
export interface NoticeRecipient {
  readonly address: string;
  readonly orcpt?: string | undefined;
  /** The whole reply, with its code; ours are marked `[internal]`. */
  readonly reply: string;
  /** '' when no peer was reached. */
  readonly remoteIp: string;
}

/** Everything that a delivery status notice says (BNC-02, BNC-12). */
export interface NoticeFacts {
  readonly batchId: string;
  /** What became of the recipients: given up, late and still being tried, handed to a server that tells nobody, or in their mailboxes. */
  readonly action: 'failed' | 'delayed' | 'relayed' | 'delivered';
  /** To whom: never the null sender (BNC-03). */
  readonly to: string;
  readonly receivedAt: number;
  readonly recipients: readonly NoticeRecipient[];
  /** Of mail that is late: until when it is tried, epoch milliseconds. */
  readonly retryUntil?: number | undefined;
  readonly envid?: string | undefined;
  /** How much of the original is quoted. */
  readonly quote: 'none' | 'headers' | 'all';
  /** RET as received. */
  readonly ret?: 'FULL' | 'HDRS' | undefined;
  readonly mailerDaemon?: string | undefined;
  readonly smtpUtf8: boolean;
  /** The message as stored; undefined when `quote` is none or it could not be read. */
  readonly original: Buffer | undefined;
}

/** Makes a notice and brings it through the door; `done` without an error means durable. */
export interface NoticePort {
  send(facts: NoticeFacts, done: (error?: Error) => void): void;
}

/** What recovery found of one recipient. */
export interface RecipientProgress {
  /** 'open' is still to be delivered; everything else is done. */
  readonly outcome: string;
  readonly attempts: number;
  /** Epoch milliseconds, 0 when it was never deferred. */
  readonly nextAt: number;
  /** The reply to the last attempt. */
  readonly reply?: string;
  readonly binding?: string;
  readonly bindingGroup?: string;
  /** The domain whose queue an operator sent it to. */
  readonly route?: string;
}

export interface RecoveredMessage {
  readonly envelope: Envelope;
  /** One per recipient of the envelope, in its order. */
  readonly states: readonly RecipientProgress[];
}
