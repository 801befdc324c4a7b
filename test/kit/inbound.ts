/**
 * A session without a network: bytes in, replies out, messages in an array, time by hand.
 *
 * The one rule: everything is the real thing but the socket, the disk, the clock and the queue.
 * Not here: loopback sockets (the service's own tests).
 */
import { Duplex } from 'node:stream';
import { Authenticator } from '#auth';
import { ManualClock, MessageIdSource, parseIp, systemRandom, TimerWheel, type IpAddress } from '#base';
import { PhaseRunner, type BodySink, type MailboxStore, type ValidationModule } from '#hooks';
import { EsmtpSession, sessionRulesOf, type OptionRecord, type Pressure, type SessionPorts } from '#inbound';
import {
  EDITABLE_BYTES,
  EDITABLE_TOTAL_BYTES,
  Intake,
  receptionRecorder,
  ResidentBudget,
  type BindingPort,
  type DoorNoticePort,
  type SpoolPort,
} from '#intake';
import type { Envelope } from '#mail';
import { Connection, TlsContexts } from '#net';
import type { CounterName, MailRecord } from '#observe';

export interface StoredMessage {
  readonly envelope: Envelope;
  readonly text: string;
}

/** A spool in memory that can be told to fail, to be full, or to answer only when asked. */
export class FakeSpool implements SpoolPort {
  readonly stored: StoredMessage[] = [];
  readonly drafts: FakeDraft[] = [];
  aborted = 0;
  failWith: Error | undefined;
  /** Commits wait until `answerAll`. */
  isSlow = false;
  /** Drafts ask to wait after this many bytes. */
  highBytes = Number.POSITIVE_INFINITY;
  readonly #waiting: (() => void)[] = [];

  openDraft(): FakeDraft {
    const draft = new FakeDraft(this);
    this.drafts.push(draft);
    return draft;
  }

  finish(envelope: Envelope, bytes: Buffer, done: (error?: Error) => void): void {
    const act = (): void => {
      if (this.failWith === undefined) this.stored.push({ envelope, text: bytes.toString('latin1') });
      done(this.failWith);
    };
    if (this.isSlow) this.#waiting.push(act);
    else act();
  }

  answerAll(): void {
    for (const act of this.#waiting.splice(0)) act();
  }
}

export class FakeDraft implements BodySink {
  onDrain: (() => void) | undefined;
  isOver = false;
  readonly #spool: FakeSpool;
  readonly #chunks: Buffer[] = [];
  #waitingBytes = 0;

  constructor(spool: FakeSpool) {
    this.#spool = spool;
  }

  append(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#waitingBytes += chunk.length;
    return this.#waitingBytes <= this.#spool.highBytes;
  }

  prepend(bytes: Buffer): void {
    this.#chunks.unshift(bytes);
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  drain(): void {
    this.#waitingBytes = 0;
    this.onDrain?.();
  }

  commit(envelope: Envelope, done: (error?: Error) => void): void {
    this.isOver = true;
    this.#spool.finish(envelope, Buffer.concat(this.#chunks), done);
  }

  abort(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#spool.aborted++;
  }
}

/** The server's end of a connection in memory. */
export class FakeStream extends Duplex {
  said = '';
  writes = 0;
  isEnded = false;
  /** When set, writes stay unfinished: the peer does not read. */
  isStuck = false;
  #stuck: (() => void)[] = [];

  constructor() {
    super({ allowHalfOpen: true, highWaterMark: 16_384 });
  }

  override _read(): void {
    // Bytes come by push from the test.
  }

  /** Reads are lent, as they are by a socket in service: what is kept of one uncopied is found to be spoilt. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const [chunk] = args;
    if (event !== 'data' || !Buffer.isBuffer(chunk)) return super.emit(event, ...args);
    const lent = Buffer.from(chunk);
    const isHeard = super.emit(event, lent);
    lent.fill('\r\n.');
    return isHeard;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.said += chunk.toString('latin1');
    this.writes++;
    if (this.isStuck) this.#stuck.push(done);
    else done();
  }

  override _final(done: () => void): void {
    this.isEnded = true;
    done();
  }

  unstick(): void {
    this.isStuck = false;
    for (const done of this.#stuck.splice(0)) done();
  }
}

export interface WorldOptions {
  readonly options?: OptionRecord;
  readonly modules?: readonly ValidationModule[];
  readonly stores?: readonly MailboxStore[];
  readonly bindings?: BindingPort;
  readonly blackholed?: readonly string[];
  readonly resident?: ResidentBudget;
  readonly mailLoop?: { readonly receivedMax: number; readonly code: number | undefined };
  readonly editable?: ResidentBudget;
  readonly tell?: DoorNoticePort;
  readonly timer?: SessionPorts['timer'];
  /** A spool in place of the one in memory. */
  readonly durable?: SpoolPort;
}

export const NO_BINDINGS: BindingPort = { hasBinding: () => false, chooseFromGroup: () => undefined, isDefaultForbidden: false };

/** What all sessions of a test share. */
export class World {
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel({ clock: this.clock });
  readonly spool = new FakeSpool();
  readonly records: MailRecord[] = [];
  readonly panics: string[] = [];
  readonly counts = new Map<CounterName, number>();
  readonly accepted: { envelope: Envelope; body: Buffer | undefined }[] = [];
  readonly ports: SessionPorts;
  readonly intake: Intake;
  options: OptionRecord;
  version = 1;
  reloads = 0;
  /** Options of peers that have their own. */
  readonly optionsByIp = new Map<string, OptionRecord>();
  /** Extensions that other listeners list. */
  elsewhere: string[] = [];
  pressure: Pressure = 'ok';
  /** Messages that Inbound_Throttle_Messages would still let in, where it is set. */
  room = Number.POSITIVE_INFINITY;

