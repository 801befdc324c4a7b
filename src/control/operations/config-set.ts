/*
 * `config set`: one option; inside a transaction it waits for the commit.
 *
 * Truth: CC-02, CC-04, CC-18, CC-22.
 */
import { reply, type Operation } from './operation.ts';

export const configSet: Operation = {
  words: ['config', 'set'],
  usage: 'config set [scope [instance]]... <option> [=] <value>',
  about: 'set an option, at once or in the transaction',
  examples: ['config set domain example.com max_outbound_connections 5', 'config set esmtp_listener listen :25 enable false'],
  run: async (_server, _args, { session, rest }) => reply(await session.config.set(rest)),
};
