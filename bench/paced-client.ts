/**
 * A client that sends one message when it is told to and notes how long the final dot waited for its 250: what smtp-source does not tell.
 *
 * The one rule: the number of a message stands in its sender, so that a next hop can be asked when it came (sink.ts). Everything is in this process.
 */
import { connect, type Socket } from 'node:net';
import { sleep } from './load.ts';

export interface Sent {
  readonly number: number;
  /** Milliseconds of performance.now() at the final dot and at its answer. */
  readonly dotAt: number;
  readonly answeredAt: number;
  /** What the 250 said behind `OK`: the id of the message, whose middle part is the loop's. */
  readonly id: string;
}

const BODY = `Subject: latency\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(64)}.\r\n`;

export class PacedClient {
  readonly #socket: Socket;
  readonly #sent: (one: Sent) => void;
  #step = 0;
  #dotAt = 0;
  #number = 0;
  isFree = false;
  /** Why it can send no more. */
  trouble: string | undefined;

  constructor(port: number, sent: (one: Sent) => void) {
    this.#sent = sent;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('error', (error) => (this.trouble ??= String(error)));
    let rest = '';
    this.#socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line[3] !== '-') this.#answer(line);
    });
  }

  #answer(line: string): void {
    if (line[0] !== '2' && line[0] !== '3') this.trouble ??= line;
    this.#step += 1;
    if (this.#step === 1) this.#socket.write('EHLO bench.test\r\n');
    else if (this.#step === 2) this.isFree = true;
    else if (this.#step === 5) {
      this.#socket.write(BODY);
      this.#dotAt = performance.now();
    } else if (this.#step === 6) {
      this.#step = 2;
      this.isFree = true;
      this.#sent({ number: this.#number, dotAt: this.#dotAt, answeredAt: performance.now(), id: line.slice(line.lastIndexOf(' ') + 1) });
    }
  }

  /** Sends the message of this number, from `n<number>@` or the local part given. */
  send(number: number, local = `n${number}`): void {
    this.isFree = false;
    this.#number = number;
    this.#socket.write(`MAIL FROM:<${local}@bench.test>\r\nRCPT TO:<to@sink.test>\r\nDATA\r\n`);
  }

  end(): void {
    this.#socket.end('QUIT\r\n');
  }
}

/** Sends `count` messages at an even pace over so many connections; answers them in the order in which they were answered. */
export async function sendPaced(port: number, o: { perSecond: number; count: number; sessions: number }): Promise<Sent[]> {
  const sent: Sent[] = [];
  const clients = Array.from({ length: o.sessions }, () => new PacedClient(port, (one) => sent.push(one)));
  const begun = performance.now();
  for (let next = 0; sent.length < o.count;) {
    const due = Math.min(o.count, Math.floor(((performance.now() - begun) * o.perSecond) / 1000));
    for (const client of clients) {
      if (client.trouble !== undefined) throw new Error(`a client was told: ${client.trouble}`);
      if (next >= due) break;
      if (!client.isFree) continue;
      client.send(next);
      next += 1;
    }
    await sleep(1);
  }
  for (const client of clients) client.end();
  return sent;
}

/** The value below which 99 of 100 lie. */
export function p99(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
}
