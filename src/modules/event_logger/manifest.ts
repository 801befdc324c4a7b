/**
 * event_logger (ours): one stream of events as JSON, a line an event, numbered without gaps. What it is, before it is loaded.
 *
 * Several instances may run. Its options are declared with all other modules' in `config`. The schema: docs/protocols/events.md.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'event_logger';

export const manifest: ModuleManifest = {
  name,
  singleton: false,
  about: 'Writes every event of mail as a line of JSON, with a sequence number.',
  runs: 'writer',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'logger',
  commands: [{ words: 'reopen logs', about: 'closes and opens the log files, for rotation', runs: 'writer', merge: 'first' }],
};
