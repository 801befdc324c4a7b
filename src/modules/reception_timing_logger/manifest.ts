/**
 * reception_timing_logger: writes what reception_timing measured into the logs of chunk_logger. What it is, before it is loaded.
 *
 * It has no options and no log of its own; it runs where mail is received, and chunk_logger in the writer. Truth: SMTP-22.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'reception_timing_logger';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Writes a line through chunk_logger for each message that was received, refused or left.',
  runs: 'loop',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'reception-timing',
  commands: [],
};
