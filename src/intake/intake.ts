/**
 * THE door: every message that enters, from a session or from inside, is opened here.
 *
 * The one rule: nobody else gives message ids or writes to the spool. Work on one message is in its draft (message-draft.ts).
 * Not here: SMTP. Truth: ARCHITECTURE.md, one message, step 6; rules SMTP-03, SMTP-17.
 */
import { ValidationContext } from '#hooks';
import { assignAnew, type StoredRecipient } from './assign-anew.ts';
import { MessageDraft, type FinishAnswer } from './message-draft.ts';
import type { EnvelopeHead, IntakePorts, SubmitHead, SubmitPort } from './ports.ts';

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
