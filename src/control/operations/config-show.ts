/*
 * `config show`: own options of a scope, its child scopes abbreviated.
 *
 * Truth: CC-10.
 */
import { reply, type Operation } from './operation.ts';

export const configShow: Operation = {
  words: ['config', 'show'],
  usage: 'config show [scope [instance]]... [option]',
  about: 'what a scope sets; scopes inside it one line each',
  examples: ['config show binding b'],
  run: (_server, _args, { session, rest }) => reply(session.config.show(rest)),
};
