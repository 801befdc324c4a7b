/*
 * The server's side of a console connection: reads command frames, runs operations one after the other, sends answers.
 *
 * The one rule: whatever an operation does, the connection gets an `end` for each command and the process goes on.
 * Bounds: `commandsWaitingMax` commands a connection may have waiting (a client that sends more is disconnected), and no command
 * runs before the answer to the last one was taken; idle connections close after Timeout (CON-08). Not here: sockets (main opens them), who may do what (a later issue: AUTH-40).
 */
import type { Socket } from 'node:net';
import type { TimerWheel } from '#base';
import { runCommand, type ConsoleSession, type ServerPort } from '../operations/index.ts';
import { whoIs } from './identity.ts';
import { formatFrame, FrameReader, protocolVersion } from './wire.ts';

const commandsWaitingMax = 64;

export interface ConsoleServerOptions {
  readonly server: ServerPort;
  readonly wheel: TimerWheel;
  /** Timeout of the listener; 0 never closes. */
  readonly idleSeconds: () => number;
}

export class ConsoleServer {
  readonly #o: ConsoleServerOptions;
  readonly #open = new Set<Socket>();

  constructor(o: ConsoleServerOptions) {
    this.#o = o;
  }

  /** Serves one accepted connection until it ends. */
  serve(socket: Socket): void {
    const { server, wheel, idleSeconds } = this.#o;
    const who = whoIs(socket);
    // A transaction ends with its connection: nobody else could end it.
    const session: ConsoleSession = { who, config: server.openConfig(who) };
    const frames = new FrameReader();
    const waiting: Record<string, unknown>[] = [];
    let isBusy = false;
    let isHeardOut = false;
    let idle: number | undefined;
    const touch = () => {
      if (idle !== undefined) wheel.cancel(idle);
      const seconds = idleSeconds();
      idle = seconds > 0 ? wheel.schedule(seconds * 1000, () => socket.destroy()) : undefined;
    };
    const next = async (): Promise<void> => {
      if (isBusy) return;
      isBusy = true;
      for (let frame = waiting.shift(); frame && !socket.destroyed; frame = waiting.shift()) {
        await this.#answer(socket, frame, session);
        touch();
      }
      isBusy = false;
      if (isHeardOut) socket.end();
    };
    this.#open.add(socket);
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    // A client that has said all closes its half; it still gets its answers.
    socket.on('end', () => {
      isHeardOut = true;
      void next();
    });
    socket.on('close', () => {
      this.#open.delete(socket);
      if (idle !== undefined) wheel.cancel(idle);
    });
    socket.on('data', (text: string) => {
      touch();
      const got = frames.feed(text);
      waiting.push(...got.frames);
      if (got.problem || waiting.length > commandsWaitingMax) socket.destroy();
      else void next();
    });
    const { product, version, revision } = server.identity;
    socket.write(formatFrame({ kind: 'hello', protocol: protocolVersion, product, version, revision }));
    touch();
  }

  async #answer(socket: Socket, frame: Record<string, unknown>, session: ConsoleSession): Promise<void> {
    if (frame['kind'] !== 'command' || typeof frame['id'] !== 'number' || typeof frame['line'] !== 'string') return;
    const id = frame['id'];
    const result = await runCommand(frame['line'], this.#o.server, session);
    if (socket.destroyed) return;
    // Parts keep a long answer below the bound of a frame.
    for (let at = 0; at < result.text.length; at += 65_536)
      socket.write(formatFrame({ kind: 'part', id, text: result.text.slice(at, at + 65_536) }));
    if (socket.write(formatFrame({ kind: 'end', id, ok: result.ok }))) return;
    await new Promise<void>((done) => void socket.once('drain', done).once('close', done));
  }

  /** Ends all connections. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
