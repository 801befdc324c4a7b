/*
 * Surroundings for the tests of this room: a scripted server on a real loopback socket, and a queue with everything around it faked.
 *
 * The one rule: loopback and port 0 only; what a test waits for is an event or a condition, never a time. It holds no test itself.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock, seededRandom, systemClock, TimerWheel, type Clock } from '#base';
import { LimitTable } from '#limits';
import type { Envelope, EnvelopeRecipient } from '#mail';
import type { MailRecord } from '#observe';
import { Queues, type NoticeFacts, type QueueNote, type SendingOptions } from '#queue';
import { Deliverer } from './deliverer.ts';
import type { ConnectPort, Dial, DnsPort, GlobalSendingOptions, MailPlan, PolicyPort, ShapingPort } from './ports.ts';
import type { TlsPort } from './session/tls.ts';
import { tcpConnect } from './tcp-connect.ts';
import type { MatchPort } from './transcode.ts';

export interface Peer {
  readonly number: number;
  readonly socket: Socket;
  /** Messages of this connection so far. */
  messages: number;
}

/** A line to answer (CRLF is added), `undefined` for the ordinary answer, or 'silence'. `close` ends behind the answer. */
export type Answer = string | undefined;

export interface ServerScript {
  /** Keywords of EHLO. */
  readonly extensions?: readonly string[];
  /** By verb: `banner`, `EHLO`, `MAIL`, `RCPT`, `DATA`, `.` (the end of the message), `BDAT`, `RSET`, `QUIT`, `STARTTLS`. */
  readonly answer?: (verb: string, line: string, peer: Peer) => Answer;
  /** Called after 220 to STARTTLS: wraps the socket. */
  readonly upgrade?: (socket: Socket, serve: (secured: Socket) => void) => void;
}

export const SILENCE = 'silence';
/** In an answer: the connection is closed behind it. */
export const CLOSE = '\0close';

