/**
 * static_routes: what the module is, before any of it is loaded.
 *
 * Its options are declared with all other modules' in `config`, so there is one table. Truth: OUT-23.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'static_routes';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Sends all mail to one address.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'settings',
  commands: [],
};
