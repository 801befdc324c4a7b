/**
 * One ESMTP session: bytes become commands, commands become calls of the verbs, and the verbs speak through here.
 *
 * The one rule: one thing at a time. While a verb waits for an answer (modules, the disk), what the client sends stays unread;
 * when the answer comes, the work goes on in the same turn, and all replies of a turn leave in one write. An exception ends
 * this session with 421 and a line in the panic log, and nothing else.
 * Bounds: one unread chunk of input, one command line (#smtp), `WASTED_BYTES_MAX` octets of bodies begun and given up.
 * Not here: the meaning of a verb (verbs/), what TLS does to the session (session-tls.ts).
 * Truth: RFC 5321; sections 7 and 8 of the rules; attacks A17 to A31, A58 to A60, A68.
 */
import type { IpAddress } from '#base';
import { CONTINUE, ValidationContext, type Phase, type Verdict } from '#hooks';
import type { CloseReason, Connection, ConnectionOwner, TlsFacts } from '#net';
import { contextPairs } from '#observe';
import { formatReply, greeting, LineReader, parseCommand, replies, replyText, type Command, type CommandFault, type Reply } from '#smtp';
import { BodyIntake } from './body-intake.ts';
import { ConnectionFacts, type OwnEnd } from './connection-facts.ts';
import { dispatch } from './dispatch.ts';
import { setOwnContext } from './identity.ts';
import { greetingDate } from './trace.ts';
import type { SessionPorts } from './ports.ts';
import type { ReceptionState } from './reception-state.ts';
import { tellLost, tellRejected, type TimedTransaction } from './reception-timing.ts';
import type { SessionRules } from './session-rules.ts';
import type { InboundLine, PhaseView, RefuseOptions, Session, Settle } from './session-types.ts';
import { beginTls, tlsKeys } from './session-tls.ts';
import { Transaction } from './transaction.ts';

/** Octets of bodies that a client may begin and give up (BDAT and RSET) on one connection before it is shown out (A22). */
const WASTED_BYTES_MAX = 256 * 1024 * 1024;

/** Octets of a body that count as progress: a client must send as many within each idle time (A58). */
const BODY_PROGRESS_BYTES = 1024;

export interface SessionOptions {
  readonly ports: SessionPorts;
  readonly rules: SessionRules;
  readonly connection: Connection;
  /** `text` is '' on a Unix socket, which counts as the loopback address. */
  readonly remote: { readonly ip: IpAddress; readonly text: string; readonly port: number };
  readonly own: () => OwnEnd;
  /** The address of the Listen stanza. */
  readonly listen: string;
  /** The rules of a client at another address on the same listener. */
  readonly rulesFor: (ip: IpAddress) => SessionRules;
  /** Told once, when the connection is gone. */
  readonly ended: (session: EsmtpSession) => void;
}

export class EsmtpSession implements Session, ConnectionOwner {
  readonly ports: SessionPorts;
  rules: SessionRules;
  readonly facts: ConnectionFacts;
  readonly context = new ValidationContext();
  readonly transaction = new Transaction();
  readonly body = new BodyIntake();
  readonly hostname: string;
  state: ReceptionState = 'just connected';
  timed: TimedTransaction | undefined;
  dialogue: ((line: string | CommandFault) => void) | undefined;
  readonly #connection: Connection;
  readonly #reader = new LineReader();
  readonly #ended: (session: EsmtpSession) => void;
  #version: number;
  readonly #reloads: number;
  /** The rules of the configuration for this client as they stood when it came; `rules` may be a blend of two (XCLIENT). */
  #standing: SessionRules;
  readonly #listen: string;
  readonly rulesFor: (ip: IpAddress) => SessionRules;
  #isSecured = false;
  /** What was known before the client said anything: all that is left of the context when TLS begins. */
  #greetedWith: readonly (readonly [string, string])[] | undefined;
  #waits = 0;
  #isHeld = false;
  #isGreeted = false;
  #isOver = false;
  #isInputOver = false;
  #isDraining = false;
  #uncounted = 0;
  #wasted = 0;
  readonly #begunAt: number;