export class FakeServer {
  readonly lines: string[] = [];
  /** What came, chunk by chunk, as text: shows what left in one write. */
  readonly chunks: string[] = [];
  readonly messages: { from: string; to: string[]; data: string; connection: number }[] = [];
  connections = 0;
  open = 0;
  mostOpen = 0;
  readonly #script: ServerScript;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(script: ServerScript) {
    this.#script = script;
  }

  get port(): number {
    return (this.#server!.address() as { port: number }).port;
  }

  async listen(): Promise<this> {
    this.#server = createServer((socket) => this.#accept(socket));
    await new Promise<void>((done) => this.#server?.listen(0, '127.0.0.1', done));
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server?.close(done));
  }

  #accept(socket: Socket): void {
    const peer: Peer = { number: this.connections, socket, messages: 0 };
    this.connections += 1;
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.open -= 1;
      this.#sockets.delete(socket);
    });
    this.#say(socket, this.#script.answer?.('banner', '', peer) ?? '220 fake ESMTP');
    this.#serve(socket, peer);
  }

  #say(socket: Socket, text: string): void {
    if (text === SILENCE) return;
    const isEnd = text.includes(CLOSE);
    const words = text.replace(CLOSE, '');
    if (words !== '') socket.write(`${words}\r\n`);
    if (isEnd) socket.end();
  }

  #serve(socket: Socket, peer: Peer): void {
    let bytes = Buffer.alloc(0);
    let state: 'lines' | 'data' | 'chunk' | 'deaf' = 'lines';
    let chunkLeft = 0;
    let chunks: Buffer[] = [];
    let isLast = false;
    let from = '';
    let to: string[] = [];
    const taken = (data: Buffer, verb: string): void => {
      const answer = this.#script.answer?.(verb, '', peer) ?? (to.length > 0 ? '250 2.0.0 taken' : '554 5.5.1 no valid recipients');
      if (answer.startsWith('2')) {
        peer.messages += 1;
        this.messages.push({ from, to, data: data.toString('latin1'), connection: peer.number });
      }
      from = '';
      to = [];
      this.#say(socket, answer);
    };
    const line = (text: string): void => {
      this.lines.push(text);
      const verb = text.split(' ')[0]?.toUpperCase() ?? '';
      if (verb === 'BDAT') {
        chunkLeft = Number(text.split(' ')[1]);
        isLast = text.toUpperCase().endsWith('LAST');
        state = 'chunk';
        return;
      }
      const scripted = this.#script.answer?.(verb, text, peer);
      if (verb === 'EHLO') {
        const words = ['fake.test', ...(this.#script.extensions ?? ['PIPELINING'])];
        this.#say(socket, scripted ?? words.map((word, i) => `250${i === words.length - 1 ? ' ' : '-'}${word}`).join('\r\n'));
      } else if (verb === 'MAIL') {
        const answer = scripted ?? (from === '' ? '250 ok' : '503 nested MAIL');
        if (answer.startsWith('2')) from = text;
        this.#say(socket, answer);
      } else if (verb === 'RCPT') {
        const answer = scripted ?? (from === '' ? '503 MAIL first' : '250 ok');
        if (answer.startsWith('2')) to.push(text);
        this.#say(socket, answer);
      } else if (verb === 'DATA') {
        const answer = scripted ?? (to.length > 0 ? '354 go on' : '554 no valid recipients');
        if (answer.startsWith('354')) state = 'data';
        this.#say(socket, answer);
      } else if (verb === 'RSET') {
        from = '';
        to = [];
        this.#say(socket, scripted ?? '250 flushed');
      } else if (verb === 'STARTTLS') {
        this.#say(socket, scripted ?? '220 go ahead');
        if (this.#script.upgrade !== undefined && (scripted ?? '220').startsWith('220')) {
          state = 'deaf';
          socket.removeAllListeners('data');
          this.#script.upgrade(socket, (secured) => this.#serve(secured, peer));
        }
      } else if (verb === 'QUIT') this.#say(socket, scripted ?? `221 bye${CLOSE}`);
      else this.#say(socket, scripted ?? '250 ok');
    };
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk.toString('latin1'));
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        // Whoever has closed reads nothing more.
        if (state === 'deaf' || socket.writableEnded) return;
        if (state === 'data') {
          const end = bytes.subarray(0, 3).equals(Buffer.from('.\r\n')) ? 0 : bytes.indexOf('\r\n.\r\n');
          if (end < 0) return;
          const isEmpty = end === 0 && bytes[0] === 46;
          const data = Buffer.from(bytes.subarray(0, isEmpty ? 0 : end + 2));
          bytes = bytes.subarray(isEmpty ? 3 : end + 5);
          state = 'lines';
          taken(data, '.');
        } else if (state === 'chunk') {
          const part = bytes.subarray(0, chunkLeft);
          chunks.push(Buffer.from(part));
          chunkLeft -= part.length;
          bytes = bytes.subarray(part.length);
          if (chunkLeft > 0) return;
          state = 'lines';
          if (!isLast) {
            this.#say(socket, this.#script.answer?.('BDAT', '', peer) ?? '250 chunk');
            continue;
          }
          const data = Buffer.concat(chunks);
          chunks = [];
          taken(data, 'BDAT');
        } else {
          const end = bytes.indexOf('\r\n');
          if (end < 0) return;
          const text = bytes.subarray(0, end).toString('latin1');
          bytes = bytes.subarray(end + 2);
          line(text);
        }
      }
    });
  }
}

export async function startServer(t: TestContext, script: ServerScript = {}): Promise<FakeServer> {
  const server = await new FakeServer(script).listen();
  t.after(() => server.close());
  return server;
}

