// The files of one log: makes segments ready ahead of need, hands them out, takes them back for reuse, keeps a few open for reading.
//
// The rule to know: a file gets its final name only when its header is durable, and its name is durable before anything in it counts;
// so a name that ends in `.new` or `.free` holds nothing and may go. Generations are given out when a file is finished, in order of use.
// When the disk is full it goes down: a full segment, a quick one, at last the reserve, which takes notes only.
// It never removes or renames what is not named like its own. Truth: layout.ts; design section 6.

import { join } from 'node:path';
import { diskError, SpoolError, systemCode } from './errors.ts';
import { makeDirectories, type SpoolFs, syncAsync, writeAllAsync } from './disk.ts';
import {
  openSegmentsMax,
  parseSegmentName,
  reserveBytes,
  reserveName,
  segmentBytesQuick,
  segmentName,
  spareSegmentsMax,
} from './layout.ts';
import { seedOf } from './record.ts';
import { Segment, writeSegmentHeader } from './segment.ts';

const zeroChunk = Buffer.alloc(1024 * 1024);

/** All segments a loop knows, by the small numbers that the batch index keeps. */
export class SegmentTable {
  readonly #slots: (Segment | undefined)[] = [];
  readonly #free: number[] = [];

  add(segment: Segment): void {
    segment.slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[segment.slot] = segment;
  }

  remove(segment: Segment): void {
    this.#slots[segment.slot] = undefined;
    this.#free.push(segment.slot);
  }

  get(slot: number): Segment | undefined {
    return this.#slots[slot];
  }
}

interface StoreOptions {
  disk: SpoolFs;
  directory: string;
  log: number;
  spoolId: number;
  segmentBytes: number;
  fileMode: number;
  directoryMode: number;
  isDurable: boolean;
  table: SegmentTable;
  /** False for the offline tool: nothing is made ahead of need. Default true. */
  preparesAhead?: boolean;
  panic(text: string): void;
}

type Taken = (error: SpoolError | undefined, segment?: Segment) => void;

export class SegmentStore {
  readonly o: StoreOptions;
  readonly seed: number;
  readonly segments = new Map<number, Segment>();
  /** Generations found on the disk when the log was opened: recovery's work. */
  readonly found = new Set<number>();
  /** Segments that still hold records whose batch lives, or died, elsewhere: until they go, no ending may be forgotten. */
  readonly movedOut = new Set<Segment>();
  /** Highest generation any file name has had. */
  lastGeneration = 0;
  #spares: number[] = [];
  #next: Segment | undefined;
  #isPreparing = false;
  #hasReserve = false;
  #sizeAhead: number;
  #isClosed = false;
  #preparation: Promise<void> = Promise.resolve();
  #turn: Promise<void> = Promise.resolve();
  readonly #open: Segment[] = [];

  private constructor(o: StoreOptions) {
    this.o = o;
    this.#sizeAhead = Math.min(o.segmentBytes, segmentBytesQuick);
    this.seed = seedOf(o.spoolId, o.log);
  }

  /** Opens or makes the log's directory. Fails with SpoolError when it cannot. */
  static async open(o: StoreOptions): Promise<SegmentStore> {
    const store = new SegmentStore(o);
    try {
      await makeDirectories(o.disk, o.directory, o.directoryMode);
      await store.#readNames();
    } catch (error) {
      throw diskError(error, `open the log ${o.directory}`);
    }
    return store;
  }

  async #readNames(): Promise<void> {
    const { disk, directory } = this.o;
    let isChanged = false;
    for (const { name, kind } of (await disk.list(directory)) ?? []) {
      const parsed = kind === 'file' ? parseSegmentName(name) : undefined;
      if (parsed === undefined) {
        if (name === reserveName) this.#hasReserve = true;
        else if (name === `${reserveName}.new`) await disk.unlink(join(directory, name));
        else this.o.panic(`spool: ${join(directory, name)} is not ours; it is left alone`);
        continue;
      }
      this.lastGeneration = Math.max(this.lastGeneration, parsed.generation);
      if (parsed.kind === 'seg') this.found.add(parsed.generation);
      else if (parsed.kind === 'free' && this.#spares.length < spareSegmentsMax) this.#spares.push(parsed.generation);
      else {
        await disk.unlink(join(directory, name));
        isChanged = true;
      }
    }
    if (isChanged) await disk.syncDirectory(directory);
  }

  path(generation: number, kind: 'seg' | 'free' | 'new'): string {
    return join(this.o.directory, segmentName(generation, kind));
  }

  /** Whether a segment is on the disk, read at start or not yet. */
  has(generation: number): boolean {
    return this.segments.has(generation) || this.found.has(generation);
  }

