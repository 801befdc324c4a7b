// From root to an ordinary user, once and for good (SEC-01, SEC-02): the start of the server calls this before any worker exists.
//
// The rule to know: afterwards the process is that user in all threads, has the listed capabilities and CAP_NET_BIND_SERVICE,
// and nothing else. It keeps the right to bind low ports because listeners are opened later as that user (Linux refuses a second
// reusePort socket of another user, and a listener may be added while running). On any failure the caller must end the process:
// it may be half way. Unset capabilities retain nothing in the manual; why one is kept here stands in docs/quirks.md.

import { userInfo } from 'node:os';
import { currentCapabilities, netBindService, parseCapabilities, setCapabilities } from './capabilities.ts';
import { libc } from './ffi.ts';

const prctlSetKeepCaps = 8;

export interface PrivilegePlan {
  /** User name or number. */
  user: string;
  /** Group name or number. */
  group: string;
  /** Groups besides; empty means none. */
  supplementalGroups: readonly string[];
  /** The text form of `capabilities`, undefined when unset. */
  capabilities: string | undefined;
}

export type PrivilegeResult =
  | {
      ok: true;
      uid: number;
      gid: number;
      /** Capabilities kept. */ kept: readonly string[];
      /** What does not work now, if anything. */ warning?: string;
    }
  | { ok: false; message: string };

export interface CurrentUser {
  readonly uid: number;
  readonly gid: number;
  /** Undefined when the user has no entry in the password database. */
  readonly name: string | undefined;
  readonly isRoot: boolean;
}

export function currentUser(): CurrentUser {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  let name: string | undefined;
  try {
    name = userInfo().username;
  } catch {
    name = undefined;
  }
  return { uid, gid, name, isRoot: uid === 0 };
}

function idOf(nameOrNumber: string): string | number {
  return /^\d{1,10}$/.test(nameOrNumber) ? Number(nameOrNumber) : nameOrNumber;
}

/** Becomes the user of the plan. Only root can; only the main thread may; only before workers start. */
export function dropPrivileges(plan: PrivilegePlan): PrivilegeResult {
  const { setuid, setgid, setgroups } = process;
  if (setuid === undefined || setgid === undefined || setgroups === undefined || process.getuid?.() !== 0) {
    return { ok: false, message: `Cannot become user "${plan.user}": only root can change the user` };
  }
  const parsed = parseCapabilities(plan.capabilities ?? '');
  if (!parsed.ok) return { ok: false, message: `Cannot use capabilities "${plan.capabilities}": ${parsed.message}` };
  const wanted = [...new Set([netBindService, ...parsed.permitted])];
  const had = currentCapabilities()?.permitted;
  const kept = had === undefined ? wanted : wanted.filter((name) => had.includes(name));
  const c = libc();
  if (c !== undefined && c.prctl(prctlSetKeepCaps, 1, 0, 0, 0) !== 0) {
    return { ok: false, message: `Cannot keep capabilities over the change of user: error ${c.errno()}` };
  }
  let step = `use group "${plan.group}"`;
  try {
    setgroups([...new Set([plan.group, ...plan.supplementalGroups])].map(idOf));
    setgid(idOf(plan.group));
    step = `become user "${plan.user}"`;
    setuid(idOf(plan.user));
  } catch (error) {
    return { ok: false, message: `Cannot ${step}: ${error instanceof Error ? error.message : String(error)}` };
  }
  const result = finish(c !== undefined, kept);
  if (!result.ok || result.warning !== undefined || kept.length === wanted.length) return result;
  // A container may have been started without it: what cannot be had is told, not fought for.
  const missing = wanted.filter((name) => !kept.includes(name));
  return { ...result, warning: `${missing.join(', ')} cannot be kept: the process did not have it` };
}

function finish(hasFfi: boolean, kept: readonly string[]): PrivilegeResult {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  if (!hasFfi) {
    const warning = 'native calls are not available: no capability is kept, ports below 1024 cannot be bound from now on';
    return { ok: true, uid, gid, kept: [], warning };
  }
  const reason = setCapabilities(kept);
  if (reason !== undefined) return { ok: false, message: `Cannot keep ${kept.join(', ')}: ${reason}` };
  libc()?.prctl(prctlSetKeepCaps, 0, 0, 0, 0);
  if (uid === 0 || kept.includes('cap_setuid')) return { ok: true, uid, gid, kept };
  try {
    process.setuid?.(0);
  } catch {
    return { ok: true, uid, gid, kept };
  }
  return { ok: false, message: 'the process could become root again after giving it up' };
}
