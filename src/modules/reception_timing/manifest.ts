/**
 * reception_timing: measures how long each reception takes. What the module is, before any of it is loaded.
 *
 * It has no options of its own, and measures only where reception_timing_logger and a chunk_logger are there to write. Truth: SMTP-22.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'reception_timing';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Measures how long messages take to be received and scanned.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'reception-timing',
  commands: [],
};
