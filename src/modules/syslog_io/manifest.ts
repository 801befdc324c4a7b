/**
 * syslog_io: a log whose lines go to the system's own logger. What it is, before it is loaded.
 *
 * It brings the scheme syslog://, with or without a stanza. Truth: LOG-22.
 */
import { moduleDeclarations } from '#config';
import type { ModuleManifest } from '#hooks';

const name = 'syslog_io';

export const manifest: ModuleManifest = {
  name,
  singleton: true,
  about: 'Sends lines of logs to syslog.',
  runs: 'writer',
  options: moduleDeclarations.find((module) => module.name === name)?.options ?? [],
  phases: [],
  provides: 'log-scheme',
  commands: [],
};