  constructor(o: SessionOptions) {
    this.ports = o.ports;
    this.rules = o.rules;
    this.#connection = o.connection;
    this.#ended = o.ended;
    this.#version = o.ports.version();
    this.#reloads = o.ports.reloads();
    this.#standing = o.rules;
    this.#listen = o.listen;
    this.#begunAt = o.ports.clock.mono();
    this.rulesFor = o.rulesFor;
    this.hostname = o.rules.bannerHostname ?? o.ports.hostname;
    this.facts = new ConnectionFacts({ id: o.ports.intake.nextId(), remote: o.remote, own: o.own, localName: o.ports.hostname });
    this.body.onRoom = () => this.#work(() => this.#proceed());
  }

  get unread(): number {
    return this.#reader.unread;
  }

  get isStale(): boolean {
    const version = this.ports.version();
    if (version === this.#version) return false;
    // Rules are one object as long as nothing in their chain (global, pathway, listener, listen, peer) has changed.
    if (this.ports.reloads() !== this.#reloads || this.rulesFor(this.facts.ip) !== this.#standing) return true;
    this.#version = version;
    return false;
  }

  /** Whether nothing is going on: no transaction, no answer awaited. */
  get isIdle(): boolean {
    return this.#waits === 0 && !this.transaction.isOpen;
  }

  get isSecured(): boolean {
    return this.#isSecured;
  }

  /** Begins: contexts, modules of accept and connect, the greeting. */
  start(): void {
    const { rules } = this;
    this.#connection.start(this);
    this.#work(() => (rules.tls.useSsl ? this.secure() : this.#welcome()));
  }

  /** Contexts of a connection as it begins, then whether it is welcome. */
  #welcome(): void {
    setOwnContext(this);
    this.introduce(() => this.greet());
  }

  introduce(go: () => void): void {
    this.runPhase('accept', {}, (isAccepted) => {
      if (!isAccepted) {
        this.#close();
        return;
      }
      this.runPhase('connect', {}, (isWelcome) => (isWelcome ? go() : this.#close()));
    });
  }

  adopt(rules: SessionRules): void {
    this.rules = rules;
    this.#standing = this.rulesFor(this.facts.ip);
    this.#connection.setIdle(rules.idleMs);
  }

  /** Refuses the connection before any greeting. */
  turnAway(reply: Reply): void {
    this.#connection.start(this);
    this.#work(() => this.refuse(reply, { close: true, state: 'concurrency limit' }));
  }

  /** The service stops: an idle session hears so at once, another one after its transaction. */
  drain(): void {
    this.#isDraining = true;
    this.#work(() => this.#proceed());
  }

  /** The time for going is over. */
  cut(): void {
    this.#work(() => this.sayLast(replies.shuttingDown));
  }

  // --- what verbs may do ---

  say(reply: Reply): void {
    this.#connection.write(formatReply(reply, this.rules.offered.enhancedCodes));
  }

  sayLast(reply: Reply): void {
    this.say(reply);
    this.#close();
  }

  part(reply: Reply): void {
    this.say(reply);
    this.timed = undefined;
    // What came behind the goodbye would make the kernel take the reply back.
    this.#connection.end(this.unread === 0);
  }

  closeNow(): void {
    this.#close();
  }

  refuse(reply: Reply, o: RefuseOptions = {}): void {
    this.say(reply);
    const { facts, rules, context } = this;
    this.ports.counters.add('rejections');
    this.ports.records.record({
      kind: 'J',
      at: this.ports.clock.now(),
      remoteIp: facts.remoteIp,
      remotePort: facts.remotePort,
      localIp: facts.localIp,
      localPort: facts.localPort,
      connectionId: facts.id,
      pathway: rules.pathway,
      pathwayGroup: rules.pathwayGroup,
      phase: o.state ?? this.state,
      code: reply.code,
      module: o.module ?? '',
      contextConnection: contextPairs(context.connection),
      contextMessage: contextPairs(context.message),
      text: replyText(reply),
    });
    tellRejected(this, o.state ?? this.state, o.isAbandoned === true);
    if (o.close !== true) return;
    this.timed = undefined;
    this.#close();
  }

  notOffered(word: string): Reply {
    return this.ports.isOfferedElsewhere(word) ? replies.notForYou : replies.unrecognizedCommand;
  }

  secure(word?: Reply): void {
    this.later((settle) => {
      beginTls({ session: this, connection: this.#connection, listen: this.#listen, word }, (facts) =>
        settle(() => {
          if (facts !== undefined) this.#secured(facts, word === undefined);
        }),
      );
    });
  }

  /** The handshake is done: what was said in clear is forgotten (RFC 3207 section 4.2, attack A37). */
  #secured(tls: TlsFacts, isFirstWord: boolean): void {
    const { context, facts, rules } = this;
    this.#isSecured = true;
    if (rules.tls.injection !== 'allow') this.#reader.clear();
    this.resetTransaction();
    context.connection.clear();
    for (const [key, value] of this.#greetedWith ?? []) context.setConnection(key, value);
    this.#greetedWith = undefined;
    facts.helo = '';
    facts.isEsmtp = false;
    facts.authUser = '';
    for (const [key, value] of tlsKeys(tls)) context.setConnection(key, value);
    if (tls.isClientVerified && rules.tls.verifiedPeerCanRelay) context.setConnection('can_relay', 'true');
    if (isFirstWord) this.#welcome();
    else this.state = 'awaiting ehlo/helo';
  }

  later(work: (settle: Settle) => void): void {
    const wait = { isSameTurn: true, isSettled: false };
    this.#waits++;
    work((act) => {
      if (wait.isSettled) return;
      wait.isSettled = true;
      if (this.#isOver) return;
      if (wait.isSameTurn) {
        act();
        this.#waits--;
        return;
      }
      this.#work(() => {
        act();
        this.#waits--;
        this.#connection.progress();
        this.#proceed();
      });
    });
    wait.isSameTurn = false;
  }

  /** The session as one line of a listing. */
  get line(): InboundLine {
    const { id, remoteIp, remotePort, helo, authUser, messages } = this.facts;
    const seconds = (this.ports.clock.mono() - this.#begunAt) / 1000;
    return { id, listen: this.#listen, remoteIp, remotePort, helo, authUser, messages, state: this.state, seconds };
  }

  runPhase(phase: Phase, view: PhaseView, go: (isAccepted: boolean, verdict: Verdict) => void): void {
    if (!this.ports.phases.has(phase)) {
      go(true, CONTINUE);
      return;
    }
    const { transaction, context, facts } = this;
    const { sender, senderDomain } = transaction;
    const transactionView = { sender, senderDomain, recipientCount: transaction.recipients.length };
    this.later((settle) => {
      this.ports.phases.run({ phase, context, connection: facts, transaction: transactionView, ...view }, (verdict, module) => {
        settle(() => go(this.#isAllowed(verdict, module), verdict));
      });
    });
  }

  resetTransaction(): void {
    this.timed = undefined;
    this.#wasted += this.body.abandonedSize;
    this.body.drop();
    this.transaction.reset();
    this.context.resetMessage();
    if (this.#wasted > WASTED_BYTES_MAX) this.refuse(replies.resourcesExceeded, { close: true });
  }

  // --- what the connection tells ---

  data(chunk: Buffer): void {
    this.#guard(() => {
      if (!this.#isGreeted) this.context.setConnection('early_talker', 'true');
      this.#reader.feed(chunk);
      this.#proceed();
    });
    this.#reader.keep();
  }

  drained(): void {
    this.#guard(() => this.#proceed());
  }

  ended(): void {
    this.#isInputOver = true;
    this.#guard(() => {
      // Nobody hears what modules decide now; a message that is already being made durable still gets its reply.
      this.body.draft?.abort();
      if (this.#waits === 0) this.#close();
    });
  }

  idle(): void {
    if (this.#waits > 0) return;
    this.#guard(() => this.refuse(replies.idleTimeout, { close: true }));
  }

  closed(_reason: CloseReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    tellLost(this);
    this.body.onRoom = undefined;
    this.body.drop();
    this.#ended(this);
  }

  // --- inside ---

  greet(): void {
    this.state = 'sending banner';
    this.#isGreeted = true;
    if (this.rules.offered.startTls && !this.#isSecured) this.#greetedWith = [...this.context.connection];
    const { staticBanner } = this.rules;
    if (staticBanner === undefined) {
      const { product, clock } = this.ports;
      this.say(greeting({ host: this.hostname, product, date: greetingDate(clock.now()) }));
    } else {
      this.#connection.write(`${staticBanner.replace(LINE_BREAKS, ' ')}\r\n`);
    }
    this.state = 'awaiting ehlo/helo';
  }

  /** Works on what was read, until something must be waited for. */
  #proceed(): void {
    const connection = this.#connection;
    while (this.#waits === 0 && this.#isGreeted && connection.isOpen && !connection.isCongested) {
      if (!(this.body.isReading ? this.#readBody() : this.#readLine())) break;
    }
    if (this.#isInputOver && this.#waits === 0) this.#close();
    else if (this.#isDraining && this.#isGreeted && this.isIdle) this.sayLast(replies.shuttingDown);
    this.#hold(this.body.isFull || ((this.#waits > 0 || !this.#isGreeted) && this.#reader.unread > 0));
  }

  #readLine(): boolean {
    const line = this.#reader.next();
    if (line === undefined) return false;
    this.#connection.progress();
    const { dialogue } = this;
    if (dialogue !== undefined) dialogue(line);
    else dispatch(this, typeof line === 'string' ? this.#parse(line) : line);
    return true;
  }

  /** Gives what was read to the body; what is left behind its end is commands again. */
  #readBody(): boolean {
    if (this.body.isFull || this.#reader.unread === 0) return false;
    const bytes = this.#reader.takeRest();
    const used = this.body.push(bytes);
    this.#uncounted += used;
    if (this.#uncounted >= BODY_PROGRESS_BYTES || !this.body.isReading) {
      this.#uncounted = 0;
      this.#connection.progress();
    }
    if (used < bytes.length) this.#reader.feed(bytes.subarray(used));
    this.#connection.readsMany = this.body.isStreaming;
    if (this.body.isHopeless) this.refuse(this.body.failure ?? replies.bodyReadError, { close: true });
    return true;
  }

  #parse(line: string): Command | CommandFault {
    const { offered } = this.rules;
    return parseCommand(
      line,
      this.facts.helo !== '' && !this.facts.isEsmtp ? offered.afterHelo : this.#isSecured ? offered.afterEhloSecured : offered.afterEhlo,
      this.transaction.parameters.smtpUtf8 === true,
    );
  }

  #isAllowed(verdict: Verdict, module: string): boolean {
    switch (verdict.kind) {
      case 'reject':
        this.refuse(verdict.reply, { module, close: verdict.reply.code === 421 });
        return false;
      case 'disconnect':
        this.refuse(verdict.reply ?? replies.serviceUnavailable, { module, close: true });
        return false;
      default:
        return true;
    }
  }

  #hold(shouldHold: boolean): void {
    if (shouldHold === this.#isHeld) return;
    this.#isHeld = shouldHold;
    if (shouldHold) this.#connection.pause();
    else this.#connection.resume();
  }

  #close(): void {
    // A client that is shown out did not go by itself.
    if (!this.#isInputOver) this.timed = undefined;
    this.#connection.end();
  }

  /** Work that comes from elsewhere than the connection: one turn, one write. */
  #work(work: () => void): void {
    if (this.#isOver) return;
    this.#connection.turn(() => this.#guard(work));
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.ports.panic.log('CRITICAL', 'SMTP', `session ${this.facts.id} with ${this.facts.remoteIp} ended: ${cause}`);
      this.body.drop();
      this.say(replies.serviceUnavailable);
      this.#close();
    }
  }
}

const LINE_BREAKS = /[\r\n]+/g;