  /** A segment known from the disk, counted from now on. */
  adopt(generation: number, size: number, isLarge: boolean): Segment {
    const segment = new Segment({ log: this.o.log, seed: this.seed, generation, path: this.path(generation, 'seg'), size, isLarge });
    segment.state = isLarge ? 'large' : 'sealed';
    this.#register(segment);
    return segment;
  }

  #register(segment: Segment): void {
    this.segments.set(segment.generation, segment);
    this.o.table.add(segment);
  }

  /** Hands out the next segment to write to: at once when one is ready, else as soon as a quick one is made. */
  take(isForNotes: boolean, done: Taken): void {
    const ready = this.#next;
    if (ready !== undefined) {
      this.#next = undefined;
      done(undefined, ready);
      return;
    }
    this.#inTurn(() => this.#takeLater(isForNotes)).then(
      (segment) => done(undefined, segment),
      (error: unknown) => done(diskError(error, `make a segment in ${this.o.directory}`)),
    );
  }

  async #takeLater(isForNotes: boolean): Promise<Segment> {
    const ready = this.#next;
    if (ready !== undefined) {
      this.#next = undefined;
      return ready;
    }
    try {
      if (this.#spares.length > 0) return await this.#finish(await this.#spareFile());
      return await this.#finish(await this.#zeroedFile(Math.min(this.o.segmentBytes, segmentBytesQuick)));
    } catch (error) {
      if (!isForNotes || !this.#hasReserve) throw error;
      return this.#fromReserve();
    }
  }

  /**
   * Makes the next segment and the reserve in the background; called when the one in use is half full. The first is quick to make, each
   * next one four times larger up to the full size, so a start writes few zeros. Trouble is silent here: it shows when one is needed.
   */
  prepare(): void {
    if (this.#next !== undefined || this.#isPreparing || this.#isClosed || this.o.preparesAhead === false) return;
    this.#isPreparing = true;
    const made = async (): Promise<void> => {
      await this.#makeReserve();
      const spare = this.#spares.length > 0 ? await this.#inTurn(() => this.#spareFile()) : await this.#zeroedFile(this.#sizeAhead);
      this.#sizeAhead = Math.min(this.o.segmentBytes, this.#sizeAhead * 4);
      await this.#inTurn(async () => {
        this.#next = await this.#finish(spare);
      });
    };
    this.#preparation = made().then(
      () => void (this.#isPreparing = false),
      () => void (this.#isPreparing = false),
    );
  }

  get #reserveBytes(): number {
    return Math.min(reserveBytes, this.o.segmentBytes);
  }

  /** One finishing at a time: the order of generations is the order of use. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  #newGeneration(): number {
    this.lastGeneration += 1;
    return this.lastGeneration;
  }

  async #spareFile(): Promise<{ path: string; size: number }> {
    const generation = this.#spares.shift();
    if (generation === undefined) return this.#zeroedFile(this.o.segmentBytes);
    return { path: this.path(generation, 'free'), size: this.o.segmentBytes };
  }

  async #zeroedFile(size: number): Promise<{ path: string; size: number }> {
    const { disk, fileMode } = this.o;
    const path = this.path(this.#newGeneration(), 'new');
    const fd = await disk.open(path, { access: 'create', mode: fileMode });
    try {
      for (let at = 0; at < size; at += zeroChunk.length) {
        if (this.#isClosed) throw new SpoolError('closed', 'the spool is closed');
        await writeAllAsync(disk, fd, zeroChunk.subarray(0, Math.min(zeroChunk.length, size - at)), at);
      }
      await syncAsync(disk, fd);
    } catch (error) {
      await disk.close(fd);
      await disk.unlink(path).catch(() => undefined);
      throw error;
    }
    await disk.close(fd);
    return { path, size };
  }

  /** Header, final name, durable directory, open for appending. */
  async #finish(file: { path: string; size: number }, isReserve = false): Promise<Segment> {
    const { disk, directory, log, spoolId, fileMode } = this.o;
    const generation = this.#newGeneration();
    const path = this.path(generation, 'seg');
    const fd = await disk.open(file.path, { access: 'write', mode: fileMode, isSynchronous: this.o.isDurable });
    try {
      await writeAllAsync(disk, fd, writeSegmentHeader({ spoolId, log, generation, size: file.size, isLarge: false }), 0);
      await syncAsync(disk, fd);
      await disk.rename(file.path, path);
      await disk.syncDirectory(directory);
    } catch (error) {
      await disk.close(fd);
      throw error;
    }
    const segment = new Segment({ log, seed: this.seed, generation, path, size: file.size, isReserve });
    segment.fd = fd;
    this.#register(segment);
    return segment;
  }

  async #fromReserve(): Promise<Segment> {
    this.#hasReserve = false;
    return this.#finish({ path: join(this.o.directory, reserveName), size: this.#reserveBytes }, true);
  }

  async #makeReserve(): Promise<void> {
    if (this.#hasReserve) return;
    const { disk, directory } = this.o;
    const file = await this.#zeroedFile(this.#reserveBytes);
    await disk.rename(file.path, join(directory, reserveName));
    await disk.syncDirectory(directory);
    this.#hasReserve = true;
  }

  /** The file of a large message, under a name that counts for nothing until `nameLarge`. */
  async createLarge(): Promise<Segment> {
    const { disk, log, spoolId, fileMode } = this.o;
    const generation = this.#newGeneration();
    const path = this.path(generation, 'new');
    const fd = await disk.open(path, { access: 'create', mode: fileMode });
    const segment = new Segment({ log, seed: this.seed, generation, path: this.path(generation, 'seg'), size: 0, isLarge: true });
    segment.fd = fd;
    segment.state = 'large';
    try {
      await writeAllAsync(disk, fd, writeSegmentHeader({ spoolId, log, generation, size: 0, isLarge: true }), 0);
    } catch (error) {
      await this.discardLarge(segment);
      throw error;
    }
    return segment;
  }

  /** The message is whole and synced: gives the file the name under which it counts. */
  async nameLarge(segment: Segment): Promise<void> {
    const { disk, directory } = this.o;
    await disk.rename(this.path(segment.generation, 'new'), segment.path);
    if (this.o.isDurable) await disk.syncDirectory(directory);
    segment.size = segment.offset;
    await disk.close(segment.fd);
    segment.fd = -1;
    this.#register(segment);
  }

  /** Removes an unfinished large message, whichever name it has by now. True when that is durable. */
  async discardLarge(segment: Segment): Promise<boolean> {
    const { disk, directory } = this.o;
    if (segment.fd >= 0) await disk.close(segment.fd).catch(() => undefined);
    segment.fd = -1;
    segment.state = 'gone';
    let isGone = false;
    for (const path of [this.path(segment.generation, 'new'), segment.path]) {
      try {
        await disk.unlink(path);
        isGone = true;
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') isGone = false;
      }
    }
    return disk.syncDirectory(directory).then(
      () => isGone,
      () => false,
    );
  }

  /** A dead segment becomes a spare or goes; the directory is durable when this is done. */
  async free(segment: Segment): Promise<void> {
    const { disk, directory } = this.o;
    const canReuse = !segment.isLarge && segment.size === this.o.segmentBytes && this.#spares.length < spareSegmentsMax;
    this.#forgetOpen(segment);
    const fd = segment.fd;
    segment.fd = -1;
    if (fd >= 0) await disk.close(fd);
    if (canReuse) await disk.rename(segment.path, this.path(segment.generation, 'free'));
    else await disk.unlink(segment.path);
    await disk.syncDirectory(directory);
    segment.state = 'gone';
    this.segments.delete(segment.generation);
    this.movedOut.delete(segment);
    this.o.table.remove(segment);
    if (canReuse) this.#spares.push(segment.generation);
  }

  /** Takes a segment that is not written any more among those open for reading; the oldest idle one is closed beyond the bound. */
  keepOpen(segment: Segment): void {
    this.#open.push(segment);
    if (this.#open.length <= openSegmentsMax) return;
    const index = this.#open.findIndex((s) => s.readers === 0);
    if (index < 0) return;
    const [old] = this.#open.splice(index, 1);
    if (old === undefined || old.fd < 0) return;
    const fd = old.fd;
    old.fd = -1;
    this.o.disk.close(fd).catch(() => undefined);
  }

  #forgetOpen(segment: Segment): void {
    const index = this.#open.indexOf(segment);
    if (index >= 0) this.#open.splice(index, 1);
  }

  /** Opens a segment for reading unless it is open. The caller holds a reader's lease. */
  async openForRead(segment: Segment): Promise<number> {
    if (segment.fd >= 0) return segment.fd;
    const fd = await this.o.disk.open(segment.path, { access: 'read' });
    if (segment.fd >= 0) {
      await this.o.disk.close(fd);
      return segment.fd;
    }
    segment.fd = fd;
    this.keepOpen(segment);
    return fd;
  }

  async #dropNext(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) await this.free(next).catch(() => undefined);
  }

  /** Closes all files. The segment made ahead becomes a spare for the next start, or goes; it holds nothing. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#preparation;
    await this.#turn;
    await this.#dropNext();
    for (const segment of this.segments.values()) {
      if (segment.fd >= 0) await this.o.disk.close(segment.fd).catch(() => undefined);
      segment.fd = -1;
    }
  }
}
