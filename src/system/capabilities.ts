// Linux capabilities: their names, the text form operators write (SEC-02), and what this thread has.
//
// The rule to know: capabilities belong to threads; a thread started later has those of the thread that started it. So they are
// changed before any worker starts. Truth: capabilities(7), cap_from_text(3) for the text, linux/capability.h for the numbers.

import { readFileSync } from 'node:fs';
import { libc } from './ffi.ts';

const names: readonly string[] = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast ' +
  'net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice ' +
  'sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm ' +
  'block_suspend audit_read perfmon bpf checkpoint_restore'
)
  .split(' ')
  .map((name) => `cap_${name}`);

/** The capability that lets an unprivileged user bind ports below 1024. */
export const netBindService = 'cap_net_bind_service';

export interface CapabilitySets {
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

/**
 * Reads the text form: clauses such as `cap_net_bind_service,cap_net_raw+ep` or `=ep cap_chown-e`, separated by blanks.
 * Returns the names that are permitted at the end, or the clause that could not be read.
 */
export function parseCapabilities(text: string): { ok: true; permitted: string[] } | { ok: false; message: string } {
  const permitted = new Set<string>();
  for (const clause of text.trim().split(/\s+/)) {
    if (clause === '') continue;
    const match = /^([a-z_,]*)((?:[=+-][eip]*)+)$/i.exec(clause);
    if (match === null)
      return { ok: false, message: `"${clause}" is no capability clause: expected for example "cap_net_bind_service+ep"` };
    const [, list = '', actions = ''] = match;
    const isAll = list === '' || list.toLowerCase() === 'all';
    const chosen = isAll ? names : list.toLowerCase().split(',');
    const unknown = chosen.find((name) => !names.includes(name));
    if (unknown !== undefined) return { ok: false, message: `"${unknown}" is no capability known here` };
    for (const [action] of actions.matchAll(/[=+-][eip]*/g)) {
      const touches = action.includes('p');
      if (action.startsWith('=')) for (const name of chosen) permitted.delete(name);
      if (!touches) continue;
      for (const name of chosen) {
        if (action.startsWith('-')) permitted.delete(name);
        else permitted.add(name);
      }
    }
  }
  return { ok: true, permitted: names.filter((name) => permitted.has(name)) };
}

/** What the calling thread has, as the kernel tells; undefined where it does not tell. */
export function currentCapabilities(): CapabilitySets | undefined {
  let status: string;
  try {
    status = readFileSync('/proc/thread-self/status', 'latin1');
  } catch {
    return undefined;
  }
  const setOf = (field: string): string[] => {
    const mask = BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1] ?? '0'}`);
    return names.filter((_, number) => ((mask >> BigInt(number)) & 1n) === 1n);
  };
  return { effective: setOf('CapEff'), permitted: setOf('CapPrm'), inheritable: setOf('CapInh'), ambient: setOf('CapAmb') };
}

const capabilityVersion3 = 0x2008_0522;
const prctlCapAmbient = 47;
const ambientRaise = 2;
const ambientClearAll = 4;

/**
 * Leaves the calling thread exactly these capabilities, effective, permitted, inheritable and ambient, so that workers and
 * programs started later have them too. Returns a reason when the kernel refuses.
 */
export function setCapabilities(kept: readonly string[]): string | undefined {
  const c = libc();
  if (c === undefined) return 'native calls are not available';
  const numbers = kept.map((name) => names.indexOf(name));
  let low = 0;
  let high = 0;
  for (const number of numbers) {
    if (number < 32) low |= 1 << number;
    else high |= 1 << (number - 32);
  }
  const header = new Uint32Array([capabilityVersion3, 0]);
  const data = new Uint32Array([low, low, low, high, high, high]);
  c.prctl(prctlCapAmbient, ambientClearAll, 0, 0, 0);
  if (c.capset(header, data) !== 0) return `capset failed with error ${c.errno()}`;
  for (const number of numbers) {
    if (c.prctl(prctlCapAmbient, ambientRaise, number, 0, 0) !== 0)
      return `the ambient capability ${names[number]} was refused with error ${c.errno()}`;
  }
  return undefined;
}
