// A disk in memory that fails when told to and loses power when told to, for the tests of what must survive.
//
// The rule to know: what was written but not synced survives a power cut sector by sector (512 bytes) as a seeded dice decides, and names
// (creations, renames, removals) that were not synced with their directory survive or not, each by itself. After a failed sync the
// pages count as clean: a later sync does not write them (as Linux does). A kill keeps all that was written and tears what is in flight.
// Operations are numbered as they start, and have names such as "write seg", so that a failure can be put at each of them.

import type { Random } from '#base';
import type { SpoolFs } from '#spool';

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

const sectorBytes = 512;

interface Inode {
  current: Buffer;
  length: number;
  durable: Buffer;
  durableLength: number;
  /** Versions of each sector written since its last sync; the file length then. */
  dirty: Map<number, { bytes: Buffer; length: number }[]>;
}

interface NameChange {
  directories: string[];
  apply(names: Map<string, Inode | 'directory'>): void;
}

export interface Operation {
  index: number;
  /** Kind and sort of file: "write seg", "rename new->seg", "sync directory log". */
  name: string;
}

/** What happens to an operation: an error, a short write, or the end of all power. */
export type FaultPlan = (operation: Operation) => 'ENOSPC' | 'EIO' | 'short' | 'cut' | undefined;

function sortOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (/^\d+\.(seg|free|new)$/.test(name)) return name.slice(name.indexOf('.') + 1);
  if (/^\d{5}$/.test(name)) return 'lease';
  if (/^\d+$/.test(name)) return 'log';
  if (path.includes('/quarantine/')) return 'quarantined';
  return name;
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function fault(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: told to fail`), { code });
}

export class FaultyDisk implements SpoolFs {
  operations: Operation[] = [];
  isOff = false;
  plan: FaultPlan = () => undefined;
  /** Called once when the power goes. */
  onCut: () => void = () => undefined;
  readonly #random: Random;
  #names = new Map<string, Inode | 'directory'>([['/', 'directory']]);
  #durableNames = new Map<string, Inode | 'directory'>([['/', 'directory']]);
  #changes: NameChange[] = [];
  #files = new Map<number, { path: string; inode: Inode; isSynchronous: boolean }>();
  #nextFd = 10;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The fate of a new operation. Throws nothing; 'cut' freezes the disk. */
  #begin(kind: string, path: string): 'ENOSPC' | 'EIO' | 'short' | 'cut' | undefined {
    const operation = { index: this.operations.length, name: `${kind} ${sortOf(path)}` };
    this.operations.push(operation);
    const fate = this.isOff ? 'cut' : this.plan(operation);
    if (fate === 'cut' && !this.isOff) {
      this.isOff = true;
      setImmediate(() => this.onCut());
    }
    return fate;
  }

  #file(fd: number): { path: string; inode: Inode; isSynchronous: boolean } {
    const file = this.#files.get(fd);
    if (file === undefined) throw fault('EBADF');
    return file;
  }

  /** Puts bytes into the page cache; answers the sectors touched. */
  #put(inode: Inode, bytes: Buffer, position: number): number[] {
    const end = position + bytes.length;
    if (end > inode.current.length) {
      const grown = Buffer.alloc(Math.max(end, inode.current.length * 2, 4096));
      inode.current.copy(grown);
      inode.current = grown;
    }
    bytes.copy(inode.current, position);
    inode.length = Math.max(inode.length, end);
    const sectors: number[] = [];
    for (let sector = Math.floor(position / sectorBytes); sector * sectorBytes < end; sector += 1) {
      sectors.push(sector);
      const content = Buffer.alloc(sectorBytes);
      inode.current.copy(content, 0, sector * sectorBytes, Math.min((sector + 1) * sectorBytes, inode.current.length));
      const versions = inode.dirty.get(sector) ?? [];
      versions.push({ bytes: content, length: inode.length });
      inode.dirty.set(sector, versions);
    }
    return sectors;
  }

  #makeDurable(inode: Inode, sector: number, version: { bytes: Buffer; length: number }): void {
    const at = sector * sectorBytes;
    if (at + sectorBytes > inode.durable.length) {
      const grown = Buffer.alloc(Math.max(at + sectorBytes, inode.durable.length * 2));
      inode.durable.copy(grown);
      inode.durable = grown;
    }
    version.bytes.copy(inode.durable, at);
    inode.durableLength = Math.max(inode.durableLength, Math.min(version.length, at + sectorBytes));
  }

  #sync(inode: Inode, sectors: Iterable<number>): void {
    for (const sector of sectors) {
      const last = inode.dirty.get(sector)?.at(-1);
      if (last !== undefined) this.#makeDurable(inode, sector, last);
      inode.dirty.delete(sector);
    }
    inode.durableLength = Math.max(inode.durableLength, inode.dirty.size === 0 ? inode.length : inode.durableLength);
  }

  /** Each dirty sector becomes durable in one of its versions, or not; then all count as clean. */
  #gamble(inode: Inode, sectors: Iterable<number>, chance: number): void {
    for (const sector of sectors) {
      const versions = inode.dirty.get(sector);
      inode.dirty.delete(sector);
      if (versions === undefined || this.#random.float() >= chance) continue;
      const version = versions[this.#random.int(versions.length)];
      if (version !== undefined) this.#makeDurable(inode, sector, version);
    }
  }

  write(fd: number, buffer: Buffer, offset: number, length: number, position: number, done: Done<number>): void {
    const { path, inode, isSynchronous } = this.#file(fd);
    const fate = this.#begin('write', path);
    let count = length;
    if (fate === 'short') count = Math.max(1, this.#random.int(length));
    else if (fate !== undefined) count = this.#random.int(length + 1);
    const sectors = count > 0 ? this.#put(inode, Buffer.from(buffer.subarray(offset, offset + count)), position) : [];
    if (fate === 'cut') return;
    setImmediate(() => {
      if (this.isOff) return;
      if (fate === 'EIO' || fate === 'ENOSPC') {
        if (isSynchronous) this.#gamble(inode, sectors, this.#random.float());
        done(fault(fate), 0);
        return;
      }
      if (isSynchronous) this.#sync(inode, sectors);
      done(null, count);
    });
  }

  fdatasync(fd: number, done: (error: NodeJS.ErrnoException | null) => void): void {
    const { path, inode } = this.#file(fd);
    const fate = this.#begin('sync', path);
    if (fate === 'cut') return;
    setImmediate(() => {
      if (this.isOff) return;
      if (fate === undefined || fate === 'short') this.#sync(inode, [...inode.dirty.keys()]);
      else this.#gamble(inode, inode.dirty.keys(), this.#random.float());
      done(fate === undefined || fate === 'short' ? null : fault(fate));
    });
  }

  read(fd: number, buffer: Buffer, offset: number, length: number, position: number, done: Done<number>): void {
    const { path } = this.#file(fd);
    const fate = this.#begin('read', path);
    if (fate === 'cut') return;
    setImmediate(() => {
      if (this.isOff) return;
      if (fate === 'EIO') done(fault('EIO'), 0);
      else done(null, this.readSync(fd, buffer, offset, length, position));
    });
  }

  readSync(fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    const { inode } = this.#file(fd);
    const count = Math.max(0, Math.min(length, inode.length - position));
    inode.current.copy(buffer, offset, position, position + count);
    return count;
  }

  writeSync(fd: number, buffer: Buffer, position: number): number {
    const { path, inode } = this.#file(fd);
    const fate = this.#begin('write', path);
    if (fate !== undefined && fate !== 'short') throw fault(fate === 'cut' ? 'EIO' : fate);
    this.#put(inode, buffer, position);
    return buffer.length;
  }

  fdatasyncSync(fd: number): void {
    const { path, inode } = this.#file(fd);
    const fate = this.#begin('sync', path);
    if (fate !== undefined && fate !== 'short') throw fault(fate === 'cut' ? 'EIO' : fate);
    this.#sync(inode, [...inode.dirty.keys()]);
  }

  /** A rare operation: after its turn it fails, never ends, or does its work. */
  #later<T>(kind: string, path: string, work: () => T): Promise<T> {
    const fate = this.#begin(kind, path);
    return new Promise((resolve, reject) => {
      if (fate === 'cut') return;
      setImmediate(() => {
        if (this.isOff) return;
        if (fate === 'EIO' || fate === 'ENOSPC') {
          reject(fault(fate));
          return;
        }
        try {
          resolve(work());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  #change(change: NameChange): void {
    change.apply(this.#names);
    this.#changes.push(change);
  }

  open(path: string, o: { access: 'read' | 'write' | 'create'; isSynchronous?: boolean }): Promise<number> {
    return this.#later(`open ${o.access}`, path, () => {
      let inode = this.#names.get(path);
      if (o.access === 'create') {
        if (inode !== undefined) throw fault('EEXIST');
        if (this.#names.get(directoryOf(path)) !== 'directory') throw fault('ENOENT');
        const made: Inode = { current: Buffer.alloc(0), length: 0, durable: Buffer.alloc(0), durableLength: 0, dirty: new Map() };
        inode = made;
        this.#change({ directories: [directoryOf(path)], apply: (names) => names.set(path, made) });
      }
      if (inode === undefined) throw fault('ENOENT');
      if (inode === 'directory') throw fault('EISDIR');
      const fd = this.#nextFd;
      this.#nextFd += 1;
      this.#files.set(fd, { path, inode, isSynchronous: o.isSynchronous === true });
      return fd;
    });
  }

  close(fd: number): Promise<void> {
    return this.#later('close', this.#file(fd).path, () => void this.#files.delete(fd));
  }

  size(fd: number): Promise<number> {
    return Promise.resolve(this.#file(fd).inode.length);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#later(`rename ${sortOf(from)} to`, to, () => {
      const inode = this.#names.get(from);
      if (inode === undefined) throw fault('ENOENT');
      for (const file of this.#files.values()) if (file.inode === inode) file.path = to;
      this.#change({
        directories: [directoryOf(from), directoryOf(to)],
        apply: (names) => {
          names.delete(from);
          names.set(to, inode);
        },
      });
    });
  }

  unlink(path: string): Promise<void> {
    return this.#later('unlink', path, () => {
      if (!this.#names.has(path)) throw fault('ENOENT');
      this.#change({ directories: [directoryOf(path)], apply: (names) => names.delete(path) });
    });
  }

  makeDirectory(path: string): Promise<boolean> {
    return this.#later('mkdir', path, () => {
      const there = this.#names.get(path);
      if (there === 'directory') return false;
      if (there !== undefined) throw fault('EEXIST');
      if (this.#names.get(directoryOf(path)) !== 'directory') throw fault('ENOENT');
      this.#change({ directories: [directoryOf(path)], apply: (names) => names.set(path, 'directory') });
      return true;
    });
  }

  removeDirectory(path: string): Promise<void> {
    if ([...this.#names.keys()].some((name) => name !== '/' && directoryOf(name) === path)) return Promise.reject(fault('ENOTEMPTY'));
    return this.unlink(path);
  }

  list(path: string): Promise<{ name: string; kind: 'file' | 'directory' | 'other' }[] | undefined> {
    return this.#later('list', path, () => {
      const there = this.#names.get(path);
      if (there === undefined) return undefined;
      if (there !== 'directory') throw fault('ENOTDIR');
      const entries: { name: string; kind: 'file' | 'directory' | 'other' }[] = [];
      for (const [name, inode] of this.#names) {
        if (name === '/' || directoryOf(name) !== path) continue;
        entries.push({ name: name.slice(name.lastIndexOf('/') + 1), kind: inode === 'directory' ? 'directory' : 'file' });
      }
      return entries;
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#later('sync directory', path, () => {
      const rest: NameChange[] = [];
      for (const change of this.#changes) {
        if (change.directories.includes(path)) change.apply(this.#durableNames);
        else rest.push(change);
      }
      this.#changes = rest;
    });
  }

  /** The bytes of a file, to damage them. */
  bytesOf(path: string): Buffer {
    const inode = this.#names.get(path);
    if (inode === undefined || inode === 'directory') throw fault('ENOENT');
    return inode.current.subarray(0, inode.length);
  }

  /** Puts a file there, durably. */
  place(path: string, bytes: Buffer): void {
    const inode: Inode = {
      current: Buffer.from(bytes),
      length: bytes.length,
      durable: Buffer.from(bytes),
      durableLength: bytes.length,
      dirty: new Map(),
    };
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  get paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** The disk that the next start finds. 'power': what was not synced is at the mercy of the dice; 'kill': all that was written is there. */
  after(how: 'power' | 'kill'): FaultyDisk {
    this.isOff = true;
    const next = new FaultyDisk(this.#random);
    const names = how === 'kill' ? this.#names : this.#durableNames;
    const chance = this.#random.float();
    if (how === 'power') for (const change of this.#changes) if (this.#random.float() < chance) change.apply(names);
    const copies = new Map<Inode, Inode>();
    for (const [path, inode] of names) next.#adopt(path, inode, how, copies, (old) => this.#gamble(old, old.dirty.keys(), chance));
    return next;
  }

  #adopt(path: string, inode: Inode | 'directory', how: 'power' | 'kill', copies: Map<Inode, Inode>, gamble: (inode: Inode) => void): void {
    let copy: Inode | 'directory' = 'directory';
    if (inode !== 'directory') {
      if (how === 'power') gamble(inode);
      const bytes = how === 'kill' ? inode.current : inode.durable;
      const length = how === 'kill' ? inode.length : inode.durableLength;
      const fresh: Inode = {
        current: Buffer.alloc(length),
        length,
        durable: Buffer.alloc(length),
        durableLength: length,
        dirty: new Map(),
      };
      bytes.copy(fresh.current, 0, 0, length);
      bytes.copy(fresh.durable, 0, 0, length);
      copy = copies.get(inode) ?? fresh;
      copies.set(inode, copy);
    }
    this.#names.set(path, copy);
    this.#durableNames.set(path, copy);
  }
}
