/**
 * policy (ours): a TypeScript file that decides in the phases of a reception. What it is, before any of it is loaded.
 *
 * Several instances may run, in the order of the configuration; each has a thread of its own for each event loop.
 * Truth: POL-01 to POL-07; docs/policy.md.
 */
import { moduleDeclarations } from '#config';
import { PHASES, type ModuleManifest } from '#hooks';

const name = 'policy';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Runs a TypeScript file in the phases of a reception.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: PHASES,
  provides: 'validation',
  commands: [],
};