const defaults: SendingOptions = {
  retryInterval: 1200,
  maxRetryInterval: 43_200,
  maxRetries: 'auto',
  messageExpiration: 86_400,
  neverRetry: false,
  neverAttemptExpiredMessages: false,
  suspendDelivery: false,
  blackhole: 'false',
  generateBounces: true,
  bouncesInlineOriginal: 'headers',
  generateDelayDsn: false,
  delayDsnRetryInterval: 3600,
  delayDsnMaxRetryInterval: 43_200,
  maxRecipientsPerBatch: 100,
  maxResidentActiveQueue: 250,
  dropBodyAfterTransFail: 3,
  delayedBindingDomainFuzz: 0,
  remoteSmtpPort: 25,
  lmtpPort: 2003,
  transform8bitmimeContent: 'no',
  xclient: 'no',
  deliveryMethod: 'ESMTP',
  ehloHostname: '__hostname__',
  maxOutboundConnections: 32,
  serverMaxOutboundConnections: 20_000,
  connectionAllocationAggressiveness: 'normal',
  maxDeliveriesPerConnection: 0,
  maxRecipientsPerConnection: 0,
  idleTimeout: 5,
  connectTimeout: 300,
  ehloTimeout: 300,
  mailfromTimeout: 300,
  rcpttoTimeout: 300,
  bodyTimeout: 600,
  rsetTimeout: 30,
  hostFailureRetry: 120,
  mxFailuresToDelay: 50,
  connectTimeoutToDelay: 900,
  mxFailuresFallbackToA: 3,
  dnsFailuresToPurge: 10,
  send8bitmime: 'no',
  tls: 'no',
  tlsIfavailableFallback: true,
  tlsVerify: 'no',
};

export interface WorldOptions {
  readonly options?: Partial<SendingOptions>;
  /** More options of one queue. */
  readonly of?: (domain: string, binding: string, group: string) => Partial<SendingOptions>;
  readonly global?: Partial<GlobalSendingOptions>;
  readonly dns?: (domain: string) => MailPlan;
  readonly tls?: TlsPort;
  readonly policies?: PolicyPort;
  readonly limits?: LimitTable;
  readonly shaping?: Partial<ShapingPort>;
  readonly isManual?: boolean;
  readonly connect?: ConnectPort;
  readonly match?: MatchPort;
  /** Where a dial really goes: by default where it says. */
  readonly redirect?: (to: Dial) => Dial;
}

let made = 0;

/** A queue and a deliverer in a world of the test's own. */
export class World {
  readonly manual: ManualClock | undefined;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly records: MailRecord[] = [];
  readonly notes: QueueNote[] = [];
  readonly settled: string[] = [];
  readonly notices: NoticeFacts[] = [];
  readonly dials: Dial[] = [];
  readonly lookups: string[] = [];
  readonly panics: string[] = [];
  /** What outbound counted. */
  readonly counts = new Map<string, number>();
  readonly bodies = new Map<string, Buffer>();
  options: Partial<SendingOptions>;
  global: GlobalSendingOptions;
  /** What reading a body back from the spool answers. */
  loadError: Error | undefined;
  readonly queues: Queues;
  readonly deliverer: Deliverer;

  constructor(t: TestContext, o: WorldOptions = {}) {
    this.manual = o.isManual === true ? new ManualClock() : undefined;
    this.clock = this.manual ?? systemClock;
    this.wheel = new TimerWheel({ clock: this.clock });
    this.options = { ...o.options };
    this.queues = new Queues({
      resolver: {
        sending: (group, binding, domain) => ({ ...defaults, ...this.options, ...o.of?.(domain, binding, group) }),
        domainGateway: () => undefined,
      },
      spool: {
        note: (_id, note) => void this.notes.push(note),
        settled: (id) => void this.settled.push(id),
        loadBody: (id, done) => setImmediate(() => (this.loadError ? done(this.loadError) : done(undefined, this.bodies.get(id)))),
      },
      notices: { send: (facts, done) => (this.notices.push(facts), done()) },
      clock: this.clock,
      wheel: this.wheel,
      random: seededRandom(7),
      records: { record: (r) => void this.records.push(r) },
      counters: { add: () => undefined },
      panic: { log: () => undefined },
    });
    this.global = {
      serverMaxOutboundConnections: 20_000,
      prohibitedHosts: [],
      useIpv6: true,
      onlyUseBestMxForRelayDomains: true,
      ...o.global,
    };
    const plan = (name: string, done: (plan: MailPlan) => void): void => {
      this.lookups.push(name);
      const found = o.dns?.(name) ?? { kind: 'hosts', hosts: [{ name, preference: 10, addresses: ['127.0.0.1'] }], ttl: 60 };
      done(found);
    };
    const dns: DnsPort = { mailHosts: plan, hostAddresses: (name, done) => plan(`A ${name}`, done) };
    this.deliverer = new Deliverer({
      queues: this.queues,
      dns,
      global: () => this.global,
      clock: this.clock,
      wheel: this.wheel,
      random: seededRandom(8),
      connect: (to) => {
        this.dials.push(to);
        return (o.connect ?? tcpConnect)(o.redirect?.(to) ?? to);
      },
      tls: o.tls ?? { begin: () => '451 4.7.5 [internal] TLS negotiation failed' },
      ...(o.policies === undefined ? {} : { policies: o.policies }),
      counters: { add: (name, n = 1) => void this.counts.set(name, (this.counts.get(name) ?? 0) + n) },
      panic: { log: (_level, _subsystem, text) => void this.panics.push(text) },
      hostName: 'mx.impetus.test',
      match: o.match ?? (() => undefined),
      limits: o.limits ?? LimitTable.attach(LimitTable.create({ loops: 1 }), { loop: 0, clock: this.clock }),
      shaping: {
        definitions: (options, option) => (options[option] === undefined ? [] : [{ id: 'Binding:default:', value: options[option] }]),
        hostLimits: () => [],
        ...o.shaping,
      },
    });
    if (this.manual === undefined) this.wheel.start();
    t.after(async () => {
      const stopped = this.deliverer.stop(0);
      if (this.manual !== undefined) this.pass(1);
      await stopped;
      this.wheel.stop();
    });
  }

