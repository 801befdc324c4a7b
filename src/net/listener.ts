/**
 * One Listen stanza, one socket: opened, counted, drained, closed.
 *
 * The one rule: each event loop opens its own socket for the same TCP address (reusePort), and before that socket is closed
 * it is emptied, because the kernel resets whatever waits in a closing one.
 * Bounds: `connectionsMax` connections at a time (more are closed at once, one panic line a minute), `DRAIN_TURNS_MAX` turns
 * of emptying. `*` is IPv4 alone and `[*]` IPv6 alone, so that both may be written (LSN-02).
 * Not here: what is said on the connections. Truth: rules LSN-02 to LSN-06; attack A61.
 */
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { parseEndpoint, type TimerWheel } from '#base';
import type { PanicLog } from '#observe';
import { fdOf, setSocketBuffers } from '#system';
import { NetError, netErrorFrom } from './errors.ts';
import type { SharedReads } from './shared-reads.ts';
import { claimPath, FILE_MODE_DEFAULT, neighbourOf, removeIfSame, settlePath } from './unix-path.ts';

/** Waiting connections the kernel keeps, where Listen_Backlog is not set (LSN-06). */
export const BACKLOG_DEFAULT = 500;

/** Turns of the event loop spent on accepting what waits before a socket is closed. */
export const DRAIN_TURNS_MAX = 256;

/** Turns without a new connection after which a socket counts as empty. */
const DRAIN_TURNS_QUIET = 4;

/** Milliseconds for which accepting rests after the process ran out of descriptors. */
export const ACCEPT_REST_MS = 500;

/** Descriptors kept free for spool, logs and deliveries when `descriptorsMax` is known. */
export const DESCRIPTORS_RESERVE = 32;

/** Milliseconds between two panic lines about the same trouble of one listener. */
const COMPLAIN_EVERY_MS = 60_000;

export interface ListenAddress {
  readonly ip: string;
  readonly port: number;
}

export interface ListenerOptions {
  /** As written in the Listen stanza: ":25", "*:25", "[*]:25", "1.2.3.4:25", "[::1]:25", "/path". */
  readonly address: string;
  readonly backlog?: number;
  /** Permissions of a Unix socket. */
  readonly fileMode?: number;
  /** Kernel buffers of each connection in bytes; 0 leaves them to the operating system. */
  readonly recvBuffer?: number;
  readonly sendBuffer?: number;
  /** Whether other event loops open the same TCP address. */
  readonly reusePort?: boolean;
  readonly connectionsMax?: number;
  /** Descriptors the process may have open (its soft limit). Close to it, accepting rests and says so. */
  readonly descriptorsMax?: number;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly mono: () => number;
  readonly panic: Pick<PanicLog, 'log'>;
  /** Distinguishes the neighbouring names of Unix sockets made at the same time, e.g. the process id. */
  readonly tag?: string;
  /** Memory that all connections are read into: their 'data' then only lends its octets. */
  readonly reads?: SharedReads;
  /** Receives each connection, unread. */
  readonly accept: (socket: Socket, listener: Listener) => void;
}

export class Listener {
  readonly address: string;
  readonly #o: ListenerOptions;
  #server: Server | undefined;
  #path: string | undefined;
  #identity = '';
  #accepted = 0;
  #connections = 0;
  #complainedAt = Number.NEGATIVE_INFINITY;
  #restTimer = 0;

  constructor(o: ListenerOptions) {
    this.address = o.address;
    this.#o = o;
  }

  get isOpen(): boolean {
    return this.#server !== undefined;
  }

  /** Whether this is a Unix socket: its connections have no addresses. */
  get isUnix(): boolean {
    return this.address.startsWith('/');
  }

  /** Connections of this listener that are open now. */
  get connections(): number {
    return this.#connections;
  }

  /** Connections taken since the listener was made. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Where it listens in fact (the port when 0 was asked for); undefined when closed or a Unix socket. */
  get bound(): ListenAddress | undefined {
    const at = this.#server?.address();
    return at === null || at === undefined || typeof at === 'string' ? undefined : { ip: at.address, port: at.port };
  }

