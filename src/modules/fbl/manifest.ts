/**
 * fbl: complaints of receivers, traced by a header that mail carries out and reports bring back. What it is, before it is loaded.
 *
 * Its options are declared with all other modules' in `config`. Truth: rule BNC-13.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'fbl';

export const manifest: ModuleManifest = {
  name,
  singleton: true,
  about: 'Marks mail that leaves, reads feedback reports about it, and logs complaints.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: ['data_spool_each_rcpt'],
  provides: 'validation',
  commands: [],
};
