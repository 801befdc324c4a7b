/**
 * dmarc (ours): whether the domain of From stands behind received mail. What the module is, before any of it is loaded.
 *
 * Its options are declared with all other modules' in `config`, so there is one table. Truth: RFC 9989.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'dmarc';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Checks the author of received mail by DMARC.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: ['data_spool'],
  provides: 'validation',
  commands: [],
};
