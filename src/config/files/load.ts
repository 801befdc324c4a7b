/**
 * Reads a configuration and all it includes, each file once, and knows of each how often it stands in the tree and whether it is writable.
 *
 * The one rule: the tree is what a reader would see with the included text in place of each directive (CFG-30); every visit counts,
 * so a file that stands in it twice is read-only (CFG-34), and a bound on visits and bytes stops trees that multiply themselves.
 * It gives no meaning to options (merge.ts, check/). Truth: CFG-25, CFG-26, CFG-30 to CFG-35, A78.
 */
import { dirname, join } from 'node:path';
import type { ConfFile, IncludeStatement, Place, Statement } from '#syntax';
import { problemOfSyntax, type ConfigProblem } from '../errors.ts';
import { isFault, type FileFault, type FileSource } from './file-source.ts';
import { parsedConf } from './parsed.ts';
import { findFile, MAIN_FILE_NAME } from './search-path.ts';

/** One file is at most so long. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** All text of the tree, with a file counted as often as it stands there. */
const MAX_TREE_BYTES = 256 * 1024 * 1024;
/** Includes nest at most so deep. */
export const MAX_INCLUDE_DEPTH = 64;
/** Files stand in the tree at most so often, all together. */
const MAX_INCLUSIONS = 10_000;

export interface LoadedFile {
  /** As it was found; places carry this name. */
  readonly path: string;
  readonly identity: string;
  readonly conf: ConfFile;
  readonly byteLength: number;
  /** How often it stands in the tree. */
  inclusions: number;
  /** Why changes may not be written here; undefined when they may (CFG-34). */
  readOnly: 'readonly_include' | 'included-twice' | 'scheme' | 'permissions' | undefined;
}

export interface FileTree {
  readonly main: LoadedFile;
  /** In the order of reading, by first appearance. */
  readonly files: readonly LoadedFile[];
  /** What stands in place of each directive. Empty after a problem. */
  readonly targets: ReadonlyMap<IncludeStatement, readonly LoadedFile[]>;
}

interface LoadOptions {
  readonly files: FileSource;
  readonly searchPath: readonly string[];
}

interface LoadResult {
  readonly tree: FileTree | undefined;
  readonly problems: readonly ConfigProblem[];
}

/** Reads the main file (found by the search path when relative) and everything under it. Never throws. */
export function loadFiles(main: string, options: LoadOptions): LoadResult {
  const loader = new Loader(options);
  const tree = loader.load(main);
  return { tree, problems: loader.problems };
}

class Loader {
  readonly problems: ConfigProblem[] = [];
  readonly #files: FileSource;
  readonly #searchPath: readonly string[];
  readonly #byIdentity = new Map<string, LoadedFile>();
  readonly #targets = new Map<IncludeStatement, readonly LoadedFile[]>();
  readonly #includes = new Map<LoadedFile, readonly IncludeStatement[]>();
  #visits = 0;
  #bytes = 0;
  #isFull = false;

  constructor(options: LoadOptions) {
    this.#files = options.files;
    this.#searchPath = options.searchPath;
  }