  open(done: (error?: NetError) => void): void {
    const endpoint = parseEndpoint(this.address);
    if (endpoint === undefined) {
      done(new NetError('address-syntax', this.address));
      return;
    }
    const backlog = this.#o.backlog ?? BACKLOG_DEFAULT;
    if (endpoint.kind === 'unix') {
      this.#openUnix(endpoint.path, backlog, done);
      return;
    }
    const isV6 = endpoint.family === 6;
    const host = endpoint.host === '*' ? '0.0.0.0' : endpoint.host === '[*]' ? '::' : endpoint.host;
    const options: ListenOptions = { host, port: endpoint.port, backlog, exclusive: true, ipv6Only: isV6 };
    if (this.#o.reusePort === true) options.reusePort = true;
    this.#listen(options, done);
  }

  /** Empties the socket, then closes it. Connections that were accepted go on. */
  close(done: () => void): void {
    const server = this.#server;
    if (server === undefined) {
      done();
      return;
    }
    this.#drain(DRAIN_TURNS_MAX, DRAIN_TURNS_QUIET, () => {
      this.#server = undefined;
      if (this.#restTimer !== 0) this.#o.wheel.cancel(this.#restTimer);
      if (this.#path !== undefined) removeIfSame(this.#path, this.#identity);
      // The callback of close() waits for the last connection; the socket itself is gone when close() returns.
      server.close();
      done();
    });
  }

  #openUnix(path: string, backlog: number, done: (error?: NetError) => void): void {
    const neighbour = neighbourOf(path, this.#o.tag ?? 'new');
    claimPath(path, (refused) => {
      if (refused !== undefined) {
        done(refused);
        return;
      }
      this.#listen({ path: neighbour, backlog, exclusive: true }, (error) => {
        if (error !== undefined) {
          done(error);
          return;
        }
        try {
          this.#identity = settlePath(neighbour, path, this.#o.fileMode ?? FILE_MODE_DEFAULT);
          this.#path = path;
          done();
        } catch (failure) {
          this.#server?.close();
          this.#server = undefined;
          done(failure as NetError);
        }
      });
    });
  }

  #listen(options: ListenOptions, done: (error?: NetError) => void): void {
    // noDelay always: each turn is one write already, and waiting for an acknowledgement would only cost time.
    const { reads } = this.#o;
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: reads !== undefined }, (socket) =>
      this.#onSocket(reads === undefined ? socket : reads.take(socket)),
    );
    if (this.#o.connectionsMax !== undefined) server.maxConnections = this.#o.connectionsMax;
    const refuse = (error: NodeJS.ErrnoException): void => {
      done(netErrorFrom(error, this.address));
    };
    server.once('error', refuse);
    server.on('drop', () => this.#complain(`${this.address}: connection closed at once, ${this.#connections} are open`));
    server.listen(options, () => {
      server.off('error', refuse);
      server.on('error', (error: NodeJS.ErrnoException) => this.#onAcceptError(error));
      this.#server = server;
      done();
    });
  }

  #onSocket(socket: Socket): void {
    this.#accepted++;
    this.#connections++;
    socket.once('close', () => {
      this.#connections--;
    });
    const { recvBuffer = 0, sendBuffer = 0, descriptorsMax = Number.POSITIVE_INFINITY } = this.#o;
    const fd = fdOf(socket);
    if (fd !== undefined) {
      if (recvBuffer > 0 || sendBuffer > 0) setSocketBuffers(fd, recvBuffer, sendBuffer);
      if (fd >= descriptorsMax - DESCRIPTORS_RESERVE) this.#rest(`descriptor ${fd} of ${descriptorsMax} is in use`);
    }
    this.#o.accept(socket, this);
  }

  #onAcceptError(error: NodeJS.ErrnoException): void {
    if (error.code === 'EMFILE' || error.code === 'ENFILE') this.#rest(error.code);
    else this.#complain(`${this.address}: cannot accept: ${error.code ?? error.message}`);
  }

  /**
   * Out of descriptors, or nearly: new connections are closed at once for a while, then accepting goes on. The runtime itself
   * closes what it cannot accept, without a word, so the number of the last descriptor is what gives the warning.
   */
  #rest(cause: string): void {
    this.#complain(`${this.address}: accepting rests for ${ACCEPT_REST_MS} ms: ${cause}`);
    const server = this.#server;
    if (server === undefined || this.#restTimer !== 0) return;
    const max = server.maxConnections;
    server.maxConnections = this.#connections;
    this.#restTimer = this.#o.wheel.schedule(ACCEPT_REST_MS, () => {
      this.#restTimer = 0;
      server.maxConnections = max;
    });
  }

  /** Says it once a minute at most: trouble of this kind comes a thousand times a second. */
  #complain(text: string): void {
    const now = this.#o.mono();
    if (now - this.#complainedAt < COMPLAIN_EVERY_MS) return;
    this.#complainedAt = now;
    this.#o.panic.log('ERROR', 'NET', text);
  }

  #drain(turns: number, quiet: number, done: () => void): void {
    const before = this.#accepted;
    setImmediate(() => {
      const isQuiet = this.#accepted === before;
      if (turns <= 0 || (isQuiet && quiet <= 1)) done();
      else this.#drain(turns - 1, isQuiet ? quiet - 1 : DRAIN_TURNS_QUIET, done);
    });
  }
}
