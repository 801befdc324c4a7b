/*
 * `config eval`: the value in force after fallback, down to the default; the scopes need not exist.
 *
 * Truth: CC-06.
 */
import { reply, type Operation } from './operation.ts';

export const configEval: Operation = {
  words: ['config', 'eval'],
  usage: 'config eval [scope [instance]]... <option>',
  about: 'the value that is in force there',
  examples: ['config eval binding b domain example.com message_expiration'],
  run: (_server, _args, { session, rest }) => reply(session.config.eval(rest)),
};
