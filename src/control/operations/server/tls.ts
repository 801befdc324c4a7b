/*
 * `tls show cache`, `tls flush cache` and `tls rekey`: the contexts of listeners, and of connections to next hops, that are made and kept, sessions with
 * next hops that may be taken up again, and the keys of the tickets that clients were given.
 */
import { answer, type Operation } from '../operation.ts';
import { gathered } from './table.ts';

interface TlsLine {
  readonly listener: string;
  readonly certificate: string;
  readonly clientCa: string;
  readonly ciphers: string;
  readonly seconds: number;
}

interface SessionCounts {
  readonly kept: number;
  readonly most: number;
  readonly offered: number;
  readonly resumed: number;
}

export const tlsShowCache: Operation = {
  words: ['tls', 'show', 'cache'],
  usage: 'tls show cache',
  about: 'TLS contexts that are kept: listener, certificate, authorities, ciphers; and outbound sessions kept, offered, taken up again',
  async run(server) {
    const { answers, silent } = await server.askLoops('tls.contexts', undefined);
    const contexts = gathered<TlsLine>(answers);
    const lines = contexts.flatMap(({ loop, listener, certificate, clientCa, ciphers, seconds }, i) => [
      `${i + 1}: loop ${loop}, listener ${listener}, files looked at ${seconds.toFixed(0)} s ago`,
      `   certificate: ${certificate}`,
      ...(clientCa === '' ? [] : [`   ca list: ${clientCa}`]),
      ...(ciphers === '' ? [] : [`   ciphers: ${ciphers}`]),
    ]);
    const counts = [...(await server.askLoops('tls.sessions', undefined)).answers].filter(([, one]) => one !== undefined);
    const sessions = counts.map(([loop, one]) => ({ loop, ...(one as SessionCounts) }));
    const sums = sessions.map(
      ({ loop, kept, most, offered, resumed }) =>
        `loop ${loop}: outbound sessions: ${kept} kept (at most ${most}), ${offered} offered, ${resumed} taken up again`,
    );
    return { ...answer([...lines, `${contexts.length} contexts`, ...sums, ...silent].join('\n')), data: { contexts, sessions } };
  },
};

export const tlsFlushCache: Operation = {
  words: ['tls', 'flush', 'cache'],
  usage: 'tls flush cache',
  about: 'make every TLS context anew from its files at its next use; forget outbound sessions',
  async run(server) {
    const { answers, silent } = await server.askLoops('tls.flush', undefined);
    const dropped = [...answers.values()].reduce((sum: number, n) => sum + Number(n), 0);
    return { ...answer(['Cache flush request submitted.', ...silent].join('\n')), data: { dropped } };
  },
};

export const tlsRekey: Operation = {
  words: ['tls', 'rekey'],
  usage: 'tls rekey',
  about: 'new keys for the session tickets of listeners: no ticket that a client has is good any more',
  async run(server) {
    const { answers, silent } = await server.rekeyTickets();
    const rekeyed = [...answers.values()].reduce((sum: number, n) => sum + Number(n), 0);
    return { ...answer(['Rekey request submitted.', ...silent].join('\n')), data: { rekeyed } };
  },
};
