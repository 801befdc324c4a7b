/*
 * A jlog on disk: a folder of segments, a line a record, and for each subscriber the place of the next record to read.
 *
 * The one rule: a record stays until every subscriber has set a checkpoint behind it. Places move only by checkpoint, in one step
 * (a new file renamed over the old), so a reader that dies reads again what it had not confirmed.
 * Not here: writing (the module jlog). Truth: MOD-12, LOG-22; the format is ours: docs/protocols/jlog.md.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

interface JlogPlace {
  readonly segment: number;
  readonly offset: number;
}

interface JlogBatch {
  readonly lines: readonly string[];
  /** What to confirm when these lines were dealt with. */
  readonly next: JlogPlace;
  /** The place that was asked for is gone: segments were given up before they were read. */
  readonly isGap: boolean;
}

const subscriberName = /^[A-Za-z0-9_.-]{1,64}$/;
const segmentName = /^[0-9a-f]{8}\.log$/;
const placeText = /^([0-9a-f]{8}) (\d{1,15})\n$/;
const mark = 'impetus-jlog 1\n';
/** Most of a segment that is read at a time. */
const readBytesMax = 1024 * 1024;

export class JlogFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Throws an Error with words for a person. */
  static open(path: string, o: { create?: boolean } = {}): JlogFolder {
    if (o.create === true) mkdirSync(path, { recursive: true, mode: 0o755 });
    if (!lstatSync(path).isDirectory()) throw new Error(`cannot open ${path} as a jlog: it is no folder`);
    const markPath = join(path, 'jlog');
    if (!existsSync(markPath)) {
      if (o.create !== true) throw new Error(`${path} is no jlog: it has no file "jlog"`);
      if (readdirSync(path).length > 0) throw new Error(`cannot make a jlog of ${path}: it holds other files`);
      replaceFile(markPath, mark);
    } else if (readFileSync(markPath, 'utf8') !== mark) throw new Error(`${path} is a jlog of another kind or version`);
    return new JlogFolder(path);
  }

  segmentPath(segment: number): string {
    return join(this.path, `${segment.toString(16).padStart(8, '0')}.log`);
  }

  /** Numbers of the segments that exist, ascending. */
  segments(): number[] {
    return readdirSync(this.path)
      .filter((name) => segmentName.test(name))
      .map((name) => Number.parseInt(name, 16))
      .sort((a, b) => a - b);
  }

  bytes(): number {
    return this.segments().reduce((sum, segment) => sum + (statSync(this.segmentPath(segment), { throwIfNoEntry: false })?.size ?? 0), 0);
  }

  subscribers(): string[] {
    return readdirSync(this.path)
      .filter((name) => name.startsWith('subscriber.'))
      .map((name) => name.slice('subscriber.'.length))
      .filter((name) => subscriberName.test(name))
      .sort();
  }

  /** A new subscriber reads from `place` on: by default all that is there. An old one stays where it is. */
  subscribe(name: string, place: JlogPlace = { segment: this.segments()[0] ?? 1, offset: 0 }): void {
    if (!subscriberName.test(name)) throw new Error(`"${name}" can be no subscriber: expected letters, digits, ".", "_" and "-"`);
    if (!existsSync(this.#placePath(name))) this.#setPlace(name, place);
  }

  unsubscribe(name: string): boolean {
    if (!subscriberName.test(name) || !existsSync(this.#placePath(name))) return false;
    rmSync(this.#placePath(name));
    return true;
  }

  /** Where a subscriber reads next; undefined when there is none of that name. */
  place(name: string): JlogPlace | undefined {
    if (!subscriberName.test(name) || !existsSync(this.#placePath(name))) return undefined;
    const match = placeText.exec(readFileSync(this.#placePath(name), 'utf8'));
    // What is damaged begins anew: twice is better than never.
    if (match === null) return { segment: this.segments()[0] ?? 1, offset: 0 };
    return { segment: Number.parseInt(match[1] as string, 16), offset: Number(match[2]) };
  }

  /** Whether the file of a subscriber's place cannot be read: then `place` is the oldest record that is there. */
  isDamaged(name: string): boolean {
    return !placeText.test(readFileSync(this.#placePath(name), 'utf8'));
  }

  /** Writes the place of a subscriber anew, as `place` gives it. */
  repair(name: string): void {
    const place = this.place(name);
    if (place !== undefined) this.#setPlace(name, place);
  }

  /** The lines behind `place`, whole ones only, at most so many. */
  read(place: JlogPlace, linesMax: number): JlogBatch {
    const segments = this.segments();
    const last = segments.at(-1);
    let segment = segments.find((one) => one >= place.segment);
    const isGap = segment !== undefined && segment !== place.segment && place.segment < (segments[0] ?? 0);
    let offset = segment === place.segment ? place.offset : 0;
    while (segment !== undefined) {
      const { lines, end, isAtEnd } = this.#linesOf(segment, offset, linesMax);
      if (lines.length > 0) return { lines, next: { segment, offset: end }, isGap };
      // The rest of a segment that is not the last is a line that a crash cut off.
      if (segment === last || !isAtEnd) return { lines: [], next: { segment, offset: end }, isGap };
      const before: number = segment;
      segment = segments.find((one) => one > before);
      offset = 0;
    }
    return { lines: [], next: place, isGap: false };
  }

  /** Confirms what was read; never backwards. */
  checkpoint(name: string, place: JlogPlace): void {
    const now = this.place(name);
    if (now === undefined) throw new Error(`${this.path} has no subscriber "${name}"`);
    if (place.segment < now.segment || (place.segment === now.segment && place.offset < now.offset)) return;
    this.#setPlace(name, place);
  }

  /** Removes segments that every subscriber has passed, never `current`. Returns how many. */
  prune(current: number): number {
    const places = this.subscribers().map((name) => this.place(name)?.segment ?? 0);
    const needed = Math.min(current, ...places);
    const passed = this.segments().filter((segment) => segment < needed);
    for (const segment of passed) rmSync(this.segmentPath(segment), { force: true });
    return passed.length;
  }

  #placePath(name: string): string {
    return join(this.path, `subscriber.${name}`);
  }

  #setPlace(name: string, { segment, offset }: JlogPlace): void {
    replaceFile(this.#placePath(name), `${segment.toString(16).padStart(8, '0')} ${offset}\n`);
  }

  #linesOf(segment: number, offset: number, linesMax: number): { lines: string[]; end: number; isAtEnd: boolean } {
    const fd = openSync(this.segmentPath(segment), 'r');
    try {
      const { size } = fstatSync(fd);
      const buffer = Buffer.alloc(Math.max(0, Math.min(readBytesMax, size - offset)));
      const got = buffer.length === 0 ? 0 : readSync(fd, buffer, 0, buffer.length, offset);
      const lines: string[] = [];
      let from = 0;
      while (lines.length < linesMax) {
        const end = buffer.indexOf(10, from);
        if (end < 0 || end >= got) break;
        lines.push(buffer.toString('utf8', from, end));
        from = end + 1;
      }
      return { lines, end: offset + from, isAtEnd: offset + got >= size };
    } finally {
      closeSync(fd);
    }
  }
}

function replaceFile(path: string, text: string): void {
  const draft = `${path}.new`;
  const fd = openSync(draft, 'w', 0o644);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
}
