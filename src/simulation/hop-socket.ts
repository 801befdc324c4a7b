/**
 * A next hop that takes everything, as the socket that a sender sees: each step after a while of simulated time.
 *
 * The one rule: it answers what an ordinary server with PIPELINING answers, in order; while it thinks about a message it reads nothing. No byte leaves
 * the process. Not here: refusals, TLS, anything that a sender could do wrong (tests of outbound have those).
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { TimerWheel } from '#base';

interface Hop {
  readonly wheel: Pick<TimerWheel, 'schedule'>;
  /** Milliseconds that a connection, a message or an end takes. */
  readonly worksMs: () => number;
  /** Milliseconds until an answer is there; left out: the next turn. */
  readonly answersMs?: () => number;
  /** A message left the sender. */
  readonly begun: () => void;
  readonly gone: () => void;
}

class HopSocket extends EventEmitter {
  readonly writableNeedDrain = false;
  readonly #hop: Hop;
  #inData = false;
  #isBusy = false;
  #isOver = false;
  #text = '';
  /** What is on its way back. */
  #said = '';

  constructor(hop: Hop) {
    super();
    this.#hop = hop;
    this.#soon(() => {
      this.emit('connect');
      this.#say('220 sim');
    });
  }

  write(piece: string | Buffer): boolean {
    const text = typeof piece === 'string' ? piece : piece.toString('latin1');
    // When it left counts, not when the other side came round to read it.
    for (let at = text.indexOf('MAIL FROM'); at >= 0; at = text.indexOf('MAIL FROM', at + 1)) this.#hop.begun();
    this.#text += text;
    this.#read();
    return true;
  }

  #read(): void {
    // While it thinks about a message it reads nothing: replies come in order.
    while (!this.#isBusy) {
      const end = this.#inData ? this.#text.indexOf('.\r\n') : this.#text.indexOf('\r\n');
      if (end < 0) return;
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + (this.#inData ? 3 : 2));
      if (this.#inData) this.#taken();
      else this.#command(line);
    }
  }

  end(): this {
    this.destroy();
    return this;
  }

  destroy(): this {
    if (this.#isOver) return this;
    this.#isOver = true;
    this.#hop.gone();
    setImmediate(() => this.emit('close'));
    return this;
  }

  cork(): void {
    // One write or several are all the same here.
  }

  uncork(): void {
    // As above.
  }

  setNoDelay(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  #command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'DATA') {
      this.#inData = true;
      this.#say('354 go on');
    } else if (verb === 'QUIT') this.#soon(() => this.destroy());
    else this.#say(verb === 'EHLO' || verb === 'LHLO' ? '250-sim\r\n250 PIPELINING' : '250 ok');
  }

  #taken(): void {
    this.#inData = false;
    this.#isBusy = true;
    this.#soon(() => {
      this.#isBusy = false;
      this.#say('250 taken');
      this.#read();
    });
  }

  #say(text: string): void {
    const isAlone = this.#said === '';
    this.#said += `${text}\r\n`;
    if (!isAlone) return;
    const { wheel, answersMs } = this.#hop;
    if (answersMs === undefined) setImmediate(() => this.#arrive());
    else wheel.schedule(answersMs(), () => this.#arrive());
  }

  #arrive(): void {
    const said = this.#said;
    this.#said = '';
    if (!this.#isOver) this.emit('data', Buffer.from(said));
  }

  #soon(work: () => void): void {
    this.#hop.wheel.schedule(this.#hop.worksMs(), () => {
      if (!this.#isOver) work();
    });
  }
}

/** All that a sender uses of a socket. */
export function hopSocket(hop: Hop): Socket {
  return new HopSocket(hop) as unknown as Socket;
}
