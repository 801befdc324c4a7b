/**
 * custom_logger: logs in a form of the operator's own, a format string for each kind of event. What it is, before it is loaded.
 *
 * Several instances may run. Its options are declared with all other modules' in `config`. Truth: section 15.5 of the rules.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'custom_logger';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Writes receptions, deliveries, failures and rejections in formats that the configuration gives.',
  runs: 'writer',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'logger',
  commands: [{ words: 'reopen logs', about: 'closes and opens the log files, for rotation', runs: 'writer', merge: 'first' }],
};
