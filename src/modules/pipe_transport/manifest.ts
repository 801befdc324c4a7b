/**
 * pipe_transport: what the module is, before any of it is loaded.
 *
 * Several instances may run; the first whose domains hold a recipient's domain has it. Its options are declared with all
 * other modules' in `config`, so there is one table. Truth: OUT-48.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'pipe_transport';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Hands the messages of its domains to a program instead of spooling them.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'mailbox-store',
  commands: [],
};
