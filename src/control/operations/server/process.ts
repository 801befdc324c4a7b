/*
 * `pid`, `shutdown`, `reopen logs`, `paniclog`: the small commands about the process itself.
 *
 * Shutdown refuses new connections, finishes what is under way and closes the spool cleanly (CON-12).
 */
import { answer, refusal, type Answer, type Operation, type ServerPort } from '../operation.ts';

export const pid: Operation = {
  words: ['pid'],
  usage: 'pid',
  about: 'process id of the server',
  run: (server) => answer(String(server.pid), { pid: server.pid }),
};

export const shutdown: Operation = {
  words: ['shutdown'],
  usage: 'shutdown',
  about: 'stop taking connections, finish what is under way, end',
  run(server) {
    server.shutdown();
    return answer('Shutting down.');
  },
};

export const reopenLogs: Operation = {
  words: ['reopen', 'logs'],
  usage: 'reopen logs',
  about: 'close and open all logs, after they were moved away',
  run: reopened,
};

/** Refused when a file that may have been moved away is still written to; of other targets the answer only says that they failed. */
export async function reopened(server: Pick<ServerPort, 'reopenLogs'>): Promise<Answer> {
  const { problems, others } = await server.reopenLogs();
  if (problems.length > 0) return refusal([...problems, ...others].join('\n'));
  return answer(['Logs reopened.', ...others.map((other) => `But not ${other}`)].join('\n'));
}

export const paniclog: Operation = {
  words: ['paniclog'],
  usage: 'paniclog',
  about: 'the last diagnostics of each level',
  async run(server) {
    const lines = await server.panicLines();
    return answer(lines.join('\n'), { lines });
  },
};
