/**
 * pipe_io: a log whose lines go to the standard input of a program. What it is, before it is loaded.
 *
 * It brings the scheme pipe://, with or without a stanza. Truth: LOG-22.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'pipe_io';

export const manifest: ModuleManifest = {
  name,
  singleton: true,
  about: 'Writes logs into the standard input of a program.',
  runs: 'writer',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'log-scheme',
  commands: [],
};
