/*
 * jlogctl: looks after jlogs: their subscribers, how far each has read, what may go, what is damaged; and (ours) reads one.
 *
 * The one rule: nothing a subscriber has not confirmed is removed. What it changes it changes in one step, so it may be used while the
 * server writes. Exit status: 0 done, 1 something is wrong or was refused, 64 wrong words. Truth: MOD-12, CLI-07; docs/protocols/jlog.md.
 */
import { closeSync, fstatSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { JlogFolder } from '#observe';
import { visible } from './console/visible.ts';
import { wrongWords } from './wrong-words.ts';

const usage = `usage: jlogctl [options] PATH ...
  PATH            the folder of a jlog
  -a SUBSCRIBER   add a subscriber: it begins with the oldest record that is there
  -e SUBSCRIBER   remove a subscriber and its place
  -s              list the subscribers
  -l              sizes, and how far each subscriber has read
  -i              the segments
  -p SUBSCRIBER   where the subscriber reads next, where reading ends, its checkpoint and the last write
  -c              remove segments that no subscriber needs
  -d              look for damage
  -r              look for damage and repair it: places that cannot be read, what a crash cut off
  -x SUBSCRIBER   print the records that the subscriber has not confirmed, and confirm them when they are printed (ours)
  -n NUMBER       with -x: at most so many (ours)
  -v              more words
  -h, --help      this text
Exit status: 0 done, 1 something is wrong or was refused, 64 wrong words.`;

const linesAtOnce = 1000;

interface Words {
  readonly a?: string;
  readonly e?: string;
  readonly p?: string;
  readonly x?: string;
  readonly n?: string;
  readonly s?: boolean;
  readonly l?: boolean;
  readonly i?: boolean;
  readonly c?: boolean;
  readonly d?: boolean;
  readonly r?: boolean;
  readonly v?: boolean;
}

const out = (text: string): void => void process.stdout.write(`${visible(text)}\n`);

const place = ({ segment, offset }: { segment: number; offset: number }): string => `${segment.toString(16).padStart(8, '0')}:${offset}`;

const sizeOf = (folder: JlogFolder, segment: number): number => statSync(folder.segmentPath(segment), { throwIfNoEntry: false })?.size ?? 0;

/** Bytes that a subscriber has not confirmed. */
function behind(folder: JlogFolder, name: string): number {
  const at = folder.place(name);
  if (at === undefined) return 0;
  return folder
    .segments()
    .filter((segment) => segment >= at.segment)
    .reduce((sum, segment) => sum + Math.max(0, sizeOf(folder, segment) - (segment === at.segment ? at.offset : 0)), 0);
}

function lastWrite(folder: JlogFolder): { segment: number; offset: number } {
  const segment = folder.segments().at(-1) ?? 1;
  return { segment, offset: sizeOf(folder, segment) };
}

/** Where the last whole record of a segment ends. */
function endOfRecords(path: string): { size: number; end: number } {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(65_536);
    for (let to = size; to > 0;) {
      const from = Math.max(0, to - buffer.length);
      const got = readSync(fd, buffer, 0, to - from, from);
      const at = buffer.subarray(0, got).lastIndexOf(10);
      if (at >= 0) return { size, end: from + at + 1 };
      to = from;
    }
    return { size, end: 0 };
  } finally {
    closeSync(fd);
  }
}

/** What is damaged, in words; repaired if wished. The last segment is the writer's. */
function damages(folder: JlogFolder, isRepaired: boolean): string[] {
  const found: string[] = [];
  const segments = folder.segments();
  for (const segment of segments.slice(0, -1)) {
    const path = folder.segmentPath(segment);
    const { size, end } = endOfRecords(path);
    if (end === size) continue;
    found.push(`${path}: ${size - end} bytes at its end are no whole record (a crash cut them off; readers skip them)`);
    if (isRepaired) truncateSync(path, end);
  }
  for (const name of folder.subscribers()) {
    if (!folder.isDamaged(name)) continue;
    found.push(`the place of subscriber ${name} cannot be read: it reads again from the oldest record`);
    if (isRepaired) folder.repair(name);
  }
  return found;
}

function list(folder: JlogFolder, isVerbose: boolean): void {
  out(`${folder.path}: ${folder.bytes()} bytes in ${folder.segments().length} segments`);
  for (const name of folder.subscribers()) {
    const at = folder.place(name);
    out(`  ${name}: ${behind(folder, name)} bytes to read${isVerbose && at !== undefined ? `, from ${place(at)}` : ''}`);
  }
}

