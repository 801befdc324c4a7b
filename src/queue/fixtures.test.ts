/*
 * Surroundings for the tests of this room: a spool, options and sinks that only remember.
 *
 * The one rule: no disk, no network, and time moves when the test says so. It holds no test itself.
 */
import { ManualClock, MessageIdSource, seededRandom, TimerWheel } from '#base';
import type { Envelope, EnvelopeRecipient } from '#mail';
import type { MailRecord } from '#observe';
import type { NoticeFacts, QueueNote, SendingOptions } from './ports.ts';
import { Queues } from './queues.ts';
import type { DomainQueue } from './domain-queue.ts';
import type { RecipientResult } from './results.ts';

export const options: SendingOptions = {
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

export const delivered: RecipientResult = { kind: 'delivered', reply: '250 ok', stage: 9, remoteIp: '192.0.2.1', bytes: 100 };
export const transient: RecipientResult = { kind: 'transient', reply: '451 later', stage: 5, remoteIp: '192.0.2.1', bytes: 0 };
export const permanent: RecipientResult = { kind: 'permanent', reply: '550 no such user', stage: 5, remoteIp: '192.0.2.1', bytes: 0 };

let made = 0;

export function recipient(address: string, more: Partial<EnvelopeRecipient> = {}): EnvelopeRecipient {
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  made += 1;
  return { id: `id-${made}`, address, local, domain: address.slice(at + 1), binding: 'default', bindingGroup: 'default', ...more };
}

export class Surroundings {
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel({ clock: this.clock });
  readonly records: MailRecord[] = [];
  readonly notes: [string, QueueNote][] = [];
  readonly settled: string[] = [];
  readonly loaded: string[] = [];
  readonly notices: NoticeFacts[] = [];
  readonly counts = new Map<string, number>();
  readonly announced: DomainQueue[] = [];
  readonly panics: string[] = [];
  resolverCalls = 0;
  /** How often a domain's gateway was asked for. */
  gatewayCalls = 0;
  gateways = new Map<string, string>();
  /** Bindings that the configuration does not have. */
  goneBindings = new Set<string>();
  options: Partial<SendingOptions> = {};
  /** What the door says to a notice. */
  noticeError: Error | undefined;
  /** The door answers when it is told to. */
  holdsNotices = false;
  readonly #heldNotices: ((error?: Error) => void)[] = [];
  readonly queues: Queues;

  /** Bodies that the door hands over: of every message, or of every other one, so that objects and packed entries wait side by side. */
  readonly #bodies: 'all' | 'some';
  readonly #ids = new MessageIdSource({ instance: 70_001, clock: this.clock, lastSlot: 0, persistSlot: () => undefined });
  #accepted = 0;

  constructor(o: { residentBytesMax?: number; bodies?: 'all' | 'some'; rendering?: () => { isAsync: boolean; perPass: number } } = {}) {
    this.#bodies = o.bodies ?? 'all';
    this.queues = new Queues({
      resolver: {
        sending: () => {
          this.resolverCalls += 1;
          return { ...options, ...this.options };
        },
        domainGateway: (_group, _binding, domain) => {
          this.gatewayCalls += 1;
          return this.gateways.get(domain);
        },
        hasBinding: (name) => !this.goneBindings.has(name),
      },
      spool: {
        note: (id, note) => void this.notes.push([id, note]),
        settled: (id) => void this.settled.push(id),
        loadBody: (id, done) => {
          this.loaded.push(id);
          done(undefined, Buffer.from(`body of ${id}`));
        },
      },
      notices: {
        send: (facts, done) => {
          this.notices.push(facts);
          if (this.holdsNotices) this.#heldNotices.push(done);
          else done(this.noticeError);
        },
      },
      clock: this.clock,
      wheel: this.wheel,
      random: seededRandom(1),
      records: { record: (r) => void this.records.push(r) },
      counters: { add: (name, n = 1) => void this.counts.set(name, (this.counts.get(name) ?? 0) + n) },
      panic: { log: (_level, _subsystem, text) => void this.panics.push(text) },
      rendering: o.rendering,
      ...(o.residentBytesMax === undefined ? {} : { residentBytesMax: o.residentBytesMax }),
    });
    this.queues.onWork((queue) => this.announced.push(queue));
  }

  envelope(recipients: EnvelopeRecipient[], more: Partial<Envelope> = {}): Envelope {
    return {
      batchId: this.#ids.next(),
      connectionId: 'connection',
      sender: 'sender@origin.test',
      recipients: recipients.map((one) => ({ ...one, id: this.#ids.next() })),
      receivedAt: this.clock.now(),
      size: 100,
      remoteIp: '192.0.2.9',
      remotePort: 999,
      protocol: 'esmtp',
      helo: 'client.test',
      contextConnection: {},
      contextMessage: {},
      ...more,
    };
  }

  accept(addresses: readonly string[], more: Partial<Envelope> = {}): Envelope {
    const envelope = this.envelope(
      addresses.map((address) => recipient(address)),
      more,
    );
    this.#accepted += 1;
    const hasBody = this.#bodies === 'all' || this.#accepted % 2 === 0;
    this.queues.accepted(envelope, hasBody ? Buffer.from('Subject: hello\r\n\r\n') : undefined);
    return envelope;
  }

  queue(domain: string, binding = 'default'): DomainQueue {
    return this.queues.queueFor('default', binding, domain);
  }

  /** Takes the next delivery and gives all its recipients one result. */
  attempt(domain: string, result: RecipientResult): boolean {
    const queue = this.queue(domain);
    const delivery = queue.take();
    if (delivery === undefined) return false;
    queue.finish(
      delivery,
      delivery.recipients.map(() => result),
    );
    return true;
  }

  /** The oldest notice at the door is durable; false when there is none. */
  releaseNotice(): boolean {
    const done = this.#heldNotices.shift();
    done?.();
    return done !== undefined;
  }

  pass(seconds: number): void {
    this.clock.advance(seconds * 1000 + 10);
    this.wheel.advance();
  }

  /** Seconds from now until something is ready, going from tick to tick of `step` seconds. */
  wait(domain: string, step = 1, most = 1_000_000): number {
    for (let seconds = 0; seconds < most; seconds += step) {
      if (this.queue(domain).ready > 0) return seconds;
      this.clock.advance(step * 1000);
      this.wheel.advance();
    }
    return -1;
  }

  kinds(): string {
    return this.records.map((r) => r.kind).join('');
  }
}
