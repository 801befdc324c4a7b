/**
 * custom_bounce_logger: the lines of bounce_logger with one more field, made of the contexts of the message. What it is, before it is loaded.
 *
 * Several instances may run, each with its own file. Its options are declared with all other modules' in `config`.
 * Truth: rules LOG-02, LOG-11, LOG-21, section 15.4.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'custom_bounce_logger';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Writes every bounce with its class and a text of the operator that takes values from contexts.',
  runs: 'writer',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'logger',
  commands: [{ words: 'reopen logs', about: 'closes and opens the log files, for rotation', runs: 'writer', merge: 'first' }],
};
