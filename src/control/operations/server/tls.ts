/*
 * `tls show cache` and `tls flush cache`: the contexts of listeners, and of connections to next hops, that are made and kept.
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

export const tlsShowCache: Operation = {
  words: ['tls', 'show', 'cache'],
  usage: 'tls show cache',
  about: 'TLS contexts that are kept: listener, certificate, authorities, ciphers',
  async run(server) {
    const { answers, silent } = await server.askLoops('tls.contexts', undefined);
    const contexts = gathered<TlsLine>(answers);
    const lines = contexts.flatMap(({ loop, listener, certificate, clientCa, ciphers, seconds }, i) => [
      `${i + 1}: loop ${loop}, listener ${listener}, files looked at ${seconds.toFixed(0)} s ago`,
      `   certificate: ${certificate}`,
      ...(clientCa === '' ? [] : [`   ca list: ${clientCa}`]),
      ...(ciphers === '' ? [] : [`   ciphers: ${ciphers}`]),
    ]);
    return { ...answer([...lines, `${contexts.length} contexts`, ...silent].join('\n')), data: { contexts } };
  },
};

export const tlsFlushCache: Operation = {
  words: ['tls', 'flush', 'cache'],
  usage: 'tls flush cache',
  about: 'make every TLS context anew from its files at its next use',
  async run(server) {
    const { answers, silent } = await server.askLoops('tls.flush', undefined);
    const dropped = [...answers.values()].reduce((sum: number, n) => sum + Number(n), 0);
    return { ...answer(['Cache flush request submitted.', ...silent].join('\n')), data: { dropped } };
  },
};
