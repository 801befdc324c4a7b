/*
 * `config undo [N]` (ours): takes the newest change back, or the one with that number of `config history`.
 *
 * What was changed again since is not touched: then it refuses. An undo is a change itself and can be taken back.
 */
import { reply, type Operation } from './operation.ts';

export const configUndo: Operation = {
  words: ['config', 'undo'],
  usage: 'config undo [number]',
  about: 'take a change back; "config history" has the numbers',
  examples: ['config undo 3'],
  run: async (_server, _args, { session, rest }) => reply(await session.config.undo(rest)),
};
