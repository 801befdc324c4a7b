/**
 * opendkim: what the module is, before any of it is loaded.
 *
 * Each instance puts a signature of its own on a message. Its options are declared with all other modules' in `config`, so there is one
 * table. Truth: MOD-03.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'opendkim';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Signs outgoing mail with DKIM, by RSA and Ed25519.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'signer',
  commands: [],
};
