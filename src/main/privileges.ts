/*
 * Whom the server runs as: nobody but the user of the security scope, when it was started as root (SEC-01 to SEC-03).
 *
 * The one rule: root is given up before any thread starts, and without a user root is refused unless it was asked for in words.
 * Folders that do not exist yet are made and given to that user first; what exists is left as it is.
 * Truth: ARCHITECTURE.md, section 5; docs/quirks.md for the one capability that is kept.
 */
import { chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Resolver } from '#config';
import { currentUser, dropPrivileges } from '#system';

export interface BecomeOptions {
  readonly resolver: Resolver;
  /** Whether the configuration has a Security scope at all. */
  readonly hasSecurity: boolean;
  readonly allowRoot: boolean;
  /** Folders the server will write to. */
  readonly folders: readonly string[];
  readonly say: (line: string) => void;
}

/** Undefined when all is well, else why the server must not start. */
export function becomeUser(o: BecomeOptions): string | undefined {
  const { user, group, supplementalGroups, capabilities } = o.resolver.security();
  if (!currentUser().isRoot) return undefined;
  if (!o.hasSecurity || user === 'root' || user === '0') {
    if (!o.allowRoot)
      return 'Cannot run as root: name whom to become with Security { User = "..." }, or start with --allow-root (not for production)';
    o.say('impetus: running as root; for real use write Security { User = "..." } into the configuration');
    return undefined;
  }
  const ids = lookUp(user, group);
  if (typeof ids === 'string') return ids;
  for (const folder of o.folders) giveFolder(folder, ids);
  const result = dropPrivileges({ user, group, supplementalGroups: supplementalGroups ?? [], capabilities });
  if (!result.ok) return `Cannot become user "${user}", group "${group}": ${result.message}`;
  if (result.warning) o.say(`impetus: ${result.warning}`);
  return undefined;
}

interface Ids {
  readonly uid: number;
  readonly gid: number;
}

function lookUp(user: string, group: string): Ids | string {
  const uid = idIn('/etc/passwd', user);
  if (uid === undefined)
    return `Cannot become user "${user}" of the Security scope: there is no such user; make one with: useradd --system ${user}`;
  const gid = idIn('/etc/group', group);
  if (gid === undefined)
    return `Cannot take group "${group}" of the Security scope: there is no such group; make one with: groupadd --system ${group}`;
  return { uid, gid };
}

/** From the local tables only: whoever comes from elsewhere can be given by number. */
function idIn(table: string, name: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  const line = readFileSync(table, 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  return line === undefined ? undefined : Number(line.split(':')[2]);
}

function giveFolder(folder: string, { uid, gid }: Ids): void {
  try {
    statSync(folder);
  } catch {
    if (dirname(folder) !== folder) giveFolder(dirname(folder), { uid, gid });
    mkdirSync(folder, { mode: 0o750 });
    chownSync(folder, uid, gid);
  }
}
