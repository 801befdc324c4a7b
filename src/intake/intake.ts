/**
 * THE door: every message that enters, from a session or from inside, is opened here.
 *
 * The one rule: nobody else gives message ids or writes to the spool. Work on one message is in its draft (message-draft.ts).
 * Not here: SMTP. Truth: ARCHITECTURE.md, one message, step 6; rules SMTP-03, SMTP-17.
 */
import type { Clock } from '#base';
import { ValidationContext, type MailboxStore, type MessageSigner, type PhaseRunner } from '#hooks';
import type { Envelope } from '#mail';
import type { PanicLog } from '#observe';
import { assignAnew, type StoredRecipient } from './assign-anew.ts';
import { MessageDraft, type FinishAnswer } from './message-draft.ts';
import type { AcceptedPort, BindingPort, DoorNoticePort, EnvelopeHead, IdPort, SpoolPort, SubmitHead, SubmitPort } from './ports.ts';
import type { ResidentBudget } from './resident-budget.ts';

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

export class Intake implements SubmitPort {
  readonly #o: IntakePorts;
  #open = 0;

  constructor(o: IntakePorts) {
    this.#o = o;
  }

  /** Begins a message. The caller appends its bytes, trace headers first, and then finishes or aborts it. */
  open(head: EnvelopeHead): MessageDraft {
    return new MessageDraft(this.#o, head);
  }

  /** Whether a binding may be chosen by what stands in the message. */
  get needsBodyToAssign(): boolean {
    return this.#o.bindings.readsHeaders === true || this.#o.phases.has('set_binding');
  }

  /** What would be chosen today for a recipient of a stored message (`rebind`); undefined when that cannot be told. */
  assignAnew(of: StoredRecipient, done: (found: { group: string; binding: string } | undefined) => void): void {
    assignAnew(this.#o, of, done);
  }

  /** A new id for a connection. */
  nextId(): string {
    return this.#o.ids.next();
  }

  /** Messages of our own that are on their way to the disk. */
  get submitting(): number {
    return this.#open;
  }

  /** Takes a whole message from inside: notifications and reports. `done` as for any other: durable, or an error. */
  submit(head: SubmitHead, message: Buffer, done: FinishAnswer): void {
    const connection = {
      id: this.nextId(),
      remoteIp: '',
      remotePort: 0,
      localIp: '',
      localPort: 0,
      protocol: 'internal',
      helo: '',
    };
    const draft = this.open({ ...head, connection, protocol: 'internal', context: new ValidationContext() });
    this.#open++;
    draft.append(message);
    draft.finish((error, batchId) => {
      this.#open--;
      done(error, batchId);
    });
  }
}
