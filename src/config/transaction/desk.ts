/**
 * The configuration in force and the one place where it is replaced: by a commit, a single `config set`, a reload or an undo.
 *
 * The one rule: one replacement at a time, in the order they were asked for, and the first to commit wins: what began on another
 * configuration than the one in force is refused. Whatever is refused leaves everything as it was.
 * It does not know sessions (session.ts), threads or sockets: `activate` puts a configuration into force and may refuse it.
 * Truth: CC-14 to CC-19, CFG-12, CFG-46, CFG-47.
 */
import { Buffer } from 'node:buffer';
import { dirname, resolve } from 'node:path';
import type { Clock } from '#base';
import type { FileSource } from '../files/file-source.ts';
import type { ReadConfiguration } from '../read-configuration.ts';
import { Resolver } from '../resolver/resolver.ts';
import type { ScopePath } from '../scopes/scope-path.ts';
import { isDeepEqual } from '../snapshot/changes.ts';
import type { ScopeNode } from '../snapshot/scope-node.ts';
import type { OptionValue } from '../values.ts';
import { differencesBetween, type Difference } from './differences.ts';
import { problemLines, readDraft, rootOf, type Draft, type ReadSetup, type Reply } from './draft.ts';
import type { FileStore } from './file-store.ts';
import { History, titleOf, type HistoryEntry } from './history.ts';
import { FileImages, frozenFiles } from './images.ts';
import { findNode, recurseLines } from './listing.ts';
import { ConfigSession } from './session.ts';
import { undone } from './undo.ts';
import { foreignTo, hasUnsaved, writeBack } from './write-back.ts';

/** What came of it; `lines` are the problems, or what is worth saying about a success. */
export interface Activation {
  readonly ok: boolean;
  readonly lines: readonly string[];
}

/** Why a configuration is put into force: for the history and the log. */
export interface Cause {
  readonly who: string;
  /** The command. */
  readonly what: string;
  /** The files were read again: sessions of the old configuration are asked to come again (LSN-10). */
  readonly isReload?: boolean;
  /** What is worth saying if it succeeds. */
  readonly remarks?: readonly string[];
}

/** What `config writeback` did: the files that were written, too. */
export interface Saved extends Reply {
  readonly saved: readonly string[];
}

export interface DeskOptions {
  readonly setup: ReadSetup;
  /** What the configuration in force was read from; must be `frozenFiles`. */
  readonly files: FileSource;
  /** What that gave; undefined when it was read under another name of the main file. */
  readonly read: ReadConfiguration | undefined;
  /** The disk as it is, for reloads and before something is saved. */
  readonly disk: FileSource;
  readonly store: FileStore;
  readonly clock: Clock;
  /** Prepares and puts into force on all threads, or changes nothing; gets readings with problems too, and refuses them. */
  activate(read: ReadConfiguration, by: Cause): Promise<Activation>;
}

