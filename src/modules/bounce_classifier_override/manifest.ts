/**
 * bounce_classifier_override: files with a site's own rules for the classes of bounces. What it is, before it is loaded.
 *
 * There is one instance. Its options are declared with all other modules' in `config`. Truth: rule BNC-10.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'bounce_classifier_override';

export const manifest: ModuleManifest = {
  name,
  singleton: true,
  about: 'Gives replies and bounces other classes than the shipped table does, by rules in files.',
  runs: 'writer',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'bounce-rules',
  commands: [
    { words: 'reload', about: 'reads the files now', runs: 'writer', merge: 'first' },
    { words: 'test', about: 'tells the class of a reply, and the rule that decided', runs: 'writer', merge: 'first' },
  ],
};
