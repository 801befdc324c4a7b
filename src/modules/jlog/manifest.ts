/**
 * jlog: logs that several programs read, each at its own pace, and that lose nothing. What it is, before it is loaded.
 *
 * It brings the schemes jlog:// and cluster://, with or without a stanza. Truth: LOG-22, MOD-12.
 */
import type { ModuleManifest } from '#hooks';

export const manifest: ModuleManifest = {
  name: 'jlog',
  singleton: true,
  about: 'Writes logs into a folder from which each subscriber reads and confirms.',
  runs: 'writer',
  options: [],
  phases: [],
  provides: 'log-scheme',
  commands: [],
};
