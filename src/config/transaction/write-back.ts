/**
 * Brings the images of the running configuration to disk: `config writeback`.
 *
 * The one rule: first everything is looked at, then everything is written. A file that somebody changed on disk since it was read is never
 * overwritten, and then no file is. What cannot be saved is told and shown (CFG-42).
 * Each file is replaced as a whole (file-store.ts); several files are replaced one after the other, and the answer says which.
 * Truth: CC-20, CFG-40 to CFG-46.
 */
import { Buffer } from 'node:buffer';
import { dirname, resolve } from 'node:path';
import { isFault, type FileSource } from '../files/file-source.ts';
import type { WriteTargets } from '../files/where-to-write.ts';
import type { FileStore } from './file-store.ts';
import type { FileImages } from './images.ts';
import { moveSettings, textsOf } from './placing.ts';

const readMaxBytes = 64 * 1024 * 1024;

interface WriteBack {
  readonly images: FileImages;
  readonly targets: WriteTargets;
  /** The disk as it is now. */
  readonly disk: FileSource;
  readonly store: FileStore;
  /** By path: what we wrote since it was read. Grows with each file that is saved. */
  readonly saved: Map<string, Buffer>;
  /** `config writeback /path`: takes the place of the main file. */
  readonly instead: string | undefined;
}

interface WrittenBack {
  readonly ok: boolean;
  readonly text: string;
  /** Files that were written. */
  readonly saved: readonly string[];
  /** The images afterwards: settings of the virtual file may have found a place. */
  readonly images: FileImages;
}

interface Job {
  readonly path: string;
  readonly bytes: Buffer;
  /** What must be on disk now; undefined: nothing. `false`: whatever. */
  readonly expected: Buffer | undefined | false;
}

export function writeBack(o: WriteBack): WrittenBack {
  const { targets } = o;
  const settled = settleVirtual(o.images, targets);
  if (settled.refusal !== undefined) return { ok: false, text: settled.refusal, saved: [], images: o.images };
  const { images } = settled;
  const main = targets.main.path;
  const instead = o.instead === undefined ? undefined : resolve(dirname(main), o.instead);
  const foreign = instead === undefined || instead === resolve(main) ? undefined : foreignTo(o.disk, targets, instead);
  if (foreign !== undefined) return { ok: false, text: foreign, saved: [], images };
  const isElsewhere = instead !== undefined && instead !== resolve(main);
  const unsaved = !isElsewhere && targets.main.readOnly !== undefined ? changedMain(o, images, main) : [];
  const jobs = changedFiles(o, images).filter((job) => job.path !== main || (!isElsewhere && targets.main.readOnly === undefined));
  if (isElsewhere) jobs.push({ path: instead, bytes: Buffer.concat([images.bytesOf(main), Buffer.from(images.virtual)]), expected: false });
  const changed = jobs.map((job) => conflictOf(o.disk, job)).filter((line) => line !== undefined);
  if (changed.length > 0) return { ok: false, text: [...changed, 'Nothing was saved.'].join('\n'), saved: [], images };
  const lines: string[] = [];
  const saved: string[] = [];
  for (const job of jobs) {
    const problem = o.store.replace(job.path, job.bytes, main);
    if (problem !== undefined) return { ok: false, text: [...lines, problem].join('\n'), saved, images };
    if (job.expected !== false) o.saved.set(job.path, job.bytes);
    lines.push(`Saved ${job.path}`);
    saved.push(job.path);
  }
  if (!isElsewhere && images.virtual !== '') unsaved.push(images.virtual);
  if (unsaved.length === 0) return { ok: true, text: lines.length === 0 ? 'There is nothing to save.' : lines.join('\n'), saved, images };
  lines.push('Warning: not all portions of the configuration could be saved. Not saved:', ...unsaved.map((text) => text.trimEnd()));
  return { ok: true, text: lines.join('\n'), saved, images };
}

/** CFG-42: with a Local_Changes_File the virtual file's settings move there; those that name the file itself must stay where they are. */
function settleVirtual(images: FileImages, targets: WriteTargets): { readonly images: FileImages; readonly refusal?: string } {
  const { path } = targets.localChanges;
  if (images.virtual === '' || path === undefined) return { images };
  const moved = moveSettings(images, targets.main.path, images.virtual, path);
  if (!moved.ok) return { images, refusal: moved.message };
  const own = images.virtual.split('\n').filter((line) => /^\s*Local_Changes_(File|Only)\s*=/i.test(line));
  const rest = own.length === 0 ? '' : `${own.join('\n')}\n`;
  return { images: moved.images.withVirtual(rest, targets.main.path) };
}

/** True when a reload would lose something. */
export function hasUnsaved(o: Pick<WriteBack, 'images' | 'targets' | 'saved'>): boolean {
  return o.images.virtual !== '' || changedFiles(o, o.images).length > 0;
}

/**
 * Every file of the tree whose text is not what the disk has from us; one that we saved may have got its first text back. A file that the
 * configuration does not include any more keeps what it has.
 */
function changedFiles(o: Pick<WriteBack, 'targets' | 'saved'>, images: FileImages): Job[] {
  const parts = new Set(textsOf(o.targets).map((part) => part.path));
  const jobs: Job[] = [];
  for (const image of images.edited.values()) {
    if (o.saved.has(image.path) || !isPart(image.path, parts, o.targets)) continue;
    const known = image.isNew ? undefined : images.original(image.path);
    const isChanged = known === undefined ? image.bytes.length > 0 : !image.bytes.equals(known);
    if (isChanged) jobs.push({ path: image.path, bytes: image.bytes, expected: known });
  }
  for (const [path, known] of o.saved) {
    const bytes = images.bytesOf(path);
    if (!bytes.equals(known)) jobs.push({ path, bytes, expected: known });
  }
  return jobs;
}

/** The Local_Changes_File counts before it is read for the first time, too. */
function isPart(path: string, parts: ReadonlySet<string>, targets: WriteTargets): boolean {
  return parts.has(path) || path === targets.localChanges.path;
}

/** A read-only main file that a configuration from scratch has replaced in memory. */
function changedMain(o: WriteBack, images: FileImages, main: string): string[] {
  const job = changedFiles(o, images).find((one) => one.path === main);
  return job === undefined || job.bytes.length === 0 ? [] : [job.bytes.toString()];
}

function conflictOf(disk: FileSource, job: Job): string | undefined {
  if (job.expected === false) return undefined;
  const now = disk.read(job.path, readMaxBytes);
  if (isFault(now)) {
    if (now.fault === 'ENOENT' && job.expected === undefined) return undefined;
    return `Cannot save ${job.path}: ${now.words}`;
  }
  // Our own text stands there already when only the last step of saving it failed.
  if (now.bytes.equals(job.bytes) || (job.expected !== undefined && now.bytes.equals(job.expected))) return undefined;
  const what = job.expected === undefined ? 'it exists now, and was not read' : 'it was changed on disk since it was read';
  return `Cannot save ${job.path}: ${what}; "config diff" shows what "config reload" would change`;
}

/** A dump must not fall on a file that the configuration is made of. */
export function foreignTo(disk: FileSource, targets: WriteTargets, path: string): string | undefined {
  const stat = disk.stat(path);
  if (isFault(stat)) return undefined;
  if (stat.kind !== 'file') return `Cannot save ${path}: it is no regular file`;
  for (const { path: part } of textsOf(targets)) {
    const own = disk.stat(part);
    if (!isFault(own) && own.identity === stat.identity) return `Cannot save ${path}: it is a part of the running configuration`;
  }
  return undefined;
}
