/*
 * `config writeback [path]`: saves what was changed into the files it belongs to.
 *
 * With a path, that file is written in place of the main one. What cannot be saved is shown with a warning. Truth: CC-20, CFG-40 to CFG-46.
 */
import { pathArgument, reply, type Operation } from './operation.ts';

export const configWriteback: Operation = {
  words: ['config', 'writeback'],
  usage: 'config writeback [path]',
  about: 'save changes into the files they belong to',
  namesFiles: (args) => args.length > 0,
  run: async (_server, _args, { session, rest }) => reply(await session.config.writeBack(pathArgument(rest))),
};
