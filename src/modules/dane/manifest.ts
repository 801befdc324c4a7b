/**
 * dane: what the module is, before any of it is loaded.
 *
 * Its options are declared with all other modules' in `config`, so there is one table. Truth: the manual's page of dane; RFC 7672.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'dane';

export const manifest: ModuleManifest = {
  name,
  singleton: true,
  about: 'TLS as the TLSA records of a domain demand it.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'settings',
  commands: [],
};
