/**
 * What the operating system says about a process that a scenario started.
 */
import { readdirSync, readFileSync } from 'node:fs';

function statusKb(pid: number, name: string): number {
  const m = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (!m) throw new Error(`/proc/${pid}/status has no ${name}`);
  return Number(m[1]);
}

/** Memory in use now, in kB. */
export function residentKb(pid: number): number {
  return statusKb(pid, 'VmRSS');
}

/** The most memory it ever used, in kB. */
export function residentPeakKb(pid: number): number {
  return statusKb(pid, 'VmHWM');
}

/** Open file descriptors. */
export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
