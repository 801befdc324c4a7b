/**
 * A file system of a few megabytes for scenarios that fill one, made by mount(8) where the tester is root.
 *
 * The one rule: what is mounted here is unmounted when its test ends. Where mounting is not permitted, `undefined`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export class SmallDisk {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Gives the file system another size while it is in use. */
  resize(megabytes: number): void {
    const { status, stderr } = spawnSync('mount', ['-o', `remount,size=${megabytes}m`, this.path]);
    if (status !== 0) throw new Error(`cannot remount ${this.path}: ${stderr.toString()}`);
  }

  /** Takes all the room that is left. */
  fill(): void {
    try {
      for (let i = 0; ; i++) writeFileSync(join(this.path, `filler${i}`), Buffer.alloc(1024 * 1024));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
    try {
      for (;;) writeFileSync(join(this.path, 'filler'), Buffer.alloc(4096), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  /** Gives back what `fill` took. */
  empty(): void {
    for (let i = 0; i < 256; i++) rmSync(join(this.path, `filler${i}`), { force: true });
    rmSync(join(this.path, 'filler'), { force: true });
  }
}

/** Mounts a file system of `megabytes` on a new folder. */
export function mountSmallDisk(t: TestContext, path: string, megabytes: number): SmallDisk | undefined {
  mkdirSync(path, { recursive: true });
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
  if (status !== 0) return undefined;
  t.after(() => {
    if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${path} `)) spawnSync('umount', ['-l', path]);
  });
  return new SmallDisk(path);
}
