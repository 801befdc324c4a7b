/*
 * Commands of the logger modules: `ec_logger[:instance] reopen logs` and `ec_logger help` (CON-11), and the same for its kin.
 *
 * All logs are written by one thread, so one instance's logs are reopened together with the others': nothing is lost by it.
 */
import { answer, type Operation } from '../operation.ts';
import { reopened } from './process.ts';

const loggers = [
  'bounce_logger',
  'custom_logger',
  'ec_logger',
  'event_logger',
  'exim_logger',
  'postfix_logger',
  'sendmail_logger',
] as const;

function commandsOf(logger: string): Operation[] {
  const reopen: Operation = {
    words: [logger, 'reopen', 'logs'],
    usage: `${logger}[:instance] reopen logs`,
    about: 'close and open the files of the loggers',
    isModule: true,
    run: reopened,
  };
  const help: Operation = {
    words: [logger, 'help'],
    usage: `${logger} help`,
    about: `the commands of ${logger}`,
    isModule: true,
    run: () => answer(`${reopen.usage}  ${reopen.about}`),
  };
  return [help, reopen];
}

export const loggerOperations: readonly Operation[] = loggers.flatMap(commandsOf);
