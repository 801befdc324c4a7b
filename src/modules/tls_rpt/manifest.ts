/**
 * tls_rpt: what the module is, before any of it is loaded. Ours: Momentum has a hook for scripts that report, and no reports.
 *
 * Its options are declared with all other modules' in `config`, so there is one table. Truth: RFC 8460.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'tls_rpt';

export const manifest: ModuleManifest = {
  name,
  singleton: true,
  about: 'Reports to domains how TLS with their hosts went.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'settings',
  commands: [],
};
