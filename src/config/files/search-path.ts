/**
 * Where configuration files are looked for.
 *
 * The one rule: the directory of the including file first, then the search path; the first hit wins, so that a node's file hides the
 * default one and a global one hides both.
 * It reads no environment: the caller hands in EC_CONF_SEARCH_PATH and the node's name.
 * Truth: the page ecelerity.conf (it wins over the ecconfigd page, which puts etc/ in front), CFG-20 to CFG-27.
 */
import { isAbsolute, join } from 'node:path';
import { faultOf, isFault, type FileFault, type FileSource, type FileStat } from './file-source.ts';

/** CFG-01: the main file's name. */
export const MAIN_FILE_NAME = 'ecelerity.conf';

/** CFG-20: all subclusters, this node, the subcluster (or the only directory, stand-alone). */
export const DEFAULT_SEARCH_PATH: readonly string[] = [
  '/opt/msys/ecelerity/etc/conf/global',
  '/opt/msys/ecelerity/etc/conf/{NODENAME}',
  '/opt/msys/ecelerity/etc/conf/default',
];

export interface SearchPathOptions {
  /** EC_CONF_SEARCH_PATH: directories with colons between them. Undefined or empty: the default path. */
  readonly environment?: string | undefined;
  readonly nodeName: string;
  /** CFG-23: in the foreground the current directory comes first. */
  readonly isForeground?: boolean;
}

/** The directories in order, `{NODENAME}` replaced. A node name that would leave its directory ('..', '/') is not put in. */
export function searchPath(options: SearchPathOptions): readonly string[] {
  const given = (options.environment ?? '').split(':').filter((directory) => directory !== '');
  const directories = given.length > 0 ? given : DEFAULT_SEARCH_PATH;
  const isPlain = options.nodeName !== '' && !options.nodeName.includes('/') && options.nodeName !== '..' && options.nodeName !== '.';
  const filled = directories
    .filter((directory) => isPlain || !directory.includes('{NODENAME}'))
    .map((directory) => directory.replaceAll('{NODENAME}', options.nodeName));
  return options.isForeground === true ? ['.', ...filled] : filled;
}

/** CFG-24: the name of cluster.boot or EC_NODE_NAME, else the short host name. */
export function nodeName(options: {
  readonly environment?: string | undefined;
  readonly bootFile?: string | undefined;
  readonly hostName: string;
}): string {
  return options.environment || options.bootFile || (options.hostName.split('.')[0] ?? options.hostName);
}

type FoundFile =
  | { readonly ok: true; readonly path: string; readonly stat: FileStat }
  | { readonly ok: false; readonly path: string; readonly fault: FileFault; readonly tried: readonly string[] };

/**
 * CFG-25, CFG-26. An absent file lets the next directory be asked; any other fault (no permission, for one) is reported at once:
 * falling through to another file would run a configuration nobody meant.
 */
export function findFile(target: string, fromDirectory: string | undefined, directories: readonly string[], files: FileSource): FoundFile {
  const candidates = isAbsolute(target)
    ? [target]
    : [...(fromDirectory === undefined ? [] : [fromDirectory]), ...directories].map((directory) => join(directory, target));
  let fault: FileFault = faultOf('ENOENT');
  for (const path of candidates) {
    const stat = files.stat(path);
    if (!isFault(stat)) return { ok: true, path, stat };
    if (stat.fault !== 'ENOENT' && stat.fault !== 'ENOTDIR') return { ok: false, path, fault: stat, tried: candidates };
    fault = stat;
  }
  return { ok: false, path: candidates[0] ?? target, fault, tried: candidates };
}
