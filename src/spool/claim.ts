// The spool directory as a whole: is it ours, in our format, and nobody else's at the moment?
//
// The rule to know: a directory with anything in it but no marker of ours is refused and not touched; an empty or missing one becomes
// a spool. The process takes the lock once, in its main thread; loops open their logs under it. A second process is told who holds it.
// lost+found is tolerated: a spool may be a file system of its own. It reads no records. Truth: issue "Done when"; CFG rule of SpoolBase.

import { join } from 'node:path';
import type { Random } from '#base';
import { lockFile } from '#system';
import { type DirectoryEntry, makeDirectories, nodeDisk, readAllAsync, type SpoolFs, syncAsync, writeAllAsync } from './disk.ts';
import { diskError, SpoolError, systemCode } from './errors.ts';
import { formatVersion, lockName, markerName, parseLogName } from './layout.ts';

interface MarkerFacts {
  version: number;
  spoolId: number;
}

interface SpoolModes {
  /** Spool_mode; default 0640. */
  fileMode?: number;
  /** Default 0750. */
  directoryMode?: number;
}

/** Takes the lock of a file; the default is flock through `#system`. */
export type LockPort = (path: string) => { release(): void } | { heldBy: unknown };

export interface ClaimOptions extends SpoolModes {
  dir: string;
  disk?: SpoolFs;
  random: Random;
  lock?: LockPort;
}

export interface SpoolClaim {
  readonly dir: string;
  readonly spoolId: number;
  release(): void;
}

function parseMarker(text: string): MarkerFacts | undefined {
  const match = /^Impetus spool\nformat (\d{1,9})\nid ([0-9a-f]{8})\n/.exec(text);
  return match === null ? undefined : { version: Number(match[1]), spoolId: parseInt(match[2] ?? '', 16) };
}

/** The marker of a directory; undefined when there is none. Throws SpoolError when it is not ours or of another format. */
export async function readMarker(disk: SpoolFs, dir: string): Promise<MarkerFacts | undefined> {
  const path = join(dir, markerName);
  let fd: number;
  try {
    fd = await disk.open(path, { access: 'read' });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw diskError(error, `open ${path}`);
  }
  try {
    const text = Buffer.alloc(256);
    const read = await readAllAsync(disk, fd, text, 0, text.length, 0);
    const facts = parseMarker(text.toString('latin1', 0, read));
    if (facts === undefined) throw new SpoolError('foreign', `${path} is not the marker of an Impetus spool`);
    if (facts.version !== formatVersion) {
      throw new SpoolError('version', `${dir} is a spool of format ${facts.version}; this program reads format ${formatVersion}`);
    }
    return facts;
  } finally {
    await disk.close(fd);
  }
}

async function makeMarker(disk: SpoolFs, dir: string, random: Random, fileMode: number): Promise<MarkerFacts> {
  const spoolId = random.bytes(4).readUInt32LE(0);
  const path = join(dir, markerName);
  const unfinished = `${path}.new`;
  await disk.unlink(unfinished).catch(() => undefined);
  const fd = await disk.open(unfinished, { access: 'create', mode: fileMode });
  const text = `Impetus spool\nformat ${formatVersion}\nid ${spoolId.toString(16).padStart(8, '0')}\nMail that was answered 250 is in here. Use ec_spool_check to look.\n`;
  await writeAllAsync(disk, fd, Buffer.from(text, 'latin1'), 0);
  await syncAsync(disk, fd);
  await disk.close(fd);
  await disk.rename(unfinished, path);
  await disk.syncDirectory(dir);
  return { version: formatVersion, spoolId };
}

/** Checks or makes the marker. Throws SpoolError 'foreign' or 'version' without having touched anything. */
async function prepareSpoolDirectory(o: { dir: string; disk: SpoolFs; random: Random } & SpoolModes): Promise<MarkerFacts> {
  const { dir, disk } = o;
  const directoryMode = o.directoryMode ?? 0o750;
  let entries: DirectoryEntry[] | undefined;
  try {
    entries = await disk.list(dir);
  } catch (error) {
    const isOther = systemCode(error) === 'ENOTDIR';
    throw isOther ? new SpoolError('foreign', `cannot use ${dir} as spool: it is not a directory`, error) : diskError(error, `read ${dir}`);
  }
  try {
    if (entries === undefined) {
      await makeDirectories(disk, dir, directoryMode);
      entries = [];
    }
    const marker = await readMarker(disk, dir);
    if (marker !== undefined) return marker;
    const allowed = new Set([markerName, `${markerName}.new`, lockName, 'lost+found']);
    const strange = entries.find((e) => !allowed.has(e.name));
    if (strange !== undefined) {
      throw new SpoolError(
        'foreign',
        `cannot use ${dir} as spool: it holds "${strange.name}" and is no Impetus spool; name an empty directory`,
      );
    }
    return await makeMarker(disk, dir, o.random, o.fileMode ?? 0o640);
  } catch (error) {
    throw diskError(error, `prepare the spool ${dir}`);
  }
}

/** Claims a spool for this process, once, before any loop opens its log. Throws SpoolError: 'foreign', 'version', 'locked', 'full', 'io'. */
export async function claimSpool(o: ClaimOptions): Promise<SpoolClaim> {
  const facts = await prepareSpoolDirectory({ ...o, disk: o.disk ?? nodeDisk });
  const lock = (o.lock ?? lockFile)(join(o.dir, lockName));
  if (!('release' in lock)) {
    throw new SpoolError('locked', `the spool ${o.dir} is in use by another process${describeHolder(lock.heldBy)}`);
  }
  return { dir: o.dir, spoolId: facts.spoolId, release: () => lock.release() };
}

function describeHolder(holder: unknown): string {
  if (typeof holder === 'number' || typeof holder === 'string') return ` (${holder})`;
  return typeof holder === 'object' && holder !== null && 'pid' in holder ? ` (pid ${String(holder.pid)})` : '';
}

/** Numbers of the logs on the disk, rising. */
export async function listLogs(disk: SpoolFs, dir: string): Promise<number[]> {
  const logs: number[] = [];
  for (const { name, kind } of (await disk.list(dir)) ?? []) {
    const log = kind === 'directory' ? parseLogName(name) : undefined;
    if (log !== undefined) logs.push(log);
  }
  return logs.sort((a, b) => a - b);
}
