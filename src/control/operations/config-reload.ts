/*
 * `config reload [path]`: reads the configuration again and puts it into effect, or changes nothing and says why.
 *
 * Changes that were not saved are dropped; refused inside a transaction. Truth: CC-19, CFG-12, CFG-47.
 */
import { answer, pathArgument, refusal, type Operation } from './operation.ts';

export const configReload: Operation = {
  words: ['config', 'reload'],
  usage: 'config reload [path]',
  about: 'read the configuration again; a bad one changes nothing',
  namesFiles: (args) => args.length > 0,
  async run(_server, _args, { session, rest }) {
    const { ok, lines } = await session.config.reload(pathArgument(rest));
    if (ok) return answer(['Reconfigured.', ...lines].join('\n'));
    return refusal([...lines, 'Reconfigure failed.'].join('\n'));
  },
};
