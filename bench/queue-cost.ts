/**
 * What a queue costs: processor time and memory of one message each for many bindings and domains, against the same messages in one queue.
 *
 * The one rule: the real options, queues, pools and sessions of one loop in this process, with no disk and no network: a next hop that answers from
 * memory. So the figure is what a queue adds to a message, without the kernel's part, which is the same for both. Work is done in rounds of one and the other
 * in turn, and the least processor time of a message is told: other work on the machine only adds.
 * Run: bin/node -C impetus-source --expose-gc bench/queue-cost.ts [messages a round] [rounds]. Prints one JSON line.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { seededRandom, systemClock, TimerWheel } from '#base';
import { memoryFiles, readConfiguration } from '#config';
import { LimitTable } from '#limits';
import type { Envelope } from '#mail';
import { Deliverer } from '#outbound';
import { Queues } from '#queue';
import { optionsPort, shapingPort } from '../src/main/options-port.ts';
import { resolverOf } from '../src/main/site.ts';

const BINDINGS = 1000;
const DOMAINS = 1000;
const AT_ONCE = 50;
const count = Number(process.argv[2] ?? 20_000);
const rounds = Number(process.argv[3] ?? 5);
const body = Buffer.from(`Subject: x\r\n\r\n${'x'.repeat(500)}\r\n`);

/** The next hop's side of a connection, as a socket that Impetus writes to. */
class NextHop extends EventEmitter {
  readonly writableNeedDrain = false;
  readonly localAddress = '127.0.0.1';
  #isBody = false;
  #answers = '220 next.test ESMTP\r\n';
  #isDue = true;
  #isOver = false;

  constructor() {
    super();
    setImmediate(() => {
      this.emit('connect');
      this.#say();
    });
  }

  write(piece: string | Buffer): boolean {
    // A body comes in octets, and its end with it or behind it.
    if (typeof piece === 'string') this.#hear(piece);
    else if (piece.toString('latin1', piece.length - 3) === '.\r\n') this.#hear('.\r\n');
    return true;
  }

  cork(): void {
    // What is written is heard at once.
  }

  uncork(): void {
    // See above.
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    setImmediate(() => this.emit('close'));
  }

  #hear(text: string): void {
    for (const line of text.split('\r\n')) {
      if (line === '') continue;
      if (this.#isBody) {
        if (line !== '.') continue;
        this.#isBody = false;
        this.#answers += '250 2.0.0 taken\r\n';
      } else if (line.startsWith('EHLO')) this.#answers += '250-next.test\r\n250 PIPELINING\r\n';
      else if (line === 'DATA') {
        this.#isBody = true;
        this.#answers += '354 go on\r\n';
      } else this.#answers += '250 2.1.0 ok\r\n';
    }
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#say());
  }

  #say(): void {
    this.#isDue = false;
    const answers = this.#answers;
    this.#answers = '';
    if (!this.#isOver && answers !== '') this.emit('data', Buffer.from(answers));
  }
}

const names = Array.from({ length: BINDINGS }, (_, i) => `Binding "b${i}" { }`).join('\n');
const text = `Gateway = "127.0.0.1:2525"\nMax_Outbound_Connections = 20\n${names}\n`;
const { snapshot } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
if (snapshot === undefined) throw new Error('the configuration of this measurement has a mistake');
const resolver = resolverOf(snapshot);
const clock = systemClock;
const wheel = new TimerWheel({ clock });
wheel.start();
const progress = { delivered: 0 };
const queues = new Queues({
  resolver: optionsPort(resolver),
  spool: { note: () => undefined, settled: () => void (progress.delivered += 1), loadBody: (_id, done) => done(undefined, body) },
  notices: { send: (_facts, done) => done() },
  clock,
  wheel,
  random: seededRandom(1),
  records: { record: () => undefined },
  counters: { add: () => undefined },
  panic: { log: () => undefined },
});
const global = { serverMaxOutboundConnections: 20_000, prohibitedHosts: undefined, useIpv6: true, onlyUseBestMxForRelayDomains: true };
const deliverer = new Deliverer({
  queues,
  dns: { mailHosts: (_domain, done) => done({ kind: 'none' }), hostAddresses: (_name, done) => done({ kind: 'none' }) },
  global: () => global,
  clock,
  wheel,
  random: seededRandom(2),
  connect: () => new NextHop() as unknown as Socket,
  tls: { begin: () => '451 4.7.5 no TLS here' },
  counters: { add: () => undefined },
  hostName: 'bench.test',
  limits: LimitTable.attach(LimitTable.create({ loops: 1 }), { loop: 0, clock }),
  shaping: shapingPort(resolver),
  match: () => undefined,
});

let made = 0;
function envelopeOf(binding: string, domain: string): Envelope {
  const id = (made * 256 + 1).toString(16).padStart(16, '0');
  made += 1;
  return {
    batchId: `${id}-b`,
    connectionId: 'connection',
    sender: 'from@bench.test',
    recipients: [{ id: `${id}-r`, address: `to@${domain}`, local: 'to', domain, binding, bindingGroup: 'default' }],
    receivedAt: clock.now(),
    size: body.length,
    remoteIp: '127.0.0.1',
    remotePort: 999,
    protocol: 'esmtp',
    helo: 'client.test',
    contextConnection: {},
    contextMessage: {},
  };
}

/** Microseconds of processor time a message. */
async function pass(of: (i: number) => readonly [binding: string, domain: string]): Promise<number> {
  const end = progress.delivered + count;
  const before = process.cpuUsage();
  for (let i = 0; i < count;) {
    for (let room = AT_ONCE - (made - progress.delivered); room > 0 && i < count; room -= 1) {
      queues.accepted(envelopeOf(...of(i)), Buffer.from(body));
      i += 1;
    }
    await turn();
  }
  while (progress.delivered < end) await turn();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

let walked = 0;
function spread(): readonly [string, string] {
  const i = walked;
  walked += 1;
  return [`b${i % BINDINGS}`, `d${(i + Math.floor(i / BINDINGS)) % DOMAINS}.test`];
}
const plain = (): readonly [string, string] => ['b0', 'd0.test'];

function heap(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}

const empty = heap();
await pass(plain);
await pass(spread);
const one: number[] = [];
const many: number[] = [];
for (let i = 0; i < rounds; i += 1) {
  one.push(await pass(plain));
  many.push(await pass(spread));
}
const [least, leastMany] = [Math.min(...one), Math.min(...many)];
console.log(
  JSON.stringify({
    bench: 'queue-cost',
    count,
    rounds,
    microsecondsOneQueue: Number(least.toFixed(1)),
    microsecondsManyQueues: Number(leastMany.toFixed(1)),
    ratio: Number((leastMany / least).toFixed(2)),
    queues: Array.from(queues.queues()).length,
    connections: deliverer.connections,
    heapMb: Number(((heap() - empty) / 1e6).toFixed(1)),
  }),
);
await deliverer.stop(0);
wheel.stop();
