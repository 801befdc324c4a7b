/*
 * The lines of log files in the order of time: rotated ones before the one that is written, compressed ones through their program.
 *
 * The one rule: a file that cannot be read, or ends in the middle of what was compressed, is told and the others are read on. A line is
 * bounded: what is longer is cut off, since no log has such lines.
 */
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

const LINE_MAX = 1024 * 1024;
const programs: Readonly<Record<string, string>> = { bz2: 'bzip2', xz: 'xz', zst: 'zstd' };
const rotated = /^(.*?)(?:\.(\d{1,4}))?(?:\.(bz2|gz|xz|zst))?$/s;

/** Those of a default installation, with their rotated ones. */
export function defaultFiles(logs: readonly string[], folder = '/var/log/ecelerity'): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder);
  return logs.flatMap((log) => names.filter((name) => rotated.exec(name)?.[1] === log)).map((name) => join(folder, name));
}

/** Logs in the order they were named first, each from its oldest file on. */
export function inOrder(files: readonly string[]): string[] {
  const parts = files.map((file) => {
    const [, base = file, number = '0'] = rotated.exec(file) ?? [];
    return { file, base, number: Number(number) };
  });
  const bases = [...new Set(parts.map(({ base }) => base))];
  return parts.sort((a, b) => bases.indexOf(a.base) - bases.indexOf(b.base) || b.number - a.number).map(({ file }) => file);
}

/** `-` is standard input. Throws an Error with a sentence. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let isTooLong = false;
  for await (const chunk of bytesOf(file)) {
    const pieces = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = pieces.pop() as string;
    for (const piece of pieces) {
      if (!isTooLong) yield piece;
      isTooLong = false;
    }
    if (rest.length > LINE_MAX) {
      isTooLong = true;
      rest = '';
    }
  }
  if (rest !== '' && !isTooLong) yield rest;
}

async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  if (file === '-') return yield* process.stdin as AsyncIterable<Buffer>;
  const suffix = rotated.exec(file)?.[3];
  const program = programs[suffix ?? ''];
  if (program !== undefined) return yield* throughProgram(program, file);
  const bytes: Readable = createReadStream(file);
  try {
    if (suffix !== 'gz') return yield* bytes as AsyncIterable<Buffer>;
    const unpacked = createGunzip();
    bytes.on('error', (error) => unpacked.destroy(error));
    return yield* bytes.pipe(unpacked) as AsyncIterable<Buffer>;
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  } finally {
    bytes.destroy();
  }
}

async function* throughProgram(program: string, file: string): AsyncGenerator<Buffer> {
  const child = spawn(program, ['-dc', '--', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(0, 1000)));
  const ended = new Promise<number | null>((done) => {
    child.on('error', (error) => {
      complaint = error.message;
      done(null);
    });
    child.on('close', done);
  });
  yield* child.stdout as AsyncIterable<Buffer>;
  if ((await ended) !== 0) throw new Error(`cannot read ${file} through ${program}: ${complaint.trim()}`);
}