  /** Accepts a message. */
  send(
    to: string | readonly string[],
    more: Partial<Envelope> & { text?: string | Buffer; resident?: boolean; recipient?: Partial<EnvelopeRecipient> } = {},
  ): string {
    const { text = 'Subject: hello\r\n\r\nhello\r\n', resident = true, recipient, ...rest } = more;
    const body = Buffer.isBuffer(text) ? text : Buffer.from(text, 'latin1');
    made += 1;
    const batchId = `batch-${made}`;
    const recipients = (typeof to === 'string' ? [to] : to).map((address, i): EnvelopeRecipient => {
      const at = address.lastIndexOf('@');
      return {
        id: `${batchId}-${i}`,
        address,
        local: address.slice(0, at),
        domain: address.slice(at + 1),
        binding: 'default',
        bindingGroup: 'default',
        ...recipient,
      };
    });
    this.bodies.set(batchId, body);
    const envelope: Envelope = {
      batchId,
      connectionId: 'connection',
      sender: 'sender@origin.test',
      recipients,
      receivedAt: this.clock.now(),
      size: body.length,
      remoteIp: '192.0.2.9',
      remotePort: 999,
      protocol: 'esmtp',
      helo: 'client.test',
      contextConnection: {},
      contextMessage: {},
      ...rest,
    };
    this.queues.accepted(envelope, resident ? body : undefined);
    return batchId;
  }

  /** Turns of the loop until the condition holds. */
  async until(condition: () => boolean, what = 'the condition'): Promise<void> {
    const deadline = process.hrtime.bigint() + 40_000_000_000n;
    while (!condition()) {
      if (process.hrtime.bigint() > deadline) throw new Error(`waited in vain for ${what}: ${this.summary()}`);
      await turn();
      if (this.manual === undefined) continue;
      this.wheel.advance();
    }
  }

  /** Some turns of the loop, for what must not happen. */
  async turns(count = 30): Promise<void> {
    for (let i = 0; i < count; i += 1) await turn();
  }

  /** Lets manual time pass. */
  pass(seconds: number): void {
    this.manual?.advance(seconds * 1000 + 10);
    this.wheel.advance();
  }

  get kinds(): string {
    return this.records.map((r) => r.kind).join('');
  }

  /** Replies of the T and P records with their stages. */
  get failures(): string[] {
    return this.records.flatMap((r) => (r.kind === 'T' || r.kind === 'P' ? [`${r.kind} ${r.stage} ${r.reply}`] : []));
  }

  summary(): string {
    return `records ${this.kinds || '-'} ${this.failures.join(' | ')}`;
  }
}
