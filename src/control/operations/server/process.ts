/*
 * `pid`, `shutdown`, `reopen logs`, `paniclog`: the small commands about the process itself.
 *
 * Shutdown refuses new connections, finishes what is under way and closes the spool cleanly (CON-12).
 */
import { answer, refusal, type Operation } from '../operation.ts';

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
  async run(server) {
    const problems = await server.reopenLogs();
    return problems.length === 0 ? answer('Logs reopened.') : refusal(problems.join('\n'));
  },
};

export const paniclog: Operation = {
  words: ['paniclog'],
  usage: 'paniclog',
  about: 'the last diagnostics of each level',
  async run(server) {
    const lines = await server.panicLines();
    return answer(lines.join('\n'), { lines });
  },
};
