/**
 * The memory of queued messages (goals 6 and 7): the real queues, timer wheel and index of the spool, filled with one-recipient messages; no disk.
 *
 * The one rule: resident memory of this process after collection, full minus empty, divided. Bodies are handed over as the door does, so what the
 * residency options keep is counted, and reported apart as well. Half of the senders' addresses are unique (VERP), recipients all are.
 * Run: bin/node -C impetus-source --expose-gc bench/goals/queue-memory.ts COUNT [ready | delayed | mixed] [domains] [body octets]. Prints one JSON line.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { MessageIdSource, seededRandom, systemClock, TimerWheel } from '#base';
import type { Envelope } from '#mail';
import { Queues, type DomainQueue, type SendingOptions } from '#queue';
import { BatchIndex } from '../../src/spool/batch-index.ts';

const count = Number(process.argv[2] ?? 100_000);
const state = (process.argv[3] ?? 'mixed') as 'ready' | 'delayed' | 'mixed';
const domains = Number(process.argv[4] ?? 1000);
const warmUp = 300_000;
const body = Buffer.alloc(Number(process.argv[5] ?? 5120), 'x');

/** What the queue reads of the options, with the defaults of the manual. */
const options = {
  retryInterval: 1200,
  maxRetryInterval: 43_200,
  maxRetries: 'auto',
  messageExpiration: 604_800,
  neverRetry: false,
  neverAttemptExpiredMessages: false,
  suspendDelivery: false,
  blackhole: 'false',
  generateBounces: true,
  bouncesInlineOriginal: 'headers',
  maxRecipientsPerBatch: 100,
  maxResidentActiveQueue: 250,
  dropBodyAfterTransFail: 3,
  delayedBindingDomainFuzz: 0,
  xclient: 'no',
} as unknown as SendingOptions;

const clock = systemClock;
const wheel = new TimerWheel({ clock });
const index = new BatchIndex();
const ids = new MessageIdSource({ instance: 7, clock, lastSlot: 0, persistSlot: () => undefined });
const queues = new Queues({
  resolver: { sending: () => options, domainGateway: () => undefined },
  spool: {
    note: () => undefined,
    settled: (id) => index.remove(id, index.find(id)),
    loadBody: (_id, done) => done(undefined, body),
  },
  notices: { send: (_facts, done) => done() },
  clock,
  wheel,
  random: seededRandom(1),
  records: { record: () => undefined },
  counters: { add: () => undefined },
  panic: { log: () => undefined },
});
const reply = '451 4.7.1 Greylisting in action, please come back later';
let connectionId = '';

function envelopeOf(n: number): Envelope {
  if (n % 10 === 0) connectionId = ids.next();
  const local = `customer.${n.toString(36)}`;
  const domain = `domain${n % domains}.example`;
  const batchId = ids.next();
  return {
    batchId,
    connectionId,
    sender: n % 2 === 0 ? 'newsletter@sender.example' : `bounce-${n.toString(36)}@mail.sender.example`,
    recipients: [{ id: ids.next(), address: `${local}@${domain}`, local, domain, binding: 'default', bindingGroup: 'default' }],
    receivedAt: clock.now(),
    size: body.length,
    remoteIp: '192.0.2.1',
    remotePort: 40_000,
    protocol: 'esmtp',
    helo: 'client.example',
    contextConnection: {},
    contextMessage: {},
  };
}

function fail(queue: DomainQueue): void {
  const delivery = queue.take();
  if (delivery !== undefined) queue.finish(delivery, [{ kind: 'transient', reply, stage: 5, remoteIp: '192.0.2.9', bytes: 0 }]);
}

async function resident(): Promise<{ rss: number; heap: number; columns: number }> {
  for (let i = 0; i < 4; i += 1) {
    (globalThis.gc as unknown as (o: object) => void)({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    await turn();
  }
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heap: heapUsed, columns: queues.waitingBytes + index.octets };
}

async function fill(from: number, to: number): Promise<number> {
  let longest = 0;
  for (let n = from; n < to; n += 1) {
    const begun = clock.mono();
    const envelope = envelopeOf(n);
    index.add(envelope.batchId, n >> 13, (n & 0x1fff) * 5760 + 64, 5760, 1);
    queues.accepted(envelope, Buffer.from(body));
    if (state === 'delayed' || (state === 'mixed' && n % 2 === 0))
      fail(queues.queueFor('default', 'default', `domain${n % domains}.example`));
    const taken = clock.mono() - begun;
    if (taken > longest) longest = taken;
    if (n % 1000 === 0) await turn();
  }
  return longest;
}

// What passes through makes the process as large as traffic makes it; only what stays is counted.
for (let from = 0; from < warmUp; from += 10_000) {
  await fill(from, from + 10_000);
  for (const queue of queues.queues()) queue.failAll('550 warm-up', { isQuiet: true });
  while (queues.waiting > 0) {
    await new Promise((done) => setTimeout(done, 11));
    wheel.advance();
  }
}
const empty = await resident();
const begun = clock.mono();
const longestMs = await fill(warmUp, warmUp + count);
const micros = ((clock.mono() - begun) * 1000) / count;
const full = await resident();
const per = (name: 'rss' | 'heap' | 'columns'): number => Math.round(((full[name] - empty[name]) / count) * 10) / 10;
let active = 0;
let delayed = 0;
for (const queue of queues.queues()) {
  active += queue.active;
  delayed += queue.delayed;
}
console.log(
  JSON.stringify({
    bench: 'queue-memory',
    count,
    state,
    domains,
    active,
    delayed,
    octetsPerMessage: per('rss'),
    withoutBodies: Math.round((full.rss - empty.rss - queues.residency.bytes) / count),
    heapPerMessage: per('heap'),
    columnsPerMessage: per('columns'),
    residentBodies: queues.residency.messages,
    residentBytes: queues.residency.bytes,
    microsPerMessage: Math.round(micros * 10) / 10,
    longestMs: Math.round(longestMs * 10) / 10,
  }),
);
