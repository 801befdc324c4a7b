/*
 * All console connections of this server.
 *
 * Not here: sockets (main opens them), what a connection does (connection.ts).
 */
import type { Socket } from 'node:net';
import { ConsoleConnection, type ConnectionOptions } from './connection.ts';
import { factsOf } from './identity.ts';

export class ConsoleServer {
  readonly #o: ConnectionOptions;
  readonly #open = new Set<Socket>();

  constructor(o: ConnectionOptions) {
    this.#o = o;
  }

  /** Serves one connection that was accepted on `listener` until it ends. */
  serve(socket: Socket, listener: string): void {
    this.#open.add(socket);
    new ConsoleConnection(this.#o, socket, factsOf(socket, listener)).start(() => this.#open.delete(socket));
  }

  /** Ends all connections. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
