/**
 * ec_logger: mainlog, rejectlog and paniclog in Momentum's own formats. What it is, before any of it is loaded.
 *
 * Several instances may run; each writes its own files, and those that name none all write the default files (LOG-20).
 * Its options are declared with all other modules' in `config`, so there is one table. Truth: LOG-10, LOG-11, LOG-20.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'ec_logger';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Writes what happened to mail (mainlog), what was refused (rejectlog) and diagnostics (paniclog).',
  runs: 'writer',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'logger',
  commands: [{ words: 'reopen logs', about: 'closes and opens the log files, for rotation', runs: 'writer', merge: 'first' }],
};