  constructor(o: WorldOptions = {}) {
    this.options = o.options ?? { relayDomains: ['here.test'], relayHosts: ['127.0.0.0/8'] };
    const panic = { log: (level: string, subsystem: string, text: string) => this.panics.push(`${level} ${subsystem} ${text}`) };
    const phases = new PhaseRunner({ modules: o.modules ?? [], wheel: this.wheel, panic });
    const counters = { add: (name: CounterName, n = 1) => void this.counts.set(name, (this.counts.get(name) ?? 0) + n) };
    const records = { record: (r: MailRecord) => void this.records.push(r) };
    this.intake = new Intake({
      ids: new MessageIdSource({ instance: 7, clock: this.clock, lastSlot: 0, persistSlot: () => undefined }),
      clock: this.clock,
      spool: o.durable ?? this.spool,
      stores: o.stores ?? [],
      accepted: { accepted: (envelope, body) => void this.accepted.push({ envelope, body }) },
      phases,
      bindings: o.bindings ?? NO_BINDINGS,
      resident: o.resident ?? new ResidentBudget(),
      editable: o.editable ?? new ResidentBudget({ perMessage: EDITABLE_BYTES, total: EDITABLE_TOTAL_BYTES }),
      panic,
      ...(o.tell === undefined ? {} : { tell: o.tell }),
      received: receptionRecorder({ records, counters, clock: this.clock }),
    });
    this.ports = {
      intake: this.intake,
      phases,
      stores: o.stores ?? [],
      records,
      counters,
      panic,
      clock: this.clock,
      wheel: this.wheel,
      version: () => this.version,
      reloads: () => this.reloads,
      pressure: () => this.pressure,
      mailLoop: () => o.mailLoop,
      ...(o.timer === undefined ? {} : { timer: o.timer }),
      throttle: { hasRoom: () => this.room > 0, take: () => this.room-- > 0 },
      isBlackholed: (domain) => o.blackholed?.includes(domain) === true,
      auth: new Authenticator({
        clock: this.clock,
        random: systemRandom,
        panic,
        hostname: 'mx.here.test',
        modules: { services: () => phases.authentication, wheel: this.wheel },
      }),
      isOfferedElsewhere: (word) => this.elsewhere.includes(word),
      tls: new TlsContexts({ mono: () => this.clock.mono(), panic }),
      hostname: 'mx.here.test',
      product: 'Impetus 0.1.0',
    };
  }

  /** Moves time and runs what is due. */
  advance(ms: number): void {
    this.clock.advance(ms);
    this.wheel.advance();
  }

  /** A session that was greeted. */
  async connect(from = '192.0.2.7'): Promise<FakeClient> {
    const client = this.dial(from);
    await settle();
    client.take();
    return client;
  }

  /** A session just begun: nothing was read or said yet but what comes at once. */
  dial(from = '192.0.2.7'): FakeClient {
    const stream = new FakeStream();
    const rules = sessionRulesOf(this.optionsByIp.get(from) ?? this.options);
    const connection = new Connection({ stream, wheel: this.wheel, mono: () => this.clock.mono(), idleMs: rules.idleMs });
    const client = new FakeClient(stream);
    client.session = new EsmtpSession({
      ports: this.ports,
      rules,
      connection,
      remote: { ip: parseIp(from) as IpAddress, text: from, port: 4025 },
      own: () => ({ ip: '192.0.2.1', port: 25 }),
      listen: ':25',
      rulesFor: (ip) => sessionRulesOf(this.optionsByIp.get(ip.text) ?? this.options),
      ended: () => {
        client.isGone = true;
      },
    });
    client.session.start();
    return client;
  }
}

export class FakeClient {
  readonly stream: FakeStream;
  session!: EsmtpSession;
  isGone = false;

  constructor(stream: FakeStream) {
    this.stream = stream;
  }

  get isEnded(): boolean {
    return this.stream.isEnded || this.stream.destroyed;
  }

  /** What was said since the last time. */
  take(): string {
    const { said } = this.stream;
    this.stream.said = '';
    return said;
  }

  /** Sends bytes in one piece and takes what is answered at once. Each line of `text` is given with its CRLF. */
  say(text: string): string {
    this.stream.push(Buffer.from(text, 'latin1'));
    return this.take();
  }

  /** Sends each line with CRLF and takes all answers. */
  lines(...lines: readonly string[]): string {
    return this.say(lines.map((line) => `${line}\r\n`).join(''));
  }

  /** The client ends its side. */
  hangUp(): void {
    this.stream.push(null);
  }
}

/** Lets what was scheduled for the end of this turn happen. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The codes of replies, continuation lines left out: "250 354 250". */
export function codes(said: string): string {
  return [...said.matchAll(/^(\d{3}) /gm)].map((match) => match[1]).join(' ');
}
