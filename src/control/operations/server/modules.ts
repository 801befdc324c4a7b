/*
 * `module list` and `module hooks`: the modules of the configuration, and the places where modules speak.
 */
import { PHASES } from '#hooks';
import { answer, type Operation } from '../operation.ts';

export const moduleList: Operation = {
  words: ['module', 'list'],
  usage: 'module list',
  about: 'modules that the configuration loads, with their instances',
  run(server) {
    const modules = server.modules();
    const lines = modules.flatMap(({ scope, instance, isEnabled, isWorking, about }) => [
      `Module: ${scope}${instance === undefined ? '' : `:${instance}`}`,
      `  Scope_Name: ${scope}`,
      ...(instance === undefined ? [] : [`  Instance_Name: ${instance}`]),
      `  Enabled: ${isEnabled ? 'enabled' : 'disabled'}${isWorking ? '' : ' (does not work here yet)'}`,
      `  Name: ${scope}`,
      `  Description: ${about}`,
    ]);
    return { ...answer([...lines, `${modules.length} modules`].join('\n')), data: { modules } };
  },
};

export const moduleHooks: Operation = {
  words: ['module', 'hooks'],
  usage: 'module hooks',
  about: 'the phases in which a module may speak',
  run: () => ({
    ...answer(PHASES.flatMap((phase) => [phase, '\t(context, message or recipient) => verdict']).join('\n')),
    data: { hooks: PHASES },
  }),
};
