/**
 * spf_v1: whether the client may send mail in the name of the sender's domain. What the module is, before any of it is loaded.
 *
 * Its options are declared with all other modules' in `config`, so there is one table. Truth: MOD-02.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'spf_v1';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Checks the sender of received mail against the SPF record of its domain.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: ['mailfrom', 'rcptto', 'data_spool'],
  provides: 'validation',
  commands: [],
};