export class ConfigDesk {
  readonly #o: DeskOptions;
  readonly #history = new History();
  #standing: Draft;
  /** Who replaced it last. */
  #cause: Cause | undefined;
  #saved = new Map<string, Buffer>();
  /** What the files gave when they last held all that was in force: trees share what is the same in both. */
  #onDisk: ScopeNode;
  /** The images before the newest change of the history: taking that one back restores every byte. */
  #before: { readonly entry: HistoryEntry; readonly images: FileImages } | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(o: DeskOptions) {
    this.#o = o;
    const from = { setup: o.setup, previous: undefined, isFromScratch: false };
    const images = new FileImages(o.files);
    this.#standing = o.read === undefined ? readDraft(from, images) : { ...from, images, read: o.read };
    this.#onDisk = rootOf(this.#standing);
  }

  /** One for each console connection. `who` is written into the history. */
  open(who: string): ConfigSession {
    return new ConfigSession(this, who);
  }

  /** The configuration in force; the same object until it is replaced. */
  get standing(): Draft {
    return this.#standing;
  }

  /** Why what is in force is in force; undefined since the start. */
  get cause(): Cause | undefined {
    return this.#cause;
  }

  get history(): History {
    return this.#history;
  }

  /** A draft on the configuration in force. */
  draft(): Draft {
    return { ...this.#standing, previous: this.#standing.read.snapshot, isFromScratch: false };
  }

  /** Puts `make(standing)` into force. Nothing else is put into force between the two. */
  replace(by: Cause, make: () => { ok: true; draft: Draft; text: string } | { ok: false; text: string }): Promise<Reply> {
    return this.#inTurn(async () => {
      const made = make();
      if (!made.ok) return made;
      const activated = await this.#o.activate(made.draft.read, by);
      if (!activated.ok) return { ok: false, text: activated.lines.join('\n') };
      const before = this.#standing;
      const entry = this.#put(made.draft, by);
      this.#before = entry === undefined ? this.#before : { entry, images: before.images };
      const said = activated.lines.filter((line) => !made.text.includes(line));
      return { ok: true, text: [made.text, ...said].filter((line) => line !== '').join('\n') };
    });
  }

  /** CC-19, CFG-47: reads the files again; what was not saved is dropped. `path` takes the place of the main file until the next reload. */
  reload(who: string, path?: string): Promise<Activation> {
    return this.#inTurn(async () => {
      const fresh = this.readAgain(path);
      const { images, read } = this.#standing;
      const isDropping = read.targets !== undefined && hasUnsaved({ images, targets: read.targets, saved: this.#saved });
      const remarks = isDropping ? ['Changes that were not saved were dropped; config history shows them.'] : [];
      const by = { who, what: path === undefined ? 'config reload' : `config reload ${path}`, remarks, isReload: true };
      const activated = await this.#o.activate(fresh.draft.read, by);
      if (!activated.ok) return activated;
      this.#put(fresh.draft, by);
      this.#onDisk = rootOf(fresh.draft);
      this.#saved = new Map();
      this.#before = undefined;
      return activated;
    });
  }

  /** What a reload would put into force. */
  readAgain(path?: string): { readonly draft: Draft } {
    const main = path === undefined ? this.#o.setup.main : resolve(dirname(this.#mainPath()), path);
    const setup = { ...this.#o.setup, main };
    const previous = this.#standing.read.snapshot;
    const { images } = this.#standing;
    const files = frozenFiles(this.#o.disk, (file) => images.bytesOf(file));
    return { draft: readDraft({ setup, previous, isFromScratch: false }, new FileImages(files)) };
  }

  undo(who: string, number: number | undefined): Promise<Reply> {
    return this.replace({ who, what: `config undo ${number ?? ''}`.trim() }, () => {
      const entry = number === undefined ? this.#history.last() : this.#history.find(number);
      if (entry === undefined) return { ok: false, text: 'There is no such change: "config history" lists them.' };
      const text = `Undone: ${titleOf(entry)}`;
      if (this.#before?.entry === entry) return this.#judged(readDraft(this.draft(), this.#before.images), text);
      const made = undone(this.draft(), entry);
      return made.ok ? this.#judged(made.draft, text) : made;
    });
  }

  writeBack(who: string, instead: string | undefined): Promise<Saved> {
    return this.#inTurn<Saved>(() => {
      const { images, read } = this.#standing;
      if (read.targets === undefined) return Promise.resolve({ ok: false, text: 'There is no configuration to save.', saved: [] });
      const { disk, store } = this.#o;
      const done = writeBack({ images, targets: read.targets, disk, store, saved: this.#saved, instead });
      if (done.images !== images) {
        // Settings of the virtual file have moved: the images before them would bring them back to two places.
        this.#standing = readDraft(this.#standing, done.images);
        this.#cause = { who, what: 'config writeback' };
        this.#before = undefined;
      }
      const { targets } = read;
      if (!hasUnsaved({ images: done.images, targets, saved: this.#saved })) this.#onDisk = rootOf(this.#standing);
      return Promise.resolve({ ok: done.ok, text: done.text, saved: done.saved });
    });
  }

  /** Whether the files have this value at this scope, too; not so while anything of a writeback could not be saved. */
  isSaved(path: ScopePath, option: string, value: OptionValue | undefined): boolean {
    const own = findNode(this.#onDisk, path)?.options.get(option.toLowerCase());
    return own !== undefined && isDeepEqual(own.value, value);
  }

  /** CC-21: the whole configuration in force as one text, on the console or in a file of the server. */
  dump(path: string | undefined): Reply {
    const text = recurseLines(rootOf(this.#standing), true).join('\n');
    const { targets } = this.#standing.read;
    if (path === undefined || targets === undefined) return { ok: true, text };
    const file = resolve(dirname(this.#mainPath()), path);
    const foreign = foreignTo(this.#o.disk, targets, file);
    if (foreign !== undefined) return { ok: false, text: foreign };
    const problem = this.#o.store.replace(file, Buffer.from(`${text}\n`), this.#mainPath());
    return problem === undefined ? { ok: true, text: `Saved ${file}` } : { ok: false, text: problem };
  }

  /** From the configuration in force to another one. */
  differencesTo(draft: Draft): Difference[] {
    return differencesBetween(rootOf(this.#standing), rootOf(draft));
  }

  resolver(draft: Draft): Resolver {
    return new Resolver({ version: 0, root: rootOf(draft) }, { compileRegex: this.#o.setup.compileRegex });
  }

  #judged(draft: Draft, text: string): { ok: true; draft: Draft; text: string } | { ok: false; text: string } {
    return draft.read.snapshot === undefined ? { ok: false, text: problemLines(draft.read).join('\n') } : { ok: true, draft, text };
  }

  #put(draft: Draft, by: Cause): HistoryEntry | undefined {
    const differences = this.differencesTo(draft);
    this.#standing = draft;
    this.#cause = by;
    return differences.length === 0 ? undefined : this.#history.add({ at: this.#o.clock.now(), who: by.who, what: by.what, differences });
  }

  #mainPath(): string {
    return this.#standing.read.targets?.main.path ?? this.#o.setup.main;
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
