/*
 * `config rollback`: the transaction ends and leaves nothing.
 *
 * Truth: CC-14.
 */
import { reply, type Operation } from './operation.ts';

export const configRollback: Operation = {
  words: ['config', 'rollback'],
  usage: 'config rollback',
  about: 'drop the transaction',
  run: (_server, _args, { session }) => reply(session.config.rollback()),
};
