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
import {
  formatConfigProblem,
  formatPlace,
  isMissingGuard,
  nodeName,
  readConfiguration,
  Resolver,
  searchPath,
  systemFiles,
  type ConfigNotice,
  type ConfigProblem,
  type GlobalRecord,
  type ReadConfiguration,
  type Snapshot,
} from '#config';
import { parseDebugFlags, type DebugFlags } from '#observe';
import { compilePcre } from '#system';
import { recordOf } from './stanzas.ts';

export interface SiteOptions {
  /** As given with -c: a path, or a name for the search path. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isForeground: boolean;
}

export interface Site {
  readonly read: ReadConfiguration;
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

export function readSite(o: SiteOptions, previous?: Snapshot): Site {
  const node = nodeName({ environment: o.environment['EC_NODE_NAME'], bootFile: bootName(), hostName: hostname() });
  const directories = searchPath({ environment: o.environment['EC_CONF_SEARCH_PATH'], nodeName: node, isForeground: o.isForeground });
  const read = readConfiguration({ main: o.file, files: systemFiles, searchPath: directories, compileRegex: compilePcre, previous });
  const consoles = openConsoles(read);
  const problems = [...read.problems, ...consoles.problems];
  return {
    read,
    snapshot: problems.length > 0 ? undefined : read.snapshot,
    problems: problems.map((problem) => formatConfigProblem(problem, read.fileAt(problem.at))),
    notices: [...read.notices, ...consoles.notices].map((notice) => `${formatPlace(notice.at)}: ${notice.message}`),
    unprotected: read.uses.filter(isMissingGuard).map((use) => `${use.name} (${formatPlace(use.at)})`),
  };
}

/**
 * A console on a TCP address would obey everybody who can reach it: nothing authenticates there yet. Such a guard that does not
 * work stops the start (design law 13); accepted, the address stays closed.
 */
function openConsoles(read: ReadConfiguration): { problems: ConfigProblem[]; notices: ConfigNotice[] } {
  if (read.readable === undefined) return { problems: [], notices: [] };
  const resolver = resolverOf(read.readable);
  const isAccepted = resolver.global().acceptUnimplemented?.some((name) => name.toLowerCase() === 'control_listener') === true;
  const listens = read.uses.flatMap((use) => {
    const [listener, listen] = use.path;
    if (use.what !== 'scope' || use.path.length !== 2 || listener?.scope !== 'Control_Listener' || listen?.scope !== 'Listen') return [];
    const address = listen.instance ?? '';
    return address.startsWith('/') || !recordOf(resolver, 'control_listener', address).enable ? [] : [{ address, at: use.at }];
  });
  if (isAccepted) {
    return {
      problems: [],
      notices: listens.map(({ address, at }) => ({
        at,
        message: `Control_Listener "${address}" stays closed: there is no authentication yet`,
      })),
    };
  }
  const hint =
    'use a Unix socket such as Listen "/tmp/2025" { File_Mode = 0600 }, or start without this address: Accept_Unimplemented = ( Control_Listener )';
  const problems = listens.map(({ address, at }) => ({
    code: 'guard-missing' as const,
    manual: 'Global configuration error.',
    message: `Control_Listener "${address}" would obey everybody who can reach it: consoles over TCP need authentication, which is not there yet`,
    at,
    hint,
  }));
  return { problems, notices: [] };
}

/** `--check`: every problem, or "Configuration valid" (ECC-09). */
export function checkSite(o: SiteOptions, say: (line: string) => void): boolean {
  const site = readSite(o);
  for (const line of site.problems) say(line);
  say(site.snapshot ? 'Configuration valid' : 'Global configuration error.');
  return site.snapshot !== undefined;
}

export function resolverOf(snapshot: Snapshot): Resolver {
  return new Resolver(snapshot, { compileRegex: compilePcre });
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
