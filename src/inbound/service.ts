/**
 * The ESMTP service of one event loop: its listening sockets, its sessions, its end.
 *
 * The one rule: `apply` opens everything new before it closes anything old, and when one socket cannot be opened nothing
 * has changed (LSN-04). Concurrency is counted for all loops together, in cells that are handed in (LSN-08).
 * Bound: `connectionsMax` connections a socket, whatever the configuration.
 * Not here: the session itself (session.ts). Truth: LSN-02, LSN-04, LSN-08, SMTP-19.
 */
import type { Socket } from 'node:net';
import { formatEndpoint, parseEndpoint, parseIp, unmapIp, type IpAddress } from '#base';
import { Connection, Listener, SharedReads, type ListenAddress, type NetError } from '#net';
import { replies } from '#smtp';
import type { OwnEnd } from './connection-facts.ts';
import type { SessionCell, SessionPorts } from './ports.ts';
import { ProxyGate } from './proxy-gate.ts';
import type { OptionRecord } from './option-record.ts';
import { sessionRulesOf, type SessionRules } from './session-rules.ts';
import type { InboundLine } from './session-types.ts';
import { EsmtpSession, type SessionOptions } from './session.ts';

/** A Listen stanza as far as its socket is concerned. */
export interface ListenStanza {
  readonly address: string;
  readonly enable: boolean;
  readonly backlog?: number;
  readonly fileMode?: number;
  /** Bytes; 0 leaves them to the operating system. */
  readonly recvBuffer?: number;
  readonly sendBuffer?: number;
}

export interface EsmtpServiceOptions {
  readonly ports: SessionPorts;
  /** The resolver's record for a peer on a listener. Called once a connection. */
  readonly optionsFor: (address: string, ip: IpAddress) => OptionRecord;
  readonly serviceCell: SessionCell;
  readonly listenerCell: (address: string) => SessionCell;
  /** Whether other loops open the same TCP addresses. */
  readonly reusePort: boolean;
  readonly connectionsMax?: number;
  readonly descriptorsMax?: number;
  readonly tag?: string;
}

/** Connections of one listening socket at a time. */
export const CONNECTIONS_MAX = 20_000;

/** Where a connection came in, and between whom it is. */
interface Place {
  readonly listener: Listener;
  readonly cell: SessionCell;
  readonly remote: SessionOptions['remote'];
  readonly own: SessionOptions['own'];
}

/** What a connection through a Unix socket counts as: a peer on this machine. */
const LOOPBACK = parseIp('127.0.0.1') as IpAddress;

export class EsmtpService {
  readonly #o: EsmtpServiceOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly #sessions = new Set<EsmtpSession>();
  readonly #proxies: ProxyGate;
  readonly #reads = new SharedReads();
  #stopped: (() => void) | undefined;
  #stopTimer = 0;

  constructor(o: EsmtpServiceOptions) {
    this.#o = o;
    this.#proxies = new ProxyGate(o.ports);
  }

