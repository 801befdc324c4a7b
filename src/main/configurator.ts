/*
 * The desk of the running server: the files it was started from, and where a configuration goes that the console has made.
 *
 * The one rule: what the console changes are the files as they were read; the disk is looked at again by a reload and before something is
 * saved. Everything is put into force by the server's own `activate`, whoever asked for it.
 * Not here: transactions and placement (config), threads and sockets (server.ts). Truth: CC-14 to CC-21, CFG-40 to CFG-47.
 */
import { isAbsolute } from 'node:path';
import { systemClock } from '#base';
import { ConfigDesk, fileStore, systemFiles, type DeskOptions } from '#config';
import { compileRegex } from '#system';
import type { Site } from './site.ts';

/** `file`: the main file, absolute: a reload finds it wherever the process stands then. */
export function openDesk(site: Site, file: string, activate: DeskOptions['activate']): ConfigDesk {
  const path = site.read.targets?.main.path ?? '';
  return new ConfigDesk({
    setup: { main: file, searchPath: site.searchPath, compileRegex },
    files: site.files,
    read: isAbsolute(path) ? site.read : undefined,
    disk: systemFiles,
    store: fileStore(),
    clock: systemClock,
    activate,
  });
}
