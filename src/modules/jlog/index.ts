/**
 * The sink of jlog:// and cluster://: lines into the segments of a jlog, and the registration of its subscribers.
 *
 * The one rule: a record is written before it is believed written, and stays until all subscribers have passed it. Segments have
 * SEGMENT_BYTES; beyond JLOG_BYTES_MAX the oldest goes unread, and that is said. Each opening begins a new segment, so that what a
 * crash cut off stays the end of its own. Not here: reading (observe). Truth: LOG-22, MOD-12; docs/protocols/jlog.md.
 */
import { rmSync, statSync } from 'node:fs';
import { JlogFolder, LogFile, type LogScheme, type LogSink, type SinkPorts } from '#observe';

const SEGMENT_BYTES = 8 * 1024 * 1024;
const JLOG_BYTES_MAX = 1024 * 1024 * 1024;
const pruneMs = 10_000;

interface Bounds {
  readonly segmentBytes: number;
  readonly bytesMax: number;
}

class JlogSink implements LogSink {
  readonly path: string;
  readonly #folder: JlogFolder;
  readonly #mode: number;
  readonly #ports: SinkPorts;
  readonly #bounds: Bounds;
  #segment: number;
  #file: LogFile;
  #bytes = 0;
  #lostBefore = 0;
  #timer: number | undefined;

  constructor(o: { uri: string; path: string; subscribers: readonly string[]; mode: number; ports: SinkPorts; bounds: Bounds }) {
    this.path = o.uri;
    this.#folder = JlogFolder.open(o.path, { create: true });
    this.#mode = o.mode;
    this.#ports = o.ports;
    this.#bounds = o.bounds;
    const segments = this.#folder.segments();
    const last = segments.at(-1) ?? 0;
    const isEmpty = last > 0 && statSync(this.#folder.segmentPath(last)).size === 0;
    this.#segment = isEmpty ? last : last + 1;
    // A new subscriber begins with what is there, so that nothing between its first mention and its first look is lost.
    for (const name of o.subscribers) this.#folder.subscribe(name, { segment: segments[0] ?? this.#segment, offset: 0 });
    this.#file = this.#open();
    this.#pruneLater();
  }

  get lost(): number {
    return this.#lostBefore + this.#file.lost;
  }

  get problem(): string | undefined {
    return this.#file.problem;
  }

  add(line: string): void {
    const record = line.includes('\n') ? line.replaceAll('\n', '\\n') : line;
    this.#file.add(record);
    this.#bytes += record.length + 1;
    if (this.#bytes >= this.#bounds.segmentBytes) this.#roll();
  }

  flush(): boolean {
    return this.#file.flush();
  }

  /** A rotation finds nothing to do: segments go when they were read. */
  reopen(): string | undefined {
    return this.#file.problem;
  }

  close(): void {
    if (this.#timer !== undefined) this.#ports.timers.cancel(this.#timer);
    this.#timer = undefined;
    this.#file.close();
    this.#folder.prune(this.#segment);
  }

  #open(): LogFile {
    const { fs, clock, trouble, dirty } = this.#ports;
    return new LogFile({ path: this.#folder.segmentPath(this.#segment), mode: this.#mode, fs, clock, trouble, dirty });
  }

  /** The next segment; while this one cannot be written its lines stay where they are. */
  #roll(): void {
    if (!this.#file.flush()) return;
    this.#lostBefore += this.#file.lost;
    this.#file.close();
    this.#segment += 1;
    this.#bytes = 0;
    this.#file = this.#open();
    this.#folder.prune(this.#segment);
    this.#hold();
  }

  /** Gives up the oldest segments when subscribers leave too much. */
  #hold(): void {
    const dropped: number[] = [];
    for (const segment of this.#folder.segments()) {
      if (segment >= this.#segment || this.#folder.bytes() <= this.#bounds.bytesMax) break;
      rmSync(this.#folder.segmentPath(segment), { force: true });
      dropped.push(segment);
    }
    if (dropped.length === 0) return;
    const behind = this.#folder.subscribers().filter((name) => (this.#folder.place(name)?.segment ?? 0) <= (dropped.at(-1) ?? 0));
    this.#ports.trouble(
      `${this.path} holds more than ${this.#bounds.bytesMax >> 20} MiB: ${dropped.length} segments were removed that ${behind.join(', ') || 'nobody'} had not read`,
    );
  }

  #pruneLater(): void {
    this.#timer = this.#ports.timers.schedule(pruneMs, () => {
      this.#folder.prune(this.#segment);
      this.#pruneLater();
    });
  }
}

/** `/path=>a,b` or `/path?subscribers=a,b`. */
function parse(rest: string): { path: string; subscribers: string[] } {
  const arrow = rest.indexOf('=>');
  const [bare = '', query = ''] = (arrow < 0 ? rest : rest.slice(0, arrow)).split('?');
  const listed = arrow < 0 ? (new URLSearchParams(query).get('subscribers') ?? '') : rest.slice(arrow + 2);
  const subscribers = listed
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  // The manual writes both jlog:///var/... and jlog://var/...
  return { path: bare.startsWith('/') ? bare : `/${bare}`, subscribers };
}

/** The schemes of the module; the bounds are given by tests. */
export function jlogScheme(bounds: Partial<Bounds> = {}): LogScheme {
  return {
    schemes: ['jlog', 'cluster'],
    open(rest, mode, ports) {
      const { path, subscribers } = parse(rest);
      if (subscribers.length === 0) throw new Error(`jlog://${rest} names no subscriber: expected jlog:///path=>name`);
      const all = { segmentBytes: bounds.segmentBytes ?? SEGMENT_BYTES, bytesMax: bounds.bytesMax ?? JLOG_BYTES_MAX };
      return new JlogSink({ uri: `jlog://${path}`, path, subscribers, mode, ports, bounds: all });
    },
  };
}
