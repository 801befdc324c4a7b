/*
 * `write config [file]`: the running configuration as one text, on the console or in a file on the server.
 *
 * Includes are in place, comments are not; an open transaction is not in it. Truth: CC-21.
 */
import { pathArgument, reply, type Operation } from './operation.ts';

export const writeConfig: Operation = {
  words: ['write', 'config'],
  usage: 'write config [file]',
  about: 'the running configuration as one text',
  namesFiles: (args) => args.length > 0,
  run: (_server, _args, { session, rest }) => reply(session.config.dump(pathArgument(rest))),
};
