/*
 * Commands of ec_logger: `ec_logger[:instance] reopen logs` and `ec_logger help` (CON-11).
 *
 * All logs are written by one thread, so one instance's logs are reopened together with the others': nothing is lost by it.
 */
import { answer, refusal, type Operation } from '../operation.ts';

const reopen: Operation = {
  words: ['ec_logger', 'reopen', 'logs'],
  usage: 'ec_logger[:instance] reopen logs',
  about: 'close and open the files of the loggers',
  isModule: true,
  async run(server) {
    const problems = await server.reopenLogs();
    return problems.length === 0 ? answer('Logs reopened.') : refusal(problems.join('\n'));
  },
};

const help: Operation = {
  words: ['ec_logger', 'help'],
  usage: 'ec_logger help',
  about: 'the commands of ec_logger',
  isModule: true,
  run: () => answer(`${reopen.usage}  ${reopen.about}`),
};

export const loggerOperations: readonly Operation[] = [help, reopen];
