/**
 * What the door needs from others and offers to them, as narrow interfaces; main wires the real things.
 *
 * The one rule: a port is a call downwards or a typed answer; nobody is told anything through an event.
 * Not here: the spool's and the queue's own, wider interfaces. Truth: ARCHITECTURE.md, section on one message.
 */
import type { Clock } from '#base';
import type { BodySink, ConnectionView, MailboxStore, MessageSigner, PhaseRunner, Reply, ValidationContext } from '#hooks';
import type { DeliveryTerms, Envelope } from '#mail';
import type { PanicLog } from '#observe';
import type { IntakeError } from './errors.ts';
import type { ResidentBudget } from './resident-budget.ts';

/** Takes over messages that are durable. The queue implements it. */
export interface AcceptedPort {
  /** `body` holds the whole message when it was small enough to keep; otherwise it is in the spool. */
  accepted(envelope: Envelope, body: Buffer | undefined): void;
}

/** A message on its way into the spool; what signs it puts its fields on top when everything else is there. */
interface SpoolSink extends BodySink {
  prepend(bytes: Buffer): void;
}

export interface SpoolPort {
  openDraft(): SpoolSink;
}

export interface IdPort {
  /** A new id, never given before (SMTP-17). */
  next(): string;
}

/** What bindings there are now. Names are compared as the configuration compares them. */
export interface BindingPort {
  hasBinding(name: string): boolean;
  /** A binding of the group for this domain (POL-05); undefined when there is no such group. */
  chooseFromGroup(group: string, domain: string): string | undefined;
  /** Whether this member of a group exists and may send to the domain. */
  isAwake?(group: string, binding: string, domain: string): boolean;
  /** The group that a binding stands in; undefined outside groups (OUT-01). */
  groupOf?(name: string): string | undefined;
  /** Whether `wish` looks at headers now. */
  readonly readsHeaders?: boolean;
  /** The binding or group that a trusted client names for a message (Binding_Context, Binding_Header); policy may still choose another. */
  wish?(about: { readonly context: ValidationContext; readonly remoteIp: string; readonly body: Buffer | undefined }): string | undefined;
  /** Whether Default_Binding forbids the default binding (OUT-03). */
  readonly isDefaultForbidden: boolean;
}

export interface RecipientHead {
  /** The mailbox as it will be written in the envelope. */
  readonly address: string;
  readonly local: string;
  /** Routing domain: lower case, A-labels. */
  readonly domain: string;
  readonly notify?: string[] | undefined;
  readonly orcpt?: string | undefined;
  /** Its domain is one of Bounce_Domains. */
  readonly takesBounces?: boolean | undefined;
}

/** All that is known of a message before its first byte. */
export interface EnvelopeHead {
  readonly connection: ConnectionView;
  readonly protocol: Envelope['protocol'];
  readonly context: ValidationContext;
  readonly sender: string;
  readonly senderDomain: string;
  readonly recipients: readonly RecipientHead[];
  readonly ret?: 'FULL' | 'HDRS' | undefined;
  readonly envid?: string | undefined;
  readonly body?: '7BIT' | '8BITMIME' | 'BINARYMIME' | undefined;
  readonly smtpUtf8?: boolean | undefined;
  readonly pathway?: string | undefined;
  readonly terms?: DeliveryTerms | undefined;
  /** An id of `nextId` that it is known by already. */
  readonly batchId?: string | undefined;
  /** The sender is told by mail of recipients that policy refused while it took others (BNC-05). */
  readonly bouncesRefusals?: boolean | undefined;
  /** It was received before, by the server whose spool it comes from (SPL-12): its time goes on, and it is signed already. */
  readonly stored?: { readonly receivedAt: number } | undefined;
  /** The binding or group that it leaves by, as the server itself wishes; policy may still choose another. */
  readonly binding?: string | undefined;
}

/** A recipient of whom the sender is told by mail. */
export interface ToldRecipient {
  readonly address: string;
  readonly domain: string;
  readonly notify: readonly string[] | undefined;
  readonly orcpt: string | undefined;
  /** What decided: the refusal of policy, or the words with which a mailbox took the message. */
  readonly reply: Reply;
  /** The module that refused; '' for none. */
  readonly module: string;
}

/** What became of some recipients at the door: refused by policy while others were taken, or in mailboxes of this host. */
export interface DoorNotice {
  readonly action: 'failed' | 'delivered';
  readonly head: EnvelopeHead;
  readonly batchId: string;
  readonly receivedAt: number;
  readonly recipients: readonly ToldRecipient[];
  /** The message; undefined when it is too large to be held. */
  readonly original: Buffer | undefined;
}

/** Tells the sender; `done` without an error means that the notice is durable, or that nobody wants it. */
export type DoorNoticePort = (notice: DoorNotice, done: (error?: Error) => void) => void;

/** Internal messages (notifications, reports) enter here; the queue is given this port. */
export interface SubmitPort {
  submit(head: SubmitHead, message: Buffer, done: (error?: IntakeError, batchId?: string) => void): void;
}

export interface SubmitHead {
  /** The binding or group that it leaves by, where it is not to be the default. */
  readonly binding?: string | undefined;
  readonly sender: string;
  readonly senderDomain: string;
  readonly recipients: readonly RecipientHead[];
  readonly smtpUtf8?: boolean | undefined;
  readonly body?: '7BIT' | '8BITMIME' | 'BINARYMIME' | undefined;
}

/** All that the door is given. */
export interface IntakePorts {
  readonly ids: IdPort;
  readonly clock: Pick<Clock, 'now'>;
  readonly spool: SpoolPort;
  /** Asked in this order; the first that claims a domain has it. */
  readonly stores: readonly MailboxStore[];
  readonly accepted: AcceptedPort;
  readonly phases: PhaseRunner;
  readonly bindings: BindingPort;
  /** Undefined while nothing signs. */
  readonly signer?: () => MessageSigner | undefined;
  readonly resident: ResidentBudget;
  /** Room for what modules read and change. */
  readonly editable: ResidentBudget;
  readonly panic: Pick<PanicLog, 'log'>;
  /** Tells senders of recipients that never came into a queue; nobody is told when it is not given. */
  readonly tell?: DoorNoticePort;
  /** Told of each envelope that became durable: the reception records and counters. */
  readonly received: (envelope: Envelope) => void;
  /** May note facts about a message in its stored context; `body` is undefined when it is too large to be held. */
  readonly note?: (body: Buffer | undefined, contextMessage: Record<string, string>) => void;
  /** Context keys that are not stored with a message (`exclude_vctx_conn`, `exclude_vctx_mess`). */
  readonly excludedConnection?: (key: string) => boolean;
  readonly excludedMessage?: (key: string) => boolean;
}
