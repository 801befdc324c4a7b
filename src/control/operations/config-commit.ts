/*
 * `config commit`: all changes of the transaction at once; refused when somebody else was first.
 *
 * Truth: CC-14, CC-15.
 */
import { reply, type Operation } from './operation.ts';

export const configCommit: Operation = {
  words: ['config', 'commit'],
  usage: 'config commit',
  about: 'put the transaction into force; not saved to disk',
  run: async (_server, _args, { session }) => reply(await session.config.commit()),
};
