/**
 * A socket to a server we are client of: whole replies in, one write a turn out, one deadline, one end.
 *
 * The one rule: everything said in one turn leaves in one write, so the owner gathers with say() and send() and whoever called it from
 * outside a reply calls flush(). The deadline is one timer of the wheel, moved lazily: putting it off costs nothing. After the end no
 * call comes and nothing is sent. Raw bytes are never logged.
 * Bounds: replies by ReplyReader (A50); output by `isFull`, upon which bodies wait for drained().
 * Not here: what is said (opening.ts, session.ts). Truth: SHP-10, SHP-13; attack A36 (bytes before TLS are forgotten).
 */
import type { Socket } from 'node:net';
import type { Clock, TimerWheel } from '#base';
import { ReplyReader, type ReplyFault, type ServerReply } from '#smtp';
import type { Conversation } from './trace.ts';

export type LossReason = 'closed' | 'refused';

/** Who works on the wire. After lost(), and after its own finish() or destroy(), it hears nothing more. */
export interface WireOwner {
  connected(): void;
  reply(reply: ServerReply | ReplyFault): void;
  /** There is room again after `isFull`. */
  drained(): void;
  /** The deadline passed: the owner ends the wire, or sets another deadline. */
  late(): void;
  /** The connection is gone; `refused`: there never was one. */
  lost(reason: LossReason): void;
}

export interface WirePorts {
  readonly clock: Pick<Clock, 'mono'>;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
}

export class Wire {
  owner: WireOwner;
  /** Who reads along; undefined where nobody asked. */
  trace: Conversation | undefined;
  readonly #ports: WirePorts;
  readonly #reader = new ReplyReader();
  #socket: Socket;
  #out: (string | Buffer)[] = [];
  #isOpen = false;
  #isOver = false;
  #isHeard = false;
  #problem = '';
  /** Monotonic time of the deadline; Infinity for none. */
  #deadline = Infinity;
  #timer = 0;
  #timerAt = Infinity;

  constructor(socket: Socket, owner: WireOwner, ports: WirePorts) {
    this.#socket = socket;
    this.owner = owner;
    this.#ports = ports;
    socket.on('connect', this.#onConnect);
    this.#listen(socket);
  }

  /** What the system said when no connection came about, in its word (ECONNREFUSED); '' where it said nothing. */
  get problem(): string {
    return this.#problem;
  }

  /** Our own address of the connection; '' where there is none. */
  get localIp(): string {
    return this.#socket.localAddress ?? '';
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The peer is slow: stop giving bodies until drained(). */
  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** More bytes came than the reply that is being handled: they were sent before their time. */
  get hasUnread(): boolean {
    return this.#reader.begun;
  }

  /** Printable ASCII, or octets as latin1. */
  say(text: string): void {
    const last = this.#out.length - 1;
    const before = this.#out[last];
    if (typeof before === 'string') this.#out[last] = before + text;
    else this.#out.push(text);
  }

  send(bytes: Buffer): void {
    this.#out.push(bytes);
  }

  /** Writes what was gathered, at once. */
  flush(): void {
    const out = this.#out;
    if (out.length === 0 || this.#isOver) return;
    this.#out = [];
    this.trace?.said(out);
    if (out.length === 1) {
      this.#socket.write(out[0] as string, 'latin1');
      return;
    }
    this.#socket.cork();
    for (const piece of out) this.#socket.write(piece as string, 'latin1');
    this.#socket.uncork();
  }

  /** The owner hears late() in `seconds` (a fraction is fine) unless the deadline is moved before. */
  setDeadline(seconds: number): void {
    this.#deadline = this.#ports.clock.mono() + seconds * 1000;
    if (this.#deadline < this.#timerAt) this.#arm();
  }

  /** Goes on over TLS: `begin` makes the new socket on the old one. What was read in clear is forgotten. */
  upgrade(begin: (raw: Socket) => Socket): void {
    const raw = this.#socket;
    raw.removeListener('connect', this.#onConnect);
    raw.removeListener('data', this.#onData);
    raw.removeListener('drain', this.#onDrain);
    raw.removeListener('end', this.#onClose);
    this.#reader.clear();
    this.#out = [];
    this.trace?.note('TLS begins');
    this.#socket = begin(raw);
    this.#listen(this.#socket);
  }

  /** Says the last word and closes our side; the owner hears nothing more but `gone`, when the peer has closed too or was cut off. */
  finish(lastWord: string, gone?: () => void): void {
    if (this.#isOver) return;
    if (gone !== undefined) this.#socket.once('close', gone);
    this.say(lastWord);
    this.flush();
    this.#over();
    this.#socket.end();
    // A peer that does not close its side is cut off: nothing of it is waited for.
    this.#ports.wheel.schedule(LINGER_MS, destroy, this.#socket);
  }

  /** Ends at once; the owner hears nothing more. */
  destroy(): void {
    this.#over();
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onClose);
    socket.on('close', this.#onClose);
    socket.on('error', this.#onError);
  }

  readonly #onConnect = (): void => {
    if (this.#isOver || this.#isOpen) return;
    this.#isOpen = true;
    this.trace?.note('connected');
    this.owner.connected();
    this.flush();
  };

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isOver) return;
    this.#isHeard = true;
    this.#reader.feed(chunk);
    for (let reply = this.#reader.next(); reply !== undefined; reply = this.#reader.next()) {
      this.trace?.heard(reply);
      this.owner.reply(reply);
      if (this.#isOver) return;
    }
    this.flush();
  };

  readonly #onDrain = (): void => {
    if (this.#isOver) return;
    this.owner.drained();
    this.flush();
  };

  readonly #onClose = (): void => this.#lose(this.#isOpen ? 'closed' : 'refused');

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (!this.#isOpen) this.#problem = error.code ?? '';
    this.#lose(this.#isOpen || this.#isHeard ? 'closed' : 'refused');
  };

  #lose(reason: LossReason): void {
    if (this.#isOver) return;
    this.#over();
    this.#socket.destroy();
    this.owner.lost(reason);
  }

  #over(): void {
    if (!this.#isOver) this.trace?.note(this.#isOpen ? 'closed' : 'no connection');
    this.#isOver = true;
    this.#out = [];
    if (this.#timer !== 0) this.#ports.wheel.cancel(this.#timer);
    this.#timer = 0;
  }

  #arm(): void {
    if (this.#isOver) return;
    if (this.#timer !== 0) this.#ports.wheel.cancel(this.#timer);
    this.#timerAt = this.#deadline;
    this.#timer = this.#ports.wheel.schedule(this.#deadline - this.#ports.clock.mono(), onTimer, this);
  }

  /** The wheel's call: late, or the deadline was put off meanwhile. */
  tick(): void {
    this.#timer = 0;
    this.#timerAt = Infinity;
    if (this.#deadline > this.#ports.clock.mono()) this.#arm();
    else this.owner.late();
  }
}

/** Milliseconds that a peer has to close after our last word. */
const LINGER_MS = 5_000;

function destroy(socket: Socket): void {
  socket.destroy();
}

function onTimer(wire: Wire): void {
  wire.tick();
}