  load(target: string): FileTree | undefined {
    // A name that somebody typed is a path first; the well-known name is found by the search path alone (CFG-20, CFG-23).
    const fromDirectory = target === MAIN_FILE_NAME && this.#searchPath.length > 0 ? undefined : '.';
    const found = findFile(target, fromDirectory, this.#searchPath, this.#files);
    if (!found.ok) {
      this.#missing(found.path, found.fault, found.tried, []);
      return undefined;
    }
    const main = this.#open(found.path, []);
    if (main === undefined) return undefined;
    this.#visit(main, [], []);
    const files = [...this.#byIdentity.values()];
    for (const file of files) if (file.inclusions > 1) file.readOnly ??= 'included-twice';
    return { main, files, targets: this.#targets };
  }

  /** `stack` are the files that are being read, `from` the directives that led here, innermost first. */
  #visit(file: LoadedFile, stack: readonly LoadedFile[], from: readonly Place[]): void {
    file.inclusions += 1;
    this.#visits += 1;
    this.#bytes += file.byteLength;
    if (this.#visits > MAX_INCLUSIONS || this.#bytes > MAX_TREE_BYTES) {
      this.#full(from);
      return;
    }
    const inner = [...stack, file];
    for (const include of this.#includesOf(file)) {
      if (this.#isFull) return;
      const path = [include.at, ...from];
      const known = this.#targets.get(include);
      const targets = known ?? this.#resolve(include, file, inner, path);
      if (known === undefined) this.#targets.set(include, targets);
      for (const target of targets) this.#visit(target, inner, path);
    }
  }

  #resolve(include: IncludeStatement, file: LoadedFile, stack: readonly LoadedFile[], from: readonly Place[]): readonly LoadedFile[] {
    if (stack.length >= MAX_INCLUDE_DEPTH) {
      this.#problem('too-large', from, `Cannot include "${include.target}": includes nest more than ${MAX_INCLUDE_DEPTH} deep`);
      return [];
    }
    const opened = this.#pathsOf(include, file, from).map((path) => this.#open(path, from));
    const targets: LoadedFile[] = [];
    for (const target of opened) {
      if (target === undefined) continue;
      if (stack.includes(target)) {
        const circle = [...stack.slice(stack.indexOf(target)), target].map((step) => step.path).join(' -> ');
        this.#problem(
          'include-loop',
          from,
          `Cannot include "${include.target}": it would include itself (${circle})`,
          'take one of the includes out',
        );
        continue;
      }
      if (include.readonly) target.readOnly = 'readonly_include';
      targets.push(target);
    }
    return targets;
  }

  /** The paths an include stands for: one file, or the visible files of a directory in the order of their bytes (CFG-31). */
  #pathsOf(include: IncludeStatement, file: LoadedFile, from: readonly Place[]): readonly string[] {
    const target = this.#plainPath(include, from);
    if (target === undefined) return [];
    if (target.includes('://')) return [target];
    const found = findFile(target, dirname(file.path), this.#searchPath, this.#files);
    if (!found.ok) {
      this.#missing(found.path, found.fault, found.tried, from);
      return [];
    }
    if (found.stat.kind !== 'directory') return [found.path];
    const names = this.#files.list(found.path);
    if (isFault(names)) {
      this.#missing(found.path, names, [], from);
      return [];
    }
    const visible = names.filter((name) => !name.startsWith('.')).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const paths = visible.map((name) => join(found.path, name));
    // Not recursive; a broken link is reported when it is opened.
    return paths.filter((path) => {
      const stat = this.#files.stat(path);
      return isFault(stat) || stat.kind === 'file';
    });
  }

  /** CFG-33: `file://` is a path; other schemes only where the source of files can read them. */
  #plainPath(include: IncludeStatement, from: readonly Place[]): string | undefined {
    const { target } = include;
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(target)?.[1]?.toLowerCase();
    if (scheme === undefined) {
      if (target !== '') return target;
      this.#problem('missing-file', from, 'Cannot include "": the name is empty');
      return undefined;
    }
    if (scheme === 'file') return target.slice('file://'.length);
    if (this.#files.readsScheme?.(scheme) === true) return target;
    const words = `Cannot include "${target}": addresses of the scheme ${scheme}:// cannot be read as start-up configuration`;
    this.#problem('wrong-scheme', from, words, 'copy the text into a file and include that');
    return undefined;
  }

  #open(path: string, from: readonly Place[]): LoadedFile | undefined {
    const stat = this.#files.stat(path);
    if (isFault(stat)) {
      this.#missing(path, stat, [], from);
      return undefined;
    }
    const known = this.#byIdentity.get(stat.identity);
    if (known !== undefined) return known;
    const content = this.#files.read(path, MAX_FILE_BYTES);
    if (isFault(content)) {
      this.#missing(path, content, [], from);
      return undefined;
    }
    const conf = parsedConf(content.bytes, path);
    for (const problem of conf.problems) this.problems.push(problemOfSyntax(problem, from));
    const readOnly = path.includes('://') ? 'scheme' : stat.isWritable ? undefined : 'permissions';
    const file: LoadedFile = { path, identity: content.identity, conf, byteLength: content.bytes.length, inclusions: 0, readOnly };
    this.#byIdentity.set(content.identity, file);
    return file;
  }

  #includesOf(file: LoadedFile): readonly IncludeStatement[] {
    const known = this.#includes.get(file);
    if (known !== undefined) return known;
    const found = includesIn(file.conf.statements);
    this.#includes.set(file, found);
    return found;
  }

  /** CFG-32. */
  #missing(path: string, fault: FileFault, tried: readonly string[], from: readonly Place[]): void {
    const manual = `CFG-07961 failed to stat '${path}': ${fault.words}`;
    const hint = tried.length > 1 ? `looked for in: ${tried.join(', ')}` : undefined;
    this.#add('missing-file', manual, `Cannot read "${path}": ${fault.words}`, from, hint);
  }

  #full(from: readonly Place[]): void {
    this.#isFull = true;
    const words = `The configuration is too large: at most ${MAX_INCLUSIONS} inclusions and ${MAX_TREE_BYTES} bytes with all includes in place`;
    this.#problem('too-large', from, words, 'a file that is included from many places multiplies everything it includes');
  }

  #problem(code: ConfigProblem['code'], from: readonly Place[], message: string, hint?: string): void {
    this.#add(code, 'Global configuration error.', message, from, hint);
  }

  #add(code: ConfigProblem['code'], manual: string, message: string, from: readonly Place[], hint?: string): void {
    const [at, ...includedFrom] = from;
    this.problems.push({
      code,
      manual,
      message,
      at,
      ...(hint === undefined ? {} : { hint }),
      ...(includedFrom.length === 0 ? {} : { includedFrom }),
    });
  }
}

/** All directives of a file in the order of its text, those inside scopes included. */
function includesIn(statements: readonly Statement[]): IncludeStatement[] {
  const found: IncludeStatement[] = [];
  const walk = (list: readonly Statement[]): void => {
    for (const statement of list) {
      if (statement.kind === 'include') found.push(statement);
      else if (statement.kind === 'scope') walk(statement.statements);
    }
  };
  walk(statements);
  return found;
}
