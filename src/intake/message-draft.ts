/**
 * One message on its way through the door: its bytes go to where it will be kept while it is received, and `finish` runs the
 * spool-phase hooks, assigns bindings, makes it durable and hands it over. What modules changed is written anew in place of the first.
 *
 * The one rule: `done` without an error means durable for every recipient. Until the first commit begins, `abort` undoes
 * everything (a client that vanished while policy ran leaves no message, A68); from then on it runs to its end.
 * Stores are committed before the spool: a repeated copy in a mailbox does less harm than one sent out twice.
 * Not here: trace headers and body policy (inbound). Truth: rules SMTP-03, SPL-04, OUT-03, OUT-48, POL-01, POL-27.
 */
import {
  StoreRefusal,
  storedContext,
  type HeaderEdit,
  type HookView,
  type MessageReader,
  type MessageView,
  type Reply,
  type SigningRun,
  type Verdict,
} from '#hooks';
import { formatHeader, type Envelope } from '#mail';
import { IntakeError } from './errors.ts';
import type { DoorNotice, EnvelopeHead, IntakePorts } from './ports.ts';
import { KeptMessage } from './kept-message.ts';
import { refill, splitByStore, type Part } from './parts.ts';
import { DEFAULT_BINDING, IncomingRecipient } from './recipient.ts';
import { ResidentBody } from './resident-budget.ts';

/** Answers once: an error, or the batch id of a message that is durable. */
export type FinishAnswer = (error?: IntakeError, batchId?: string) => void;

const NO_PARTS: readonly Part[] = [];
const NOTHING = Buffer.alloc(0);
const IN_MAILBOX: Reply = { code: 250, enhanced: '2.1.5', text: 'in the mailbox' };

export class MessageDraft {
  readonly batchId: string;
  readonly receivedAt: number;
  readonly recipients: readonly IncomingRecipient[];
  /** Called each time there is room again after `append` answered false. */
  onDrain: (() => void) | undefined;
  readonly #o: IntakePorts;
  readonly #head: EnvelopeHead;
  #parts: readonly Part[];
  readonly #resident: ResidentBody;
  /** For modules; undefined where none looks at messages. */
  readonly #kept: KeptMessage | undefined;
  #body: Buffer | undefined;
  #size = 0;
  /** Of modules; undefined where none reads along. */
  readonly #readers: ReadonlyMap<() => MessageReader, MessageReader> | undefined;
  /** Undefined while nothing signs. */
  #signing: SigningRun | undefined;
  /** Fields that go on top of what is spooled when it is made durable: signatures, and what modules add to a message that is not held. */
  #top: Buffer = NOTHING;
  #state: 'receiving' | 'deciding' | 'committing' | 'over' = 'receiving';
  #done: FinishAnswer | undefined;

