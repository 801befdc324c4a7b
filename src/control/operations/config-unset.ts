/*
 * `config unset`: takes an option out, so that the fallback counts again, or a whole scope but the global one.
 *
 * Truth: CC-07, CC-08.
 */
import { reply, type Operation } from './operation.ts';

export const configUnset: Operation = {
  words: ['config', 'unset'],
  usage: 'config unset [scope [instance]]... [option]',
  about: 'remove an option, or a scope with all in it',
  examples: ['config unset domain example.com gateway'],
  run: async (_server, _args, { session, rest }) => reply(await session.config.unset(rest)),
};
