/**
 * The configuration's files as they are in memory: what was read, once and for all, and on top of it what was changed since.
 *
 * The one rule: an image never changes. A change makes another one that shares all else, so that a transaction, the running
 * configuration and its past stand beside each other; the disk is asked once for each path and never again until a reload.
 * What no file can hold lives in the virtual file (CFG-42): it is read last, as if the main file ended in an include of it.
 * It writes nothing (write-back.ts). Truth: CFG-42, CFG-46.
 */
import { Buffer } from 'node:buffer';
import { faultOf, isFault, type FileContent, type FileFault, type FileSource, type FileStat } from '../files/file-source.ts';

const virtualScheme = 'impetus-virtual';
/** The name under which places in the virtual file are told. */
export const virtualPath = `${virtualScheme}://changes`;
const virtualInclude = Buffer.from(`\ninclude "${virtualPath}"\n`);
/** What a read may have at most; the loader's own bound is the same. */
const readMaxBytes = 64 * 1024 * 1024;

/**
 * A source that gives every answer a second time as it gave it first. `before`: what was read earlier; the same text is the same object, which need
 * not be parsed again.
 */
export function frozenFiles(files: FileSource, before?: (path: string) => Buffer | undefined): FileSource {
  const stats = new Map<string, FileStat | FileFault>();
  const lists = new Map<string, readonly string[] | FileFault>();
  const contents = new Map<string, FileContent | FileFault>();
  return {
    stat: (path) => kept(stats, path, () => files.stat(path)),
    list: (path) => kept(lists, path, () => files.list(path)),
    read: (path, maxBytes) =>
      kept(contents, path, () => {
        const content = files.read(path, maxBytes);
        const old = isFault(content) ? undefined : before?.(path);
        return isFault(content) || old?.equals(content.bytes) !== true ? content : { ...content, bytes: old };
      }),
    readsScheme: (scheme) => files.readsScheme?.(scheme) === true,
  };
}

function kept<T>(map: Map<string, T>, path: string, ask: () => T): T {
  const known = map.get(path);
  if (known !== undefined) return known;
  const found = ask();
  map.set(path, found);
  return found;
}

interface Image {
  readonly path: string;
  readonly bytes: Buffer;
  /** True for a file that was not there when the configuration was read. */
  readonly isNew: boolean;
}

interface Layers {
  readonly edited: ReadonlyMap<string, Image>;
  readonly virtual: string;
  /** The file that the virtual one is read after. */
  readonly mainIdentity: string | undefined;
}

const untouched: Layers = { edited: new Map(), virtual: '', mainIdentity: undefined };

export class FileImages implements FileSource {
  readonly #frozen: FileSource;
  readonly #layers: Layers;

  /** `frozen` gives the same answers always (`frozenFiles`). */
  constructor(frozen: FileSource, layers: Layers = untouched) {
    this.#frozen = frozen;
    this.#layers = layers;
  }

  /** The text of the virtual file; '' when there is none. */
  get virtual(): string {
    return this.#layers.virtual;
  }

  /** By identity: every file that was changed since it was read. */
  get edited(): ReadonlyMap<string, Image> {
    return this.#layers.edited;
  }

  /** The same images with another text for one file, by a path that was read before or that does not exist yet. */
  with(path: string, bytes: Buffer): FileImages {
    const stat = this.#frozen.stat(path);
    const isNew = isFault(stat);
    const identity = isNew ? newIdentity(path) : stat.identity;
    const edited = new Map(this.#layers.edited).set(identity, { path, bytes, isNew });
    return new FileImages(this.#frozen, { ...this.#layers, edited });
  }

  withVirtual(text: string, main: string): FileImages {
    const stat = this.#frozen.stat(main);
    return new FileImages(this.#frozen, { ...this.#layers, virtual: text, mainIdentity: isFault(stat) ? undefined : stat.identity });
  }

  /** What was read from disk; undefined for a file that was not there. */
  original(path: string): Buffer | undefined {
    const content = this.#frozen.read(path, readMaxBytes);
    return isFault(content) ? undefined : content.bytes;
  }

  /** The text of one file in its present form, without what the virtual file adds; empty for one that is not there yet. */
  bytesOf(path: string): Buffer {
    const stat = this.#frozen.stat(path);
    const identity = isFault(stat) ? newIdentity(path) : stat.identity;
    return this.#layers.edited.get(identity)?.bytes ?? this.original(path) ?? Buffer.alloc(0);
  }

  stat(path: string): FileStat | FileFault {
    if (path === virtualPath) return { kind: 'file', identity: virtualPath, realPath: path, isWritable: false };
    const found = this.#frozen.stat(path);
    if (!isFault(found) || !this.#layers.edited.has(newIdentity(path))) return found;
    return { kind: 'file', identity: newIdentity(path), realPath: path, isWritable: true };
  }

  list(directory: string): readonly string[] | FileFault {
    return this.#frozen.list(directory);
  }

  read(path: string, maxBytes: number): FileContent | FileFault {
    const { edited, virtual, mainIdentity } = this.#layers;
    if (path === virtualPath) return { bytes: Buffer.from(virtual), identity: virtualPath };
    const stat = this.stat(path);
    if (isFault(stat)) return stat;
    const image = edited.get(stat.identity);
    const content = image === undefined ? this.#frozen.read(path, maxBytes) : { bytes: image.bytes, identity: stat.identity };
    if (isFault(content)) return content;
    if (content.bytes.length > maxBytes) return faultOf('EFBIG');
    if (virtual === '' || stat.identity !== mainIdentity) return content;
    return { bytes: Buffer.concat([content.bytes, virtualInclude]), identity: content.identity };
  }

  readsScheme(scheme: string): boolean {
    return scheme === virtualScheme || this.#frozen.readsScheme?.(scheme) === true;
  }
}

function newIdentity(path: string): string {
  return `new:${path}`;
}
