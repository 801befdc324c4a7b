/*
 * `config get`: the value that stands exactly in that scope, without fallback.
 *
 * Truth: CC-05.
 */
import { reply, type Operation } from './operation.ts';

export const configGet: Operation = {
  words: ['config', 'get'],
  usage: 'config get [scope [instance]]... <option>',
  about: 'the value that is set exactly there',
  examples: ['config get max_retries'],
  run: (_server, _args, { session, rest }) => reply(session.config.get(rest)),
};
