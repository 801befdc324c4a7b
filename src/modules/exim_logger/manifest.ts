/**
 * exim_logger: a main log in the form of Exim's, for programs that read those. What it is, before it is loaded.
 *
 * Several instances may run. Its options are declared with all other modules' in `config`. Truth: section 15.4 of the rules.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'exim_logger';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Writes what happened to mail as Exim would.',
  runs: 'writer',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'logger',
  commands: [{ words: 'reopen logs', about: 'closes and opens the log files, for rotation', runs: 'writer', merge: 'first' }],
};
