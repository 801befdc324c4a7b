/*
 * `config diff` (ours): options, listeners and limits that a commit or a reload would change, before it does.
 *
 * It changes nothing.
 */
import { reply, type Operation } from './operation.ts';

export const configDiff: Operation = {
  words: ['config', 'diff'],
  usage: 'config diff',
  about: 'what a commit would change; without a transaction, a reload',
  run: (_server, _args, { session }) => reply(session.config.diff()),
};