  constructor(o: IntakePorts, head: EnvelopeHead) {
    this.#o = o;
    this.#head = head;
    this.batchId = head.batchId ?? o.ids.next();
    this.receivedAt = head.stored?.receivedAt ?? o.clock.now();
    this.recipients = head.recipients.map((recipient) => new IncomingRecipient(o.ids.next(), recipient, o));
    if (head.binding !== undefined) for (const recipient of this.recipients) recipient.setBindingOrGroup(head.binding);
    // RFC 6710: two steps are all that the queue knows.
    if ((head.terms?.mtPriority ?? 0) > 0) for (const recipient of this.recipients) recipient.setPriority(1);
    this.#resident = new ResidentBody(o.resident);
    this.#kept = o.phases.readsMessages ? new KeptMessage(o.editable) : undefined;
    this.#readers = this.#isOurs ? undefined : o.phases.beginReaders(head.context);
    this.#signing = head.stored === undefined ? o.signer?.()?.begin() : undefined;
    this.#parts = splitByStore(o, this.recipients);
    for (const part of this.#parts) part.sink.onDrain = () => this.#drained(part);
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Whether bytes given from now on are copied by all who get them, so that their memory may be used again at once. */
  get isCopying(): boolean {
    const isRead = this.#kept !== undefined || this.#readers !== undefined || this.#signing !== undefined || this.#resident.isKept;
    return !isRead && this.#parts.every(({ sink }) => sink.isCopying === true);
  }

  /** Bytes that are lost when the draft is given up now: none once the message is complete. */
  get abandonedSize(): number {
    return this.#state === 'receiving' ? this.#size : 0;
  }

  /** The message as modules see it. */
  view(): MessageView {
    const kept = this.#kept;
    if (kept?.isChanged !== true) this.#body ??= this.#resident.whole();
    return {
      batchId: this.batchId,
      size: this.#size,
      body: kept?.isChanged === true ? kept.whole() : this.#body,
      top: (bodyBytes) => kept?.top(bodyBytes),
      edit: (edits) => kept?.edit(edits) === true || this.#stamp(edits),
      readBy: <T extends MessageReader>(reader: () => T) => this.#readers?.get(reader) as T | undefined,
    };
  }

  /** Fields on top need no look at the rest, so even a message that is not held can get them where it is spooled. */
  #stamp(edits: readonly HeaderEdit[]): boolean {
    if (this.#parts.some(({ prepend }) => prepend === undefined)) return false;
    const fields: string[] = [];
    for (const edit of edits) {
      if (edit.kind !== 'add') return false;
      fields.unshift(formatHeader(edit.name, edit.value));
    }
    this.#top = Buffer.concat([Buffer.from(fields.join('')), this.#top]);
    return true;
  }

  /** Takes bytes as they are to be stored. False asks the caller to wait for `onDrain`. */
  append(chunk: Buffer): boolean {
    if (this.#state === 'receiving' && this.#readers !== undefined) for (const reader of this.#readers.values()) reader.append(chunk);
    return this.appendTrace(chunk);
  }

  /** The same for fields of ours in front of the message, which nobody has to judge. */
  appendTrace(chunk: Buffer): boolean {
    if (this.#state !== 'receiving') return true;
    this.#size += chunk.length;
    this.#resident.append(chunk);
    this.#kept?.append(chunk);
    this.#signing?.append(chunk);
    let hasRoom = true;
    for (const part of this.#parts) {
      if (!part.sink.append(chunk)) part.isFull = true;
      if (part.isFull) hasRoom = false;
    }
    return hasRoom;
  }

  /** The last byte was given: decide, make durable, hand over. */
  finish(done: FinishAnswer): void {
    if (this.#state !== 'receiving') {
      done(new IntakeError('aborted'));
      return;
    }
    this.#state = 'deciding';
    this.#done = done;
    this.#body ??= this.#resident.whole();
    this.#resident.release();
    if (this.#o.phases.has('data_spool') && !this.#isOurs) this.#runBatchHooks();
    else this.#decideFrom(0);
  }

  /** The client vanished, or the message is refused. Nothing of it stays, unless it is already being made durable. */
  abort(): void {
    if (this.#state === 'committing' || this.#state === 'over') return;
    this.#discardSinks();
    this.#answer(new IntakeError('aborted'));
  }

  #drained(part: Part): void {
    if (!part.isFull) return;
    part.isFull = false;
    if (!this.#parts.some((other) => other.isFull)) this.onDrain?.();
  }

  #runBatchHooks(): void {
    this.#o.phases.run(this.#view('data_spool', undefined), (verdict, module) => {
      if (this.#state !== 'deciding') return;
      if (this.#isRefused(verdict, module)) return;
      if (verdict.kind === 'discard') {
        this.#discardSinks();
        this.#answer();
        return;
      }
      this.#decideFrom(0);
    });
  }

  /** Refuses the message when the verdict says so. In the phases of one recipient too: the one reply belongs to all of them. */
  #isRefused(verdict: Verdict, module: string): boolean {
    if (verdict.kind === 'reject') this.#refuse(new IntakeError('refused', { reply: verdict.reply, module }));
    else if (verdict.kind === 'disconnect')
      this.#refuse(new IntakeError('disconnected', verdict.reply === undefined ? { module } : { reply: verdict.reply, module }));
    else return false;
    return true;
  }

  /** Runs the hooks of each recipient from `start` on, one after the other, then goes on to the last look. */
  #decideFrom(start: number): void {
    const { phases, bindings } = this.#o;
    if (start === 0 && bindings.wish !== undefined) {
      const { context, connection } = this.#head;
      const wish = bindings.wish({ context, remoteIp: connection.remoteIp, body: this.#body });
      if (wish !== undefined) for (const recipient of this.recipients) recipient.setBindingOrGroup(wish);
    }
    const count = phases.has('data_spool_each_rcpt') || phases.has('set_binding') ? this.recipients.length : 0;
    for (let i = start; i < count; i++) {
      let isSameTurn = true;
      let isDecided = false;
      this.#decideOne(this.recipients[i] as IncomingRecipient, () => {
        isDecided = true;
        if (!isSameTurn) this.#decideFrom(i + 1);
      });
      isSameTurn = false;
      if (!isDecided) return;
    }
    if (this.#state === 'deciding') this.#validate();
  }

  #decideOne(recipient: IncomingRecipient, decided: () => void): void {
    const assign = (): void =>
      this.#o.phases.run(this.#view('set_binding', recipient), (verdict, module) => {
        // Refused, a notice would be made again and again, and the failure it tells of never believed.
        if (this.#state === 'deciding' && (this.#isOurs || !this.#isRefused(verdict, module))) decided();
      });
    if (this.#isOurs) {
      assign();
      return;
    }
    this.#o.phases.run(this.#view('data_spool_each_rcpt', recipient), (verdict, module) => {
      if (this.#state !== 'deciding') return;
      // A refusal for a while cannot be told to one recipient only: whoever sends must try all of them again.
      if (verdict.kind === 'reject' && verdict.reply.code >= 500) recipient.refusal = { reply: verdict.reply, module };
      else if (this.#isRefused(verdict, module)) return;
      recipient.isDiscarded = verdict.kind === 'discard' || recipient.refusal !== undefined;
      if (recipient.isDiscarded) decided();
      else assign();
    });
  }

  /** A notice of our own: policy may choose how it leaves, but must not judge it. */
  get #isOurs(): boolean {
    return this.#head.protocol === 'internal';
  }

  /** The last look before the disk: is anyone left, and may what is left lie in the default binding? */
  #validate(): void {
    const refused = this.recipients.filter((recipient) => recipient.refusal !== undefined);
    if (this.recipients.every(isDiscarded)) {
      const [first] = refused;
      if (first?.refusal !== undefined) {
        this.#refuse(new IntakeError('refused', first.refusal));
        return;
      }
      this.#discardSinks();
      this.#answer();
      return;
    }
    if (this.#o.bindings.isDefaultForbidden && !this.#isOurs && this.#parts.some(needsDefaultBinding)) {
      this.#refuse(new IntakeError('no-binding'));
      return;
    }
    if (refused.length > 0) this.#tellOfRefused(refused, () => this.#store());
    else this.#store();
  }

