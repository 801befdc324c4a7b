/*
 * `config history` (ours): each change that was put into force, the oldest first; bounded.
 *
 * It changes nothing.
 */
import { reply, type Operation } from './operation.ts';

export const configHistory: Operation = {
  words: ['config', 'history'],
  usage: 'config history',
  about: 'the changes since the start: who, when, old and new',
  run: (_server, _args, { session }) => reply(session.config.history()),
};
