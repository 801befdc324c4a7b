/**
 * dkim_validate: whether the signatures of received mail hold. What the module is, before any of it is loaded.
 *
 * Its options are declared with all other modules' in `config`, so there is one table. Truth: MOD-03; the module's page.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'dkim_validate';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Checks the DKIM signatures of received mail.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: ['data_spool'],
  provides: 'validation',
  commands: [],
};