  /** One line a session that is open. */
  *lines(): IterableIterator<InboundLine> {
    for (const session of this.#sessions) yield session.line;
  }

  /** Sessions open now. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Where each open listener is bound, by its address as configured. */
  bound(): ReadonlyMap<string, ListenAddress | undefined> {
    return new Map([...this.#listeners.values()].map((listener) => [listener.address, listener.bound]));
  }

  /** Makes the sockets what the stanzas say. After an error nothing has changed. */
  apply(stanzas: readonly ListenStanza[], done: (error?: NetError) => void): void {
    const wanted = new Map<string, ListenStanza>();
    for (const stanza of stanzas) {
      if (stanza.enable) wanted.set(keyOf(stanza.address), stanza);
    }
    const fresh = [...wanted].filter(([key]) => !this.#listeners.has(key)).map(([key, stanza]) => ({ key, listener: this.#make(stanza) }));
    this.#openEach(fresh, 0, (error) => {
      if (error !== undefined) {
        done(error);
        return;
      }
      for (const { key, listener } of fresh) this.#listeners.set(key, listener);
      const old = [...this.#listeners].filter(([key]) => !wanted.has(key));
      for (const [key] of old) this.#listeners.delete(key);
      closeEach(
        old.map(([, listener]) => listener),
        done,
      );
    });
  }

  /** No new connections; idle sessions hear goodbye, others after their transaction, all at the end of the grace. */
  stop(graceMs: number, done: () => void): void {
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    closeEach(listeners, () => {
      this.#stopped = done;
      this.#proxies.close();
      for (const session of this.#sessions) session.drain();
      this.#stopTimer = this.#o.ports.wheel.schedule(graceMs, () => {
        for (const session of this.#sessions) session.cut();
      });
      this.#checkStopped();
    });
  }

  #make(stanza: ListenStanza): Listener {
    const { ports, reusePort, descriptorsMax, tag } = this.#o;
    const cell = this.#o.listenerCell(stanza.address);
    const { backlog, fileMode, recvBuffer, sendBuffer } = stanza;
    return new Listener({
      address: stanza.address,
      reusePort,
      connectionsMax: this.#o.connectionsMax ?? CONNECTIONS_MAX,
      wheel: ports.wheel,
      mono: () => ports.clock.mono(),
      panic: ports.panic,
      reads: this.#reads,
      accept: (socket, listener) => this.#accept(socket, listener, cell),
      ...(backlog === undefined ? {} : { backlog }),
      ...(fileMode === undefined ? {} : { fileMode }),
      ...(recvBuffer === undefined ? {} : { recvBuffer }),
      ...(sendBuffer === undefined ? {} : { sendBuffer }),
      ...(descriptorsMax === undefined ? {} : { descriptorsMax }),
      ...(tag === undefined ? {} : { tag }),
    });
  }

  #accept(socket: Socket, listener: Listener, cell: SessionCell): void {
    const text = socket.remoteAddress ?? '';
    const seen = parseIp(text);
    const ip = listener.isUnix ? LOOPBACK : seen === undefined ? undefined : unmapIp(seen);
    if (ip === undefined) {
      // The peer was gone before it could be looked at.
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    const { proxyHosts, proxyHeaderMs } = sessionRulesOf(this.#o.optionsFor(listener.address, ip));
    const own = (): OwnEnd => ({ ip: socket.localAddress ?? listener.address, port: socket.localPort ?? 0 });
    const place = { listener, cell, own, remote: { ip, text: listener.isUnix ? '' : ip.text, port: socket.remotePort ?? 0 } };
    if (proxyHosts === undefined) {
      this.#begin(socket, place);
      return;
    }
    this.#proxies.admit(socket, { ip, hosts: proxyHosts, headerMs: proxyHeaderMs, listen: listener.address }, ({ from, to }) => {
      if (from === undefined) this.#begin(socket, place);
      else {
        const client = unmapIp(from.ip);
        const named = to === undefined ? own : (): OwnEnd => ({ ip: to.ip.text, port: to.port });
        this.#begin(socket, { ...place, remote: { ip: client, text: client.text, port: from.port }, own: named });
      }
    });
  }

  #begin(socket: Socket, o: Place): void {
    const { listener, cell, remote, own } = o;
    const { ports } = this.#o;
    const rules = sessionRulesOf(this.#o.optionsFor(listener.address, remote.ip));
    const cells = { service: this.#o.serviceCell, listener: cell };
    const hasPlace = takePlace(cells, rules);
    const connection = new Connection({ stream: socket, wheel: ports.wheel, mono: () => ports.clock.mono(), idleMs: rules.idleMs });
    const session = new EsmtpSession({
      ports,
      rules,
      connection,
      remote,
      listen: listener.address,
      rulesFor: (other) => sessionRulesOf(this.#o.optionsFor(listener.address, other)),
      own,
      ended: (over) => {
        this.#sessions.delete(over);
        ports.counters.add('inboundConnections', -1);
        if (hasPlace) {
          cells.service.release();
          cells.listener.release();
        }
        this.#checkStopped();
      },
    });
    this.#sessions.add(session);
    ports.counters.add('inboundConnectionsTotal');
    ports.counters.add('inboundConnections');
    if (!hasPlace) session.turnAway(replies.concurrencyLimit);
    else if (ports.pressure() === 'refuse') session.turnAway(replies.resourcesExceeded);
    else session.start();
  }

  #openEach(fresh: readonly { listener: Listener }[], index: number, done: (error?: NetError) => void): void {
    const next = fresh[index];
    if (next === undefined) {
      done();
      return;
    }
    next.listener.open((error) => {
      if (error === undefined) {
        this.#openEach(fresh, index + 1, done);
        return;
      }
      closeEach(
        fresh.slice(0, index).map(({ listener }) => listener),
        () => done(error),
      );
    });
  }

  #checkStopped(): void {
    if (this.#stopped === undefined || this.#sessions.size > 0) return;
    const stopped = this.#stopped;
    this.#stopped = undefined;
    this.#o.ports.wheel.cancel(this.#stopTimer);
    stopped();
  }
}

/** One key a socket, however its address is spelt. */
function keyOf(address: string): string {
  const endpoint = parseEndpoint(address);
  return endpoint === undefined ? address : formatEndpoint(endpoint);
}

function takePlace(cells: { service: SessionCell; listener: SessionCell }, rules: SessionRules): boolean {
  if (!cells.service.acquire(rules.serviceSessions)) return false;
  if (cells.listener.acquire(rules.listenerSessions)) return true;
  cells.service.release();
  return false;
}

function closeEach(listeners: readonly Listener[], done: () => void): void {
  let left = listeners.length;
  if (left === 0) {
    done();
    return;
  }
  for (const listener of listeners) {
    listener.close(() => {
      if (--left === 0) done();
    });
  }
}
