// The five digits of message ids: a number leased to one loop of this spool, with the highest time slot ever promised under it.
//
// The rule to know: a number once leased stays with its loop for the life of the spool, and slots are made durable before they are
// used, so an id never comes twice: not over restarts, not when the clock is set back, not with more loops. A lease is a file
// `instance/NNNNN` made with O_EXCL; its two copies (sectors 0 and 1) are written in turn, each with a checksum, so a torn write leaves
// the other. Promises are made ahead in the background; the loop waits for the disk only at start and after a jump of the clock.
// Truth: SMTP-17; design section 6.

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Random } from '#base';
import { type Fault, makeDirectories, nodeDisk, readAllAsync, type SpoolFs, syncAsync, writeAll, writeAllAsync } from './disk.ts';
import { diskError, SpoolError, systemCode } from './errors.ts';
import { instanceDirectory } from './layout.ts';

const copyBytes = 512;
const instances = 100_000;
/** Slots promised beyond what was asked. */
const extraSlots = 120;
/** When fewer than this are left, more are promised in the background. */
const lowSlots = 60;

interface LeaseFacts {
  loop: number;
  slot: number;
  turn: number;
}

function encodeLease(facts: LeaseFacts): Buffer {
  const bytes = Buffer.alloc(copyBytes);
  bytes.write('IMPLEAS1', 0, 'latin1');
  bytes.writeUInt32LE(facts.loop, 8);
  bytes.writeUInt32LE(facts.slot, 12);
  bytes.writeUInt32LE(facts.turn, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 20)), 20);
  return bytes;
}

function decodeLease(bytes: Buffer): LeaseFacts | undefined {
  if (bytes.toString('latin1', 0, 8) !== 'IMPLEAS1' || crc32(bytes.subarray(0, 20)) !== bytes.readUInt32LE(20)) return undefined;
  return { loop: bytes.readUInt32LE(8), slot: bytes.readUInt32LE(12), turn: bytes.readUInt32LE(16) };
}

export interface LeaseOptions {
  dir: string;
  loop: number;
  random: Random;
  disk?: SpoolFs;
  fileMode?: number;
  directoryMode?: number;
  panic(text: string): void;
}

export class InstanceLease {
  /** 0 to 99999. */
  readonly instance: number;
  /** The highest slot promised in earlier runs: for MessageIdSource's `lastSlot`. */
  readonly lastSlot: number;
  readonly #disk: SpoolFs;
  readonly #fd: number;
  readonly #loop: number;
  readonly #panic: (text: string) => void;
  #granted: number;
  #turn: number;
  #isExtending = false;
  #extendingCopy = 0;

  private constructor(o: LeaseOptions, instance: number, fd: number, facts: LeaseFacts) {
    this.#disk = o.disk ?? nodeDisk;
    this.#panic = (text) => o.panic(text);
    this.#loop = o.loop;
    this.#fd = fd;
    this.instance = instance;
    this.lastSlot = facts.slot;
    this.#granted = facts.slot;
    this.#turn = facts.turn;
  }

  /** Takes the loop's lease, or a new one. Throws SpoolError. */
  static async acquire(o: LeaseOptions): Promise<InstanceLease> {
    const disk = o.disk ?? nodeDisk;
    const directory = join(o.dir, instanceDirectory);
    try {
      await makeDirectories(disk, directory, o.directoryMode ?? 0o750);
      const taken = new Set<number>();
      for (const { name } of (await disk.list(directory)) ?? []) {
        if (!/^\d{5}$/.test(name)) continue;
        taken.add(Number(name));
        const lease = await InstanceLease.#existing(o, disk, join(directory, name), Number(name));
        if (lease !== undefined) return lease;
      }
      return await InstanceLease.#fresh(o, disk, directory, taken);
    } catch (error) {
      throw diskError(error, `lease an instance number in ${directory}`);
    }
  }

