/**
 * chunk_logger: a log that policy writes into, without waiting for the disk. What it is, before it is loaded.
 *
 * Several instances may run, each gets everything. Its options are declared with all other modules' in `config`. Truth: section 15.4 of the rules.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'chunk_logger';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Writes what policies say with chunkLog().',
  runs: 'writer',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'logger',
  commands: [{ words: 'reopen logs', about: 'closes and opens the log files, for rotation', runs: 'writer', merge: 'first' }],
};
