/**
 * mail_loop: what the module is, before any of it is loaded.
 *
 * Its options are declared with all other modules' in `config`, so there is one table. Truth: OUT-49.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'mail_loop';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Stops messages that go round in circles.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'settings',
  commands: [],
};
