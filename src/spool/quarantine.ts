// Puts aside what cannot be believed: bytes of a segment are copied, a file that is no segment of ours is moved.
//
// The rule to know: nothing is deleted, one paniclog line for each piece, and doing it again (the next start finds the same damage) does nothing:
// the name says log, generation and offset. At most 1,000 pieces: beyond, the line says that it was left where it is.
// When a copy fails, the caller keeps the segment as it is. Truth: A67; design section 6.

import { join } from 'node:path';
import { makeDirectories, readAllAsync, type SpoolFs, syncAsync, writeAllAsync } from './disk.ts';
import { quarantineDirectory } from './layout.ts';

const piecesMax = 1000;
const copyBytes = 256 * 1024;

export class Quarantine {
  readonly #disk: SpoolFs;
  readonly #directory: string;
  readonly #modes: { file: number; directory: number };
  readonly #panic: (text: string) => void;
  #pieces = -1;

  constructor(o: { disk: SpoolFs; spool: string; fileMode: number; directoryMode: number; panic(text: string): void }) {
    this.#disk = o.disk;
    this.#directory = join(o.spool, quarantineDirectory);
    this.#modes = { file: o.fileMode, directory: o.directoryMode };
    this.#panic = (text) => o.panic(text);
  }

  async #hasRoom(): Promise<boolean> {
    if (this.#pieces < 0) {
      await makeDirectories(this.#disk, this.#directory, this.#modes.directory);
      this.#pieces = (await this.#disk.list(this.#directory))?.length ?? 0;
    }
    return this.#pieces < piecesMax;
  }

  async #isThere(name: string): Promise<boolean> {
    return ((await this.#disk.list(this.#directory)) ?? []).some((e) => e.name === name);
  }

  /** Copies `bytes` of an open file. True when they are safe (now or since an earlier start). */
  async copy(
    fd: number,
    from: { path: string; log: number; generation: number },
    what: string,
    offset: number,
    bytes: number,
  ): Promise<boolean> {
    const name = `${from.log}-${from.generation}-${offset}.bytes`;
    const place = `${bytes} bytes at ${offset} of ${from.path}`;
    try {
      if (!(await this.#hasRoom())) {
        this.#panic(`spool: ${what}: ${place}; left there, ${this.#directory} holds ${piecesMax} pieces`);
        return false;
      }
      if (await this.#isThere(name)) return true;
      const unfinished = join(this.#directory, `${name}.new`);
      await this.#disk.unlink(unfinished).catch(() => undefined);
      const target = await this.#disk.open(unfinished, { access: 'create', mode: this.#modes.file });
      const buffer = Buffer.allocUnsafe(Math.min(bytes, copyBytes));
      for (let done = 0; done < bytes;) {
        const got = await readAllAsync(this.#disk, fd, buffer, 0, Math.min(buffer.length, bytes - done), offset + done);
        if (got === 0) break;
        await writeAllAsync(this.#disk, target, buffer.subarray(0, got), done);
        done += got;
      }
      await syncAsync(this.#disk, target);
      await this.#disk.close(target);
      await this.#disk.rename(unfinished, join(this.#directory, name));
      await this.#disk.syncDirectory(this.#directory);
      this.#pieces += 1;
      this.#panic(`spool: ${what}: ${place}; a copy is in ${join(this.#directory, name)}`);
      return true;
    } catch (error) {
      this.#panic(`spool: ${what}: ${place}; not copied: ${String(error)}`);
      return false;
    }
  }

  /** Moves a whole file. False when it stays where it is. */
  async move(path: string, from: { log: number; generation: number }, what: string): Promise<boolean> {
    const name = `${from.log}-${from.generation}.file`;
    try {
      if (!(await this.#hasRoom())) {
        this.#panic(`spool: ${what}: ${path}; left there, ${this.#directory} holds ${piecesMax} pieces`);
        return false;
      }
      const taken = new Set(((await this.#disk.list(this.#directory)) ?? []).map((e) => e.name));
      let target = name;
      for (let i = 1; taken.has(target); i += 1) target = `${name}.${i}`;
      await this.#disk.rename(path, join(this.#directory, target));
      await this.#disk.syncDirectory(this.#directory);
      this.#pieces += 1;
      this.#panic(`spool: ${what}: ${path}; moved to ${join(this.#directory, target)}`);
      return true;
    } catch (error) {
      this.#panic(`spool: ${what}: ${path}; not moved: ${String(error)}`);
      return false;
    }
  }
}
