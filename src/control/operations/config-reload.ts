/*
 * `config reload`: reads the configuration again and puts it into effect, or changes nothing and says why (CC-19, CFG-12).
 */
import { answer, refusal, type Operation } from './operation.ts';

export const configReload: Operation = {
  words: ['config', 'reload'],
  usage: 'config reload',
  about: 'read the configuration again; a bad one changes nothing',
  async run(server) {
    const { ok, problems } = await server.reload();
    if (ok) return answer(['Reconfigured.', ...problems].join('\n'));
    return refusal([...problems, 'Reconfigure failed.'].join('\n'));
  },
};
