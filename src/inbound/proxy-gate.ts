/**
 * The door of a listener behind load balancers: the PROXY header is read from a connection before a session begins on it.
 *
 * The one rule: only the hosts of the stanza are listened to (Proxy_Protocol_Hosts, or all by Proxy_Protocol), and each of their connections must begin with a header; everybody
 * else, and whoever is late or wrong, is closed without a word, because a peer that can choose its address can choose its rights.
 * Bounds: Proxy_Protocol_Timeout for the header, its length (#net), and the connections of the listener.
 * Not here: the form of the header (#net), what follows from the address (session rules). Truth: attack A79.
 */
import type { Socket } from 'node:net';
import type { IpAddress, PrefixTrie, TimerWheel } from '#base';
import { parseProxyHeader, type ProxyAddress, type ProxyHeader } from '#net';
import type { PanicLog } from '#observe';

interface ProxyAnswer {
  /** Absent when the balancer speaks for itself. */
  readonly from?: ProxyAddress;
  readonly to?: ProxyAddress;
}

interface ProxyGateOptions {
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly panic: Pick<PanicLog, 'log'>;
}

export class ProxyGate {
  readonly #o: ProxyGateOptions;
  readonly #waiting = new Set<Socket>();

  constructor(o: ProxyGateOptions) {
    this.#o = o;
  }

  /** Reads the header; `done` hears of it in the turn in which it was complete. What came behind it is still to be read. */
  admit(
    socket: Socket,
    o: { ip: IpAddress; hosts: PrefixTrie<true>; headerMs: number; listen: string },
    done: (answer: ProxyAnswer) => void,
  ): void {
    const complain = (cause: string): void => {
      this.#o.panic.log('NOTICE', 'NET', `${o.listen}: connection from ${o.ip.text} closed: ${cause}`);
      socket.destroy();
    };
    socket.on('error', ignore);
    if (o.hosts.match(o.ip) !== true) {
      complain('it is not among Proxy_Protocol_Hosts');
      return;
    }
    this.#waiting.add(socket);
    const timer = o.headerMs > 0 ? this.#o.wheel.schedule(o.headerMs, () => complain('no PROXY header came in time')) : 0;
    const over = (): void => {
      if (timer !== 0) this.#o.wheel.cancel(timer);
      this.#waiting.delete(socket);
      socket.off('data', read).off('close', over).off('end', gone);
    };
    const gone = (): void => void socket.destroy();
    let bytes: Buffer = NOTHING;
    const read = (chunk: Buffer): void => {
      // The chunk is only lent.
      bytes = Buffer.concat([bytes, chunk]);
      const header = parseProxyHeader(bytes);
      if (header.kind === 'more') return;
      over();
      if (header.kind === 'fault') {
        complain(`its PROXY header is wrong: ${header.cause}`);
        return;
      }
      socket.off('error', ignore);
      // What follows is the client's; it flows again to whoever listens by the end of this turn.
      socket.pause();
      if (header.length < bytes.length) socket.unshift(bytes.subarray(header.length));
      socket.resume();
      done(answerOf(header));
    };
    socket.on('data', read).on('close', over).on('end', gone);
  }

  /** Closes what has not begun. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }
}

const NOTHING = Buffer.alloc(0);

function ignore(): void {
  // A connection that breaks before it began is told of by 'close'.
}

function answerOf(header: Extract<ProxyHeader, { kind: 'client' | 'local' }>): ProxyAnswer {
  return header.kind === 'client' ? { from: header.from, to: header.to } : {};
}
