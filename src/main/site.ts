/*
 * One site's configuration: found, read, checked, and told to a person when it is bad.
 *
 * The one rule: with any problem there is no snapshot, and nothing that runs is touched (CFG-12). Everything that start, --check,
 * ec_ctl and reload know of the files comes from here; the environment is handed in by the command.
 * Relative paths of options start at the working directory. Truth: CFG-20 to CFG-24, design law 14.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { systemClock } from '#base';
import {
  formatConfigProblem,
  formatPlace,
  frozenFiles,
  isMissingGuard,
  nodeName,
  readConfiguration,
  Resolver,
  searchPath,
  systemFiles,
  type FileSource,
  type GlobalRecord,
  type ReadConfiguration,
  type Snapshot,
} from '#config';
import { parseDebugFlags, type DebugFlags } from '#observe';
import { compilePcre, compileRegex } from '#system';
import { listenerProblem } from './listener-check.ts';
import { policyProblems } from './validation.ts';

export interface SiteOptions {
  /** As given with -c: a path, or a name for the search path. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isForeground: boolean;
}

export interface Site {
  readonly read: ReadConfiguration;
  /** The files as they were then: later changes are made to these, not to what somebody has written since. */
  readonly files: FileSource;
  readonly searchPath: readonly string[];
  readonly snapshot: Snapshot | undefined;
  /** The problems as a person reads them, the manual's lines first. */
  readonly problems: readonly string[];
  /** One line each, with the place: what is accepted without effect. */
  readonly notices: readonly string[];
  /** Guards in use that do not work and were accepted by the operator, with the place of each. */
  readonly unprotected: readonly string[];
}

const bootFile = '/opt/msys/ecelerity/etc/cluster.boot';

function bootName(): string | undefined {
  try {
    return /^\s*node_name\s*=\s*(\S+)/m.exec(readFileSync(bootFile, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

export function readSite(o: SiteOptions): Site {
  const node = nodeName({ environment: o.environment['EC_NODE_NAME'], bootFile: bootName(), hostName: hostname() });
  const directories = searchPath({ environment: o.environment['EC_CONF_SEARCH_PATH'], nodeName: node, isForeground: o.isForeground });
  const files = frozenFiles(systemFiles);
  const read = readConfiguration({ main: o.file, files, searchPath: directories, compileRegex });
  return {
    read,
    files,
    searchPath: directories,
    snapshot: read.snapshot,
    problems: problemsOf(read),
    notices: noticesOf(read),
    unprotected: read.uses.filter(isMissingGuard).map((use) => `${use.name} (${formatPlace(use.at)})`),
  };
}

export function problemsOf(read: ReadConfiguration): string[] {
  return read.problems.map((problem) => formatConfigProblem(problem, read.fileAt(problem.at)));
}

export function noticesOf(read: ReadConfiguration): string[] {
  return read.notices.map((notice) => `${formatPlace(notice.at)}: ${notice.message}`);
}

/** `--check`: every problem, those of files that are read at the start too, or "Configuration valid" (ECC-09). */
export async function checkSite(o: SiteOptions, say: (line: string) => void): Promise<boolean> {
  const site = readSite(o);
  const problems = site.snapshot ? await startProblems(site.snapshot) : site.problems;
  for (const line of problems) say(line);
  const isGood = site.snapshot !== undefined && problems.length === 0;
  say(isGood ? 'Configuration valid' : 'Global configuration error.');
  return isGood;
}

/** What would refuse the start although the text is right: policy files and keys, certificates and back ends of listeners. */
async function startProblems(snapshot: Snapshot): Promise<string[]> {
  return [...(await policyProblems(snapshot)), ...[listenerProblem(resolverOf(snapshot)) ?? []].flat()];
}

export function resolverOf(snapshot: Snapshot): Resolver {
  return new Resolver(snapshot, { compileRegex: compilePcre, clock: systemClock });
}

/** What Debug_Flags says (RT-06). */
export function debugFlagsOf(resolver: Resolver): DebugFlags {
  const o = resolver.debugFlags();
  return parseDebugFlags({
    ...(o.debug && { DEBUG: o.debug }),
    ...(o.info && { INFO: o.info }),
    ...(o.notice && { NOTICE: o.notice }),
    ...(o.warning && { WARNING: o.warning }),
    ERROR: o.error,
    CRITICAL: o.critical,
  }).flags;
}

/** Our own name (Hostname, else the system's). */
export function hostNameOf(global: GlobalRecord): string {
  return global.hostname ?? hostname();
}

/** The PidFile of a configuration, for commands that only want to find the server. A configuration with problems has one, too. */
export function pidFileOf(o: SiteOptions): { pidFile?: string; problems: readonly string[] } {
  const { read, problems } = readSite(o);
  if (!read.readable) return { problems };
  return { pidFile: resolve(resolverOf(read.readable).global().pidFile), problems };
}
