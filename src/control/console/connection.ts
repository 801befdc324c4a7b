/*
 * One console connection on the server's side: greets, lets it prove who it is, runs its commands one after the other.
 *
 * The one rule: whatever an operation does, the connection gets an `end` for each command and the process goes on; nothing runs before there is
 * a user. Bounds: COMMANDS_WAITING_MAX frames may wait (a client that sends more is disconnected), no command runs before the answer to the last
 * one was taken; idle connections close after Timeout (CON-08), those without a user after UNKNOWN_SECONDS at the latest.
 * Not here: sockets (main opens them), who may do what (access/).
 */
import type { Socket } from 'node:net';
import type { TimerWheel } from '#base';
import { ConnectionAccess, type AccessPort, type ConnectionFacts } from '../access/access.ts';
import { completeLine, operations, runCommand, type ConsoleSession, type ServerPort } from '../operations/index.ts';
import { whoIs } from './identity.ts';
import { formatFrame, FrameReader, protocolVersion } from './wire.ts';

const COMMANDS_WAITING_MAX = 64;
/** Time to say who one is. */
const UNKNOWN_SECONDS = 30;
const PART_CHARACTERS = 65_536;

export interface ConnectionOptions {
  readonly server: ServerPort;
  readonly wheel: TimerWheel;
  /** Timeout of the listener; 0 never closes. */
  readonly idleSeconds: () => number;
  readonly access: AccessPort;
}

type Frame = Record<string, unknown>;

export class ConsoleConnection {
  readonly #o: ConnectionOptions;
  readonly #socket: Socket;
  readonly #facts: ConnectionFacts;
  readonly #access: ConnectionAccess;
  readonly #frames = new FrameReader();
  readonly #waiting: Frame[] = [];
  #session: ConsoleSession | undefined;
  #isBusy = false;
  #isHeardOut = false;
  #idle: number | undefined;

  constructor(o: ConnectionOptions, socket: Socket, facts: ConnectionFacts) {
    this.#o = o;
    this.#socket = socket;
    this.#facts = facts;
    this.#access = new ConnectionAccess(o.access, facts);
  }

  /** `closed` is called when the connection is over. */
  start(closed: () => void): void {
    const socket = this.#socket;
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    // A client that has said all closes its half; it still gets its answers.
    socket.on('end', () => {
      this.#isHeardOut = true;
      void this.#next();
    });
    socket.on('close', () => {
      if (this.#idle !== undefined) this.#o.wheel.cancel(this.#idle);
      closed();
    });
    const { product, version, revision } = this.#o.server.identity;
    const { refusal, user, mechanisms } = this.#access;
    const hello = { kind: 'hello', protocol: protocolVersion, product, version, revision } as const;
    if (refusal !== undefined) {
      socket.write(formatFrame({ ...hello, refused: refusal }));
      socket.end();
      return;
    }
    socket.on('data', (text: string) => this.#hear(text));
    socket.write(formatFrame(user === undefined ? { ...hello, mechanisms } : { ...hello, user }));
    this.#touch();
  }

  #hear(text: string): void {
    if (this.#access.user !== undefined) this.#touch();
    const got = this.#frames.feed(text);
    this.#waiting.push(...got.frames);
    if (got.problem || this.#waiting.length > COMMANDS_WAITING_MAX) this.#socket.destroy();
    else void this.#next();
  }

  #touch(): void {
    const { wheel, idleSeconds } = this.#o;
    if (this.#idle !== undefined) wheel.cancel(this.#idle);
    const known = this.#access.user !== undefined;
    const seconds = known ? idleSeconds() : Math.min(idleSeconds() || UNKNOWN_SECONDS, UNKNOWN_SECONDS);
    const over = () => {
      this.#access.timedOut();
      this.#socket.destroy();
    };
    this.#idle = seconds > 0 ? wheel.schedule(seconds * 1000, over) : undefined;
  }

  async #next(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let frame = this.#waiting.shift(); frame && !this.#socket.destroyed; frame = this.#waiting.shift()) {
      if (frame['kind'] === 'command') await this.#command(frame);
      else if (frame['kind'] === 'auth') await this.#authenticate(frame);
      else if (frame['kind'] === 'complete') this.#complete(frame);
      if (this.#access.user !== undefined) this.#touch();
    }
    this.#isBusy = false;
    if (this.#isHeardOut) this.#socket.end();
  }

  async #authenticate({ mechanism, data }: Frame): Promise<void> {
    const word = (value: unknown) => (typeof value === 'string' ? value : undefined);
    const step = await this.#access.authenticate(word(mechanism), word(data));
    if (this.#socket.destroyed) return;
    if (step.kind !== 'denied') {
      this.#socket.write(formatFrame(step));
      return;
    }
    this.#socket.write(formatFrame({ kind: 'denied', reason: step.reason }));
    if (step.isOver) this.#socket.end();
  }

  async #command(frame: Frame): Promise<void> {
    const { id, line } = frame;
    if (typeof id !== 'number' || typeof line !== 'string') return;
    const socket = this.#socket;
    const user = this.#access.user;
    const result =
      user === undefined
        ? { ok: false, text: 'Authorization required for console session\n' }
        : await runCommand(line, this.#o.server, this.#sessionOf(user));
    if (socket.destroyed) return;
    // Parts keep a long answer below the bound of a frame.
    for (let at = 0; at < result.text.length; at += PART_CHARACTERS)
      socket.write(formatFrame({ kind: 'part', id, text: result.text.slice(at, at + PART_CHARACTERS) }));
    if (socket.write(formatFrame({ kind: 'end', id, ok: result.ok }))) return;
    await new Promise<void>((done) => void socket.once('drain', done).once('close', done));
  }

  /** What may be typed next: for line editors, which ask at every tabulator. */
  #complete({ id, line }: Frame): void {
    const user = this.#access.user;
    if (typeof id !== 'number' || typeof line !== 'string' || user === undefined) return;
    const words = completeLine(line, operations, this.#sessionOf(user));
    this.#socket.write(formatFrame({ kind: 'completions', id, words }));
  }

  /** A transaction ends with its connection: nobody else could end it. */
  #sessionOf(user: string): ConsoleSession {
    const who = whoIs(user, this.#facts);
    this.#session ??= { who, config: this.#o.server.openConfig(who), access: this.#access };
    return this.#session;
  }
}
