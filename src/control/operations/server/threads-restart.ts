/*
 * `threads restart`: ends one event loop, or the log writer, as if it had died; a successor takes up its mail and its sockets.
 *
 * Ours, not the manual's: for a loop that hangs, without a stop of the whole server. Sessions on that loop are lost, mail is not.
 */
import { answer, refusal, type Operation } from '../operation.ts';

export const threadsRestart: Operation = {
  words: ['threads', 'restart'],
  usage: 'threads restart <loop | writer>',
  about: 'end one thread; another one takes up its work',
  run(server, args) {
    const [name = ''] = args;
    const which = name === 'writer' ? name : /^\d{1,3}$/.test(name) ? Number(name) : undefined;
    if (args.length === 1 && which !== undefined && server.restartThread(which)) return answer(`Thread ${name} is restarted.`);
    return refusal(`Cannot restart the thread "${args.join(' ')}": expected the number of an event loop, from 0, or writer`);
  },
};
