/*
 * `config showrecurse`: the whole text of a scope, or of the configuration; it can be read back.
 *
 * Truth: CC-11.
 */
import { reply, type Operation } from './operation.ts';

export const configShowRecurse: Operation = {
  words: ['config', 'showrecurse'],
  usage: 'config showrecurse [scope [instance]]...',
  about: 'a scope as text, with everything in it',
  run: (_server, _args, { session, rest }) => reply(session.config.showRecurse(rest)),
};