  /** The notice is durable before the client hears yes: one of the two sides always knows of a recipient that was refused. */
  #tellOfRefused(refused: readonly IncomingRecipient[], done: () => void): void {
    const { tell } = this.#o;
    if (tell === undefined) {
      done();
      return;
    }
    const recipients = refused.flatMap((recipient) =>
      recipient.refusal ? [recipient.told(recipient.refusal.reply, recipient.refusal.module)] : [],
    );
    tell(this.#notice('failed', recipients), (error) => {
      if (this.#state !== 'deciding') return;
      if (error === undefined) done();
      else this.#refuse(new IntakeError('storage', { cause: error }));
    });
  }

  #notice(action: DoorNotice['action'], recipients: DoorNotice['recipients']): DoorNotice {
    const { batchId, receivedAt } = this;
    return { action, head: this.#head, batchId, receivedAt, recipients, original: this.#kept?.whole() ?? this.#body };
  }

  #store(): void {
    if (this.#kept?.isChanged === true || (this.#o.stores.length > 0 && this.recipients.some(isRewritten))) this.#writeAnew();
    else this.#sign();
  }

  /** Modules changed the message, or who receives it: it is written again, and what was written while it came is given up. */
  #writeAnew(): void {
    const whole = this.#kept?.whole();
    if (whole === undefined) {
      this.#refuse(new IntakeError('too-large-to-change'));
      return;
    }
    this.#discardSinks();
    this.#body = this.#o.resident.perMessage >= whole.length ? whole : undefined;
    this.#size = whole.length;
    this.#parts = splitByStore(this.#o, this.recipients);
    if (this.#signing !== undefined) {
      this.#signing = this.#o.signer?.()?.begin();
      this.#signing?.append(whole);
    }
    refill(
      this.#parts,
      whole,
      () => this.#state === 'deciding',
      () => this.#sign(),
    );
  }

  /** Signatures go on top of what leaves this host; whoever vanishes meanwhile leaves no message. */
  #sign(): void {
    const signing = this.#signing;
    this.#signing = undefined;
    const part = this.#parts.find(({ isSpool }) => isSpool);
    const recipients = part?.recipients.filter((recipient) => !recipient.isDiscarded) ?? [];
    if (signing === undefined || part === undefined || recipients.length === 0) {
      this.#commit();
      return;
    }
    const { context, sender, connection } = this.#head;
    const about = { batchId: this.batchId, sender, context, recipients, localName: connection.localName ?? '', top: this.#top };
    signing.finish(about, (fields) => {
      if (this.#state !== 'deciding') return;
      if (fields.length > 0) this.#top = Buffer.concat([fields, this.#top]);
      this.#commit();
    });
  }

  #commit(): void {
    this.#state = 'committing';
    if (this.#top.length > 0) {
      for (const part of this.#parts) part.prepend?.(this.#top);
      if (this.#body !== undefined) this.#body = Buffer.concat([this.#top, this.#body]);
    }
    this.#commitPart(0);
  }

  #commitPart(index: number): void {
    const part = this.#parts[index];
    if (part === undefined) {
      this.#answer();
      return;
    }
    const kept = part.recipients.some(isDiscarded) ? part.recipients.filter((recipient) => !recipient.isDiscarded) : part.recipients;
    if (kept.length === 0) {
      part.sink.abort();
      this.#commitPart(index + 1);
      return;
    }
    const envelope = this.#envelope(kept, part.isSpool ? this.#size + this.#top.length : this.#size);
    part.sink.commit(envelope, (error) => {
      if (error instanceof StoreRefusal) {
        for (const later of this.#parts.slice(index + 1)) later.sink.abort();
        this.#answer(new IntakeError('refused', { reply: error.reply }));
        return;
      }
      if (error !== undefined) {
        // Without the message's id, which the reject record has: a full disk says the same for thousands, and is written once.
        this.#o.panic.log('ERROR', 'FD', `mail is refused because it is not stored: ${error.message}`);
        for (const later of this.#parts.slice(index + 1)) later.sink.abort();
        this.#answer(new IntakeError('storage', { cause: error }));
        return;
      }
      this.#handOver(envelope, part.isSpool);
      if (!part.isSpool && this.#o.tell !== undefined) this.#tellOfSuccess(kept);
      this.#commitPart(index + 1);
    });
  }

  /** The message is durable, so the answer is yes whatever happens here: what fails is told, and the next start finds the message. */
  #handOver(envelope: Envelope, isSpooled: boolean): void {
    try {
      this.#o.received(envelope);
      if (isSpooled) this.#o.accepted.accepted(envelope, this.#body);
    } catch (error) {
      const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#o.panic.log('CRITICAL', 'ERROR', `message ${this.batchId} is stored but was not taken over: ${cause}`);
    }
  }

  /** NOTIFY=SUCCESS: the message is in mailboxes of this host, so nobody else will say so. */
  #tellOfSuccess(kept: readonly IncomingRecipient[]): void {
    const told = kept.filter(({ wantsSuccess }) => wantsSuccess);
    if (told.length === 0 || this.#head.sender === '') return;
    const recipients = told.map((recipient) => recipient.told(IN_MAILBOX));
    this.#o.tell?.(this.#notice('delivered', recipients), (error) => {
      if (error !== undefined) this.#o.panic.log('ERROR', 'SMTP', `no notice of success for message ${this.batchId}: ${error.message}`);
    });
  }

  #refuse(error: IntakeError): void {
    this.#discardSinks();
    this.#answer(error);
  }

  #discardSinks(): void {
    for (const part of this.#parts) part.sink.abort();
  }

  #answer(error?: IntakeError): void {
    this.#state = 'over';
    this.#resident.release();
    this.#kept?.release();
    // Whoever still holds this object holds no more than it: parts, sinks and closures would otherwise grow old with it.
    this.#body = undefined;
    this.#signing = undefined;
    this.onDrain = undefined;
    this.#parts = NO_PARTS;
    const done = this.#done;
    this.#done = undefined;
    if (error === undefined) done?.(undefined, this.batchId);
    else done?.(error);
  }

  #view(phase: HookView['phase'], recipient: IncomingRecipient | undefined): HookView {
    const head = this.#head;
    const transaction = { sender: head.sender, senderDomain: head.senderDomain, recipientCount: this.recipients.length };
    return { phase, context: head.context, connection: head.connection, transaction, recipient, message: this.view() };
  }

  #envelope(recipients: readonly IncomingRecipient[], size: number): Envelope {
    const { connection, context, ret, envid, body, smtpUtf8, pathway, terms } = this.#head;
    const { excludedConnection, excludedMessage } = this.#o;
    const envelope: Envelope = {
      batchId: this.batchId,
      connectionId: connection.id,
      sender: this.#head.sender,
      recipients: recipients.map((recipient) => recipient.stored()),
      receivedAt: this.receivedAt,
      size,
      remoteIp: connection.remoteIp,
      remotePort: connection.remotePort,
      protocol: this.#head.protocol,
      helo: connection.helo,
      contextConnection: storedContext(context.connection, excludedConnection),
      contextMessage: storedContext(context.message, excludedMessage),
    };
    this.#o.note?.(this.#body, envelope.contextMessage);
    if (ret !== undefined) envelope.ret = ret;
    if (envid !== undefined) envelope.envid = envid;
    if (body !== undefined) envelope.body = body;
    if (smtpUtf8 !== undefined) envelope.smtpUtf8 = smtpUtf8;
    if (pathway !== undefined) envelope.pathway = pathway;
    if (terms !== undefined) Object.assign(envelope, terms);
    return envelope;
  }
}

function isRewritten(recipient: IncomingRecipient): boolean {
  return recipient.isRewritten && !recipient.isDiscarded;
}

function isDiscarded(recipient: IncomingRecipient): boolean {
  return recipient.isDiscarded;
}

function needsDefaultBinding(part: Part): boolean {
  return part.isSpool && part.recipients.some((recipient) => !recipient.isDiscarded && recipient.binding === DEFAULT_BINDING);
}
