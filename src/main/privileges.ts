/*
 * Whom the server runs as: nobody but the user of the security scope, when it was started as root (SEC-01 to SEC-03).
 *
 * The one rule: root is given up before any thread starts that stays, and without a user root is refused unless it was asked for in words.
 * Folders that do not exist yet are made and given to that user first; what exists is left as it is.
 * Truth: ARCHITECTURE.md, section 5; docs/quirks.md for the one capability that is kept.
 */
import { accessSync, chownSync, constants, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Resolver } from '#config';
import { currentUser, dropPrivileges } from '#system';
import { packageRoot } from './identity.ts';
import { StartError } from './start-error.ts';

interface NextUser {
  readonly uid: number;
  readonly gid: number;
  /** Gives up root for this user. Throws StartError; a warning when something will not work. */
  become(): string | undefined;
}

/** Whom to become; undefined when the process stays who it is. Throws StartError when it must not start like this. */
export function nextUser(o: { resolver: Resolver; hasSecurity: boolean; allowRoot: boolean }): NextUser | undefined {
  const { user, group, supplementalGroups, capabilities } = o.resolver.security();
  if (!currentUser().isRoot) return undefined;
  if (!o.hasSecurity || user === 'root' || user === '0') {
    if (o.allowRoot) return undefined;
    throw new StartError(
      'Cannot run as root: name whom to become with Security { User = "..." Group = "..." }, or start with --allow-root (not for production)',
    );
  }
  const ids = lookUp(user, [group, ...(supplementalGroups ?? [])]);
  return {
    ...ids,
    become() {
      const result = dropPrivileges({ user, group, supplementalGroups: supplementalGroups ?? [], capabilities });
      if (!result.ok) throw new StartError(`Cannot become user "${user}", group "${group}" of the Security scope: ${result.message}`);
      try {
        accessSync(join(packageRoot, 'package.json'), constants.R_OK);
      } catch {
        throw new StartError(
          `User "${user}" of the Security scope may not read this program in ${packageRoot}: install it where everybody may read`,
        );
      }
      return result.warning;
    },
  };
}

/** Makes a folder that is missing, and those above it, and gives them to the owner. What exists is left as it is. Throws StartError. */
export function makeFolder(folder: string, owner: { readonly uid: number; readonly gid: number } | undefined): void {
  if (statSync(folder, { throwIfNoEntry: false })) return;
  if (dirname(folder) !== folder) makeFolder(dirname(folder), owner);
  try {
    mkdirSync(folder, { mode: 0o750 });
    if (owner) chownSync(folder, owner.uid, owner.gid);
  } catch (error) {
    throw new StartError(`Cannot make the folder "${folder}": ${(error as Error).message}`);
  }
}

function lookUp(user: string, groups: readonly string[]): { uid: number; gid: number } {
  const uid = idIn('/etc/passwd', user);
  if (uid === undefined)
    throw new StartError(
      `Cannot become user "${user}" of the Security scope: there is no such user; make one with: useradd --system ${user}`,
    );
  const [gid] = groups.map((group) => {
    const id = idIn('/etc/group', group);
    if (id !== undefined) return id;
    throw new StartError(
      `Cannot take group "${group}" of the Security scope: there is no such group; make one with: groupadd --system ${group}`,
    );
  });
  return { uid, gid: gid! };
}

/** From the local tables only: whoever comes from elsewhere can be given by number. */
function idIn(table: string, name: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  const line = readFileSync(table, 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  return line === undefined ? undefined : Number(line.split(':')[2]);
}
