/**
 * What an operator's questions cost the loop: `explain`, a look-up by id, and `search`, with more and more mail in one queue.
 *
 * The one rule: the figures of explain must not grow with the queue; those of search are messages a second. One JSON line for each size.
 * Run: bin/node -C impetus-source bench/desk.ts [messages ...]     (default 1000 10000 100000)
 */
import { performance } from 'node:perf_hooks';
import { ManualClock, seededRandom, systemClock, TimerWheel } from '#base';
import { deskAnswers } from '#desk';
import { Queues, type SendingOptions } from '#queue';

const ROUNDS = 300;
const GROUPS = 15;
const sizes = process.argv.slice(2).map(Number);

const options = {
  retryInterval: 1200,
  maxRetryInterval: 43_200,
  maxRetries: 'auto',
  messageExpiration: 8_640_000,
  neverAttemptExpiredMessages: false,
  suspendDelivery: true,
  blackhole: 'false',
  maxRecipientsPerBatch: 100,
  maxResidentActiveQueue: 0,
  dropBodyAfterTransFail: 3,
  delayedBindingDomainFuzz: 0,
  xclient: 'no',
} as SendingOptions;

function nothing(): void {
  // What is not measured.
}

function fill(messages: number): Map<string, (args: unknown) => unknown> {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const queues = new Queues({
    resolver: { sending: () => options, domainGateway: () => undefined },
    spool: { note: nothing, settled: nothing, loadBody: (_id, done) => done(undefined, body) },
    notices: { send: (_facts, done) => done() },
    clock,
    wheel,
    random: seededRandom(1),
    records: { record: nothing },
    counters: { add: nothing },
    panic: { log: nothing },
  });
  for (let i = 0; i < messages; i += 1) {
    const recipient = {
      id: `r${i}`,
      address: `u${i}@a.test`,
      local: `u${i}`,
      domain: 'a.test',
      binding: 'default',
      bindingGroup: 'default',
    };
    queues.accepted(
      {
        batchId: `b${i}`,
        connectionId: 'c',
        sender: `s${i % 100}@origin.test`,
        recipients: [recipient],
        receivedAt: clock.now(),
        size: body.length,
        remoteIp: '192.0.2.1',
        remotePort: 1,
        protocol: 'esmtp',
        helo: 'h',
        contextConnection: {},
        contextMessage: {},
      },
      undefined,
    );
  }
  const ports = {
    queues,
    clock: systemClock,
    wheel,
    standing: () => undefined,
    way: () => undefined,
    envelope: (_id: string, done: (envelope: undefined) => void) => done(undefined),
    body: (_id: string, done: (found: Buffer) => void) => done(body),
    assign: (_of: unknown, done: (found: undefined) => void) => done(undefined),
    assignNeedsBody: () => false,
    binding: () => undefined,
    refresh: nothing,
  };
  return new Map(deskAnswers(ports, 0));
}

const body = Buffer.from('X-Job: 17\r\nSubject: x\r\n\r\nhello\r\n');

/** Microseconds of one call: the median of groups of calls, so that a collection of garbage left from filling the queue counts once. */
function timed(work: (round: number) => unknown): number {
  const groups = Array.from({ length: GROUPS }, (_x, group) => {
    const since = performance.now();
    for (let i = 0; i < ROUNDS; i += 1) work(group * ROUNDS + i);
    return ((performance.now() - since) * 1000) / ROUNDS;
  });
  return groups.sort((a, b) => a - b)[GROUPS >> 1] ?? 0;
}

for (const messages of sizes.length === 0 ? [1_000, 10_000, 100_000] : sizes) {
  const answers = fill(messages);
  const ask = (question: string, args: unknown): unknown => answers.get(question)?.(args);
  const explainQueueUs = timed(() => ask('queue.explain', { binding: 'default', domain: 'a.test' }));
  const explainMessageUs = timed((round) => ask('message.explain', { id: `r${(round * 7919) % messages}` }));
  const explainBindingUs = timed(() => ask('binding.explain', { binding: 'default' }));
  const searched = (await ask('queue.search', { recipient: 'nobody@*', limit: 100 })) as { looked: number; ms: number };
  const read = (await ask('queue.search', { header: { name: 'X-Job', value: 'none' }, limit: 100 })) as { read: number; ms: number };
  const perSecond = (count: number, ms: number): number => Math.round(count / Math.max(0.001, ms / 1000));
  console.log(
    JSON.stringify({
      messages,
      explainQueueUs: Number(explainQueueUs.toFixed(1)),
      explainMessageUs: Number(explainMessageUs.toFixed(1)),
      explainBindingUs: Number(explainBindingUs.toFixed(1)),
      searchPerSecond: perSecond(searched.looked, searched.ms),
      headersPerSecond: perSecond(read.read, read.ms),
    }),
  );
}
