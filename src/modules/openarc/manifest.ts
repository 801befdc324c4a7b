/**
 * openarc: whether the chain of those who passed received mail on holds, and one more link of it. What the module is, before any of it is loaded.
 *
 * Its options are declared with all other modules' in `config`, so there is one table. Truth: the module's page; RFC 8617.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'openarc';

export const manifest: ModuleManifest = {
  name,
  singleton: true,
  about: 'Checks the ARC chain of received mail, and seals what leaves.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: ['data_spool'],
  provides: 'validation',
  commands: [],
};
