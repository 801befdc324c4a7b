/*
 * `threads`: how each event loop is doing: its longest turn, the 99th percentile, the mean, and how busy it was, since the last `threads reset`.
 */
import { answer, type Answer, type Operation, type ServerPort } from '../operation.ts';

interface Delays {
  readonly maxMs: number;
  readonly p99Ms: number;
  readonly meanMs: number;
  readonly busy: number;
}

async function report(server: ServerPort, reset: boolean): Promise<Answer> {
  const { answers, silent } = await server.askLoops('loop.delay', { reset });
  const rows = [...answers].map(([loop, value]) => {
    const { maxMs, p99Ms, meanMs, busy } = value as Delays;
    const ms = (n: number) => `${n.toFixed(1)} ms`.padStart(9);
    return `${`loop ${loop}`.padEnd(10)}${ms(maxMs)}${ms(p99Ms)}${ms(meanMs)}${`${Math.round(busy * 100)} %`.padStart(8)}`;
  });
  const threads = [...answers].map(([loop, value]) => ({ loop, ...(value as Delays) }));
  return answer(['Thread      longest      99 %     mean    busy', ...rows, ...silent].join('\n'), { threads });
}

export const threads: Operation = {
  words: ['threads'],
  usage: 'threads',
  about: 'event loops: longest delay of a turn, 99th percentile, mean, and how busy they are, since the last reset',
  run: (server) => report(server, false),
};

export const threadsStats: Operation = {
  words: ['threads', 'stats'],
  usage: 'threads stats',
  about: 'the same as threads',
  run: (server) => report(server, false),
};

export const threadsReset: Operation = {
  words: ['threads', 'reset'],
  usage: 'threads reset',
  about: 'the same, and the figures begin anew',
  run: (server) => report(server, true),
};