/** Prints what was not confirmed, in parts; each is confirmed when the reader of our output took it. */
async function read(folder: JlogFolder, name: string, max: number): Promise<void> {
  let at = folder.place(name);
  if (at === undefined) throw new Error(`${folder.path} has no subscriber "${name}"`);
  for (let left = max; left > 0;) {
    const { lines, next, isGap } = folder.read(at, Math.min(left, linesAtOnce));
    if (isGap) process.stderr.write(`jlogctl: ${folder.path}: records were given up before ${name} read them\n`);
    if (lines.length === 0) return;
    await new Promise<void>((done, fail) =>
      process.stdout.write(`${lines.join('\n')}\n`, (error) => (error === undefined || error === null ? done() : fail(error))),
    );
    folder.checkpoint(name, next);
    at = next;
    left -= lines.length;
  }
}

/** Does all that was asked of one jlog; false when something is wrong with it. */
async function perform(path: string, words: Words): Promise<boolean> {
  const folder = JlogFolder.open(path);
  const isVerbose = words.v === true;
  if (words.a !== undefined) {
    folder.subscribe(words.a);
    if (isVerbose) out(`${path}: ${words.a} is a subscriber`);
  }
  if (words.e !== undefined) {
    if (!folder.unsubscribe(words.e)) throw new Error(`${path} has no subscriber "${words.e}"`);
    if (isVerbose) out(`${path}: ${words.e} is no subscriber any more`);
  }
  if (words.s === true) for (const name of folder.subscribers()) out(name);
  if (words.l === true) list(folder, isVerbose);
  if (words.i === true) {
    out(`${path}:`);
    for (const segment of folder.segments()) {
      const readers = folder.subscribers().filter((name) => folder.place(name)?.segment === segment);
      out(
        `  ${place({ segment, offset: 0 }).slice(0, 8)} ${sizeOf(folder, segment)} bytes${readers.length > 0 ? `, read by ${readers.join(', ')}` : ''}`,
      );
    }
  }
  if (words.p !== undefined) {
    const at = folder.place(words.p);
    if (at === undefined) throw new Error(`${path} has no subscriber "${words.p}"`);
    const end = place(lastWrite(folder));
    out(`${path}: ${words.p} reads next ${place(at)} to ${end}; checkpoint ${place(at)}; last write ${end}`);
  }
  if (words.x !== undefined) await read(folder, words.x, words.n === undefined ? Infinity : Number(words.n));
  if (words.c === true) {
    const removed = folder.prune(folder.segments().at(-1) ?? 0);
    if (isVerbose) out(`${path}: ${removed} segments removed`);
  }
  if (words.d !== true && words.r !== true) return true;
  const found = damages(folder, words.r === true);
  for (const one of found) out(one);
  if (isVerbose || found.length > 0)
    out(`${path}: ${found.length === 0 ? 'no damage found' : words.r === true ? 'repaired' : 'repair it with -r'}`);
  return found.length === 0 || words.r === true;
}

function options() {
  const text = (short: string) => ({ type: 'string', short }) as const;
  const flag = (short: string) => ({ type: 'boolean', short }) as const;
  return parseArgs({
    allowPositionals: true,
    options: {
      a: text('a'),
      e: text('e'),
      p: text('p'),
      x: text('x'),
      n: text('n'),
      s: flag('s'),
      l: flag('l'),
      i: flag('i'),
      c: flag('c'),
      d: flag('d'),
      r: flag('r'),
      v: flag('v'),
      help: flag('h'),
    },
  });
}

function complain(status: number, text: string): number {
  process.stderr.write(`jlogctl: ${visible(text)}\n`);
  return status;
}

async function main(): Promise<number> {
  let given: ReturnType<typeof options>;
  try {
    given = options();
  } catch (error) {
    return complain(64, `${wrongWords(error)}\n${usage}`);
  }
  const { values, positionals } = given;
  if (values.help === true) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  if (positionals.length === 0) return complain(64, `no jlog is named\n${usage}`);
  if (values.n !== undefined && !/^[1-9]\d{0,9}$/.test(values.n)) return complain(64, `-n ${values.n}: expected a whole number from 1`);
  const { help: _, v, ...deeds } = values;
  if (Object.keys(deeds).length === 0) return complain(64, `nothing is asked for\n${usage}`);
  let isGood = true;
  for (const path of positionals) {
    try {
      isGood = (await perform(path, v === undefined ? deeds : { ...deeds, v })) && isGood;
    } catch (error) {
      // Whoever reads our output may stop reading; what was not taken is not confirmed.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') complain(1, (error as Error).message);
      isGood = false;
    }
  }
  return isGood ? 0 : 1;
}

process.stdout.on('error', () => undefined);
process.exitCode = await main();
