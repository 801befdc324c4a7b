/** Goal 8: at half of the highest rate, 99 of 100 messages hear 250 within 10 ms of their final dot. */
import { connect, type Socket } from 'node:net';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsoleClient } from '#control';
import { round, type Effort, type Figure } from '../goal.ts';
import { banner, endTree, send, sleep } from '../load.ts';
import { freePort } from '../measure.ts';
import { startSystem } from '../systems.ts';

const SESSIONS = 50;
const BODY = `Subject: latency\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(64)}.\r\n`;

/** One client that sends when it is told to; it notes how long each final dot waited for its answer. */
class Client {
  readonly #socket: Socket;
  #step = 0;
  #begun = 0;
  isFree = false;

  constructor(port: number, waits: number[]) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('error', () => undefined);
    let rest = '';
    this.#socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line[3] !== '-') this.#answer(waits);
    });
  }

  #answer(waits: number[]): void {
    this.#step += 1;
    if (this.#step === 1) this.#socket.write('EHLO bench.test\r\n');
    else if (this.#step === 2) this.isFree = true;
    else if (this.#step === 5) {
      this.#socket.write(BODY);
      this.#begun = performance.now();
    } else if (this.#step === 6) {
      waits.push(performance.now() - this.#begun);
      this.#step = 2;
      this.isFree = true;
    }
  }

  send(): void {
    this.isFree = false;
    this.#socket.write('MAIL FROM:<a@bench.test>\r\nRCPT TO:<b@sink.test>\r\nDATA\r\n');
  }

  end(): void {
    this.#socket.end('QUIT\r\n');
  }
}

async function paced(port: number, perSecond: number, count: number): Promise<number[]> {
  const waits: number[] = [];
  const clients = Array.from({ length: SESSIONS }, () => new Client(port, waits));
  const begun = performance.now();
  for (let sent = 0; waits.length < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - begun) * perSecond) / 1000));
    for (const client of clients) {
      if (sent >= due) break;
      if (!client.isFree) continue;
      client.send();
      sent += 1;
    }
    await sleep(1);
  }
  for (const client of clients) client.end();
  return waits.sort((a, b) => a - b);
}

export async function latency({ count }: Effort): Promise<Figure[]> {
  const dir = join(tmpdir(), 'impetus-bench', 'latency');
  mkdirSync(dir, { recursive: true });
  const job = { port: await freePort(), sink: 9, workload: 'accept' as const, dir };
  const child = startSystem('impetus', job);
  try {
    await banner(job.port);
    await send(job.port, { sessions: SESSIONS, count, bytes: 5120, keep: true });
    const begun = performance.now();
    await send(job.port, { sessions: SESSIONS, count, bytes: 5120, keep: true });
    const half = (count * 500) / (performance.now() - begun);
    const client = await ConsoleClient.open(join(dir, 'control'));
    await client.run('threads reset');
    const waits = await paced(job.port, half, count);
    const { text } = await client.run('threads');
    client.close();
    const turn = Math.max(...[...text.matchAll(/^loop \d+ +([\d.]+) ms/gm)].map((match) => Number(match[1])));
    const p99 = waits[Math.floor(waits.length * 0.99)];
    return [
      {
        what: 'latency: final dot to 250, 99 of 100',
        value: p99 === undefined ? undefined : round(p99, 1),
        unit: 'ms',
        limit: { atMost: 10 },
        note: `at ${Math.round(half)}/s, median ${round(waits[waits.length >> 1] ?? 0, 1)} ms`,
      },
      {
        what: 'latency: longest turn of a loop meanwhile',
        value: Number.isFinite(turn) ? turn : undefined,
        unit: 'ms',
        limit: { atMost: 20 },
        note: 'measured by the server itself (`threads`)',
      },
      {
        what: 'latency: 250 to delivery, 99 of 100',
        value: undefined,
        unit: 'ms',
        limit: { atMost: 50 },
        note: 'smtp-sink tells no times; no measurement yet',
      },
    ];
  } finally {
    if (child.pid !== undefined) await endTree(child.pid);
  }
}
