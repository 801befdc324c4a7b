/*
 * `config begin` and `config begin from scratch`: a transaction that only this connection sees.
 *
 * From scratch it begins with what an empty file gives. Truth: CC-14, CC-17.
 */
import { reply, type Operation } from './operation.ts';

export const configBegin: Operation = {
  words: ['config', 'begin'],
  usage: 'config begin',
  about: 'open a transaction on the running configuration',
  run: (_server, _args, { session }) => reply(session.config.begin(false)),
};

export const configBeginFromScratch: Operation = {
  words: ['config', 'begin', 'from', 'scratch'],
  usage: 'config begin from scratch',
  about: 'open a transaction on an almost empty configuration',
  run: (_server, _args, { session }) => reply(session.config.begin(true)),
};