  static async #existing(o: LeaseOptions, disk: SpoolFs, path: string, instance: number): Promise<InstanceLease | undefined> {
    const fd = await disk.open(path, { access: 'write' });
    const both = Buffer.alloc(copyBytes * 2);
    const read = await readAllAsync(disk, fd, both, 0, both.length, 0);
    let facts: LeaseFacts | undefined;
    for (const copy of [both.subarray(0, copyBytes), both.subarray(copyBytes)]) {
      const decoded = decodeLease(copy);
      if (decoded !== undefined && (facts === undefined || decoded.slot > facts.slot)) facts = decoded;
    }
    if (facts !== undefined && facts.loop === o.loop) return new InstanceLease(o, instance, fd, facts);
    await disk.close(fd);
    // The number stays taken for ever: what was promised under it is not known. An empty file was never handed out.
    if (facts === undefined && read > 0) o.panic(`spool: the lease ${path} cannot be read; its number is not used again`);
    return undefined;
  }

  static async #fresh(o: LeaseOptions, disk: SpoolFs, directory: string, taken: Set<number>): Promise<InstanceLease> {
    if (taken.size >= instances) throw new SpoolError('io', `all ${instances} instance numbers of ${directory} are taken`);
    for (;;) {
      const instance = o.random.int(instances);
      if (taken.has(instance)) continue;
      const path = join(directory, String(instance).padStart(5, '0'));
      let fd: number;
      try {
        fd = await disk.open(path, { access: 'create', mode: o.fileMode ?? 0o640 });
      } catch (error) {
        // Another loop was quicker.
        if (systemCode(error) !== 'EEXIST') throw error;
        taken.add(instance);
        continue;
      }
      const facts = { loop: o.loop, slot: 0, turn: 0 };
      await writeAllAsync(disk, fd, Buffer.concat([encodeLease(facts), Buffer.alloc(copyBytes)]), 0);
      await syncAsync(disk, fd);
      await disk.syncDirectory(directory);
      return new InstanceLease(o, instance, fd, facts);
    }
  }

  /** For MessageIdSource: returns when slots up to `upTo` may be used. Throws SpoolError when that cannot be made durable. */
  persistSlot(upTo: number): void {
    if (upTo > this.#granted) {
      const slot = Math.min(0xffff_fffe, upTo + extraSlots);
      try {
        // Never the copy that a background write is on.
        this.#turn += this.#isExtending && this.#turn % 2 !== this.#extendingCopy ? 2 : 1;
        const copy = encodeLease({ loop: this.#loop, slot: Math.max(upTo, slot), turn: this.#turn });
        const written = this.#disk.writeSync(this.#fd, copy, (this.#turn % 2) * copyBytes);
        if (written !== copy.length) throw new SpoolError('io', 'a lease was written in part');
        this.#disk.fdatasyncSync(this.#fd);
        this.#granted = Math.max(upTo, slot);
      } catch (error) {
        throw diskError(error, `promise message id slots of instance ${this.instance}`);
      }
    } else if (this.#granted - upTo < lowSlots) {
      this.#extend(upTo + extraSlots);
    }
  }

  /** Promises more in the background. Trouble is silent here: the next `persistSlot` meets it. */
  #extend(slot: number): void {
    if (this.#isExtending || slot > 0xffff_fffe) return;
    this.#isExtending = true;
    this.#turn += 1;
    this.#extendingCopy = this.#turn % 2;
    const copy = encodeLease({ loop: this.#loop, slot, turn: this.#turn });
    const ended = (error: Fault): void => {
      this.#isExtending = false;
      if (error === null) this.#granted = Math.max(this.#granted, slot);
      else this.#panic(`spool: cannot promise message id slots: ${error.message}`);
    };
    writeAll(this.#disk, this.#fd, copy, copy.length, (this.#turn % 2) * copyBytes, (error) => {
      if (error === null) this.#disk.fdatasync(this.#fd, ended);
      else ended(error);
    });
  }

  async release(): Promise<void> {
    await this.#disk.close(this.#fd);
  }
}
