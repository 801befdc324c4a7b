/*
 * `config locate`: the paths of all scopes of a name whose instance is, or matches, what was typed.
 *
 * Truth: CC-12, CC-13.
 */
import { reply, type Operation } from './operation.ts';

export const configLocate: Operation = {
  words: ['config', 'locate'],
  usage: 'config locate <scope> [instance | regex]',
  about: 'where scopes of that name stand',
  examples: ['config locate listen'],
  run: (_server, _args, { session, rest }) => reply(session.config.locate(rest)),
};
