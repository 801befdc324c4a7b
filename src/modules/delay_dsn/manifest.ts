/**
 * delay_dsn: senders are told that their mail is late. What it is, before it is loaded.
 *
 * It has no options of its own: Generate_Delay_DSN and its intervals stand in the scopes of sending. Truth: rule BNC-11.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'delay_dsn';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Tells senders that their mail is late, by Generate_Delay_DSN.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'settings',
  commands: [{ words: 'show pending events', about: 'lists the notices of delay that are to come', runs: 'loop', merge: 'concatenate' }],
};
