/*
 * `config replay`: the set and unset commands of the open transaction, in order.
 *
 * Truth: CC-16.
 */
import { reply, type Operation } from './operation.ts';

export const configReplay: Operation = {
  words: ['config', 'replay'],
  usage: 'config replay',
  about: 'the changes of the transaction as commands',
  run: (_server, _args, { session }) => reply(session.config.replay()),
};
