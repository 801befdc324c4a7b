/**
 * One console session's view of the configuration: its transaction, if it has one, and every `config` verb.
 *
 * The one rule: a transaction is private. Outside of one, set and unset take effect at once (CC-18); inside, nothing does before the commit,
 * and the first to commit wins (CC-15): a later one is refused and stays open, to be replayed and rolled back.
 * Replies are texts in the manual's form; a refusal changes nothing. Truth: CC-01 to CC-22.
 */
import { Buffer } from 'node:buffer';
import { completions } from './completions.ts';
import { concernOf, differenceData, formatDifference, type Concern, type Difference } from './differences.ts';
import type { Activation, ConfigDesk, Saved } from './desk.ts';
import {
  askOption,
  effectiveLines,
  noScope,
  notSet,
  ownOption,
  problemLines,
  readDraft,
  refusalOf,
  restartLine,
  rootOf,
  setIn,
  unsetIn,
  type Changed,
  type Draft,
  type Reply,
} from './draft.ts';
import { declarationsOf } from '../catalogue.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { findNode, locateLines, ownLines, recurseLines, showLines } from './listing.ts';
import { optionData, scopeData, valueData } from './listing-data.ts';
import { scratchText } from './scratch.ts';
import { parseTarget, unknownOption } from './target.ts';

interface Transaction {
  draft: Draft;
  /** The configuration it began on. */
  readonly base: Draft;
  readonly commands: string[];
}

/** A transaction takes so many commands. */
const commandsMax = 10_000;

export class ConfigSession {
  readonly #desk: ConfigDesk;
  readonly #who: string;
  #open: Transaction | undefined;

  constructor(desk: ConfigDesk, who: string) {
    this.#desk = desk;
    this.#who = who;
  }

  get hasTransaction(): boolean {
    return this.#open !== undefined;
  }

  /** The configuration of this session: the draft of its transaction, or what is in force. */
  resolver(): Resolver {
    return this.#desk.resolver(this.#draft());
  }

  begin(isFromScratch: boolean): Reply {
    if (this.#open !== undefined) return refuse('A transaction is open already: config commit or config rollback ends it.');
    const base = this.#desk.standing;
    const draft = isFromScratch ? scratchDraft(this.#desk.draft()) : this.#desk.draft();
    this.#open = { draft, base, commands: [] };
    return say(isFromScratch ? 'Transaction started from scratch.' : 'Transaction started.');
  }

  rollback(): Reply {
    if (this.#open === undefined) return noTransaction();
    this.#open = undefined;
    return say('Transaction rolled back.');
  }

  async commit(): Promise<Reply> {
    const open = this.#open;
    if (open === undefined) return noTransaction();
    const reply = await this.#desk.replace({ who: this.#who, what: 'config commit' }, () => {
      if (this.#desk.standing !== open.base) return refuse(this.#conflict());
      const wrong = refusalOf(open.draft.read, { isOpen: false });
      if (wrong !== undefined) return refuse(wrong);
      return { ok: true, draft: { ...open.draft, isFromScratch: false }, text: ['Transaction committed.', ...lastDoor(open)].join('\n') };
    });
    if (reply.ok) this.#open = undefined;
    return reply;
  }

  /** CC-16. */
  replay(): Reply {
    return this.#open === undefined ? noTransaction() : say(this.#open.commands.join('\n'));
  }

  set(text: string): Promise<Reply> {
    return this.#change('config set', (draft, isOpen) => setIn(draft, text, { isOpen }));
  }

  unset(text: string): Promise<Reply> {
    return this.#change('config unset', (draft, isOpen) => unsetIn(draft, text, { isOpen }));
  }

  /** CC-05. */
  get(text: string): Reply {
    const draft = this.#draft();
    const asked = askOption(draft, text, 'config get [scope [instance]]... <option>');
    if (!asked.ok) return asked;
    const { target, name } = asked;
    if (target.declaration === undefined) return refuse(unknownOption(target));
    const own = ownOption(draft, target.path, name);
    return own === undefined
      ? refuse(notSet(name, target.path))
      : say(ownLines(own, target.path.length === 0 ? '' : '  ').join('\n'), optionData(own));
  }

  /** CC-06, FB-17: the scopes need not exist. */
  eval(text: string): Reply {
    const draft = this.#draft();
    const asked = askOption(draft, text, 'config eval [scope [instance]]... <option>');
    if (!asked.ok) return asked;
    const { target, name } = asked;
    const explained = this.#desk.resolver(draft).explain({ path: target.path, option: name });
    if (explained === undefined) return refuse(unknownOption(target));
    const lines = effectiveLines(draft, target.path, explained.option, target.path.length === 0 ? '' : '  ');
    return lines === undefined
      ? refuse(`${explained.option} is set nowhere and has no default.`)
      : say(lines.join('\n'), { option: explained.option, value: valueData(explained.value) });
  }

  /** What may be typed next; `before` are the words in front of the one that is being typed. */
  complete(before: string, partial: string, o: { readonly withOptions: boolean }): string[] {
    return completions(rootOf(this.#draft()), before, partial, o);
  }

  /** CC-10. */
  show(text: string): Reply {
    const draft = this.#draft();
    const asked = parseTarget(text, rootOf(draft));
    if (!asked.ok) return refuse(asked.message);
    const { target } = asked;
    if (target.option !== undefined) return this.get(text);
    const node = findNode(rootOf(draft), target.path);
    return node === undefined
      ? refuse(noScope(target.path))
      : say(showLines(node, target.path.length > 0).join('\n'), scopeData(node, false));
  }

  /** CC-11. */
  showRecurse(text: string): Reply {
    const root = rootOf(this.#draft());
    const asked = parseTarget(text, root);
    if (!asked.ok) return refuse(asked.message);
    if (asked.target.option !== undefined) return refuse(unknownOption(asked.target));
    const node = findNode(root, asked.target.path);
    return node === undefined
      ? refuse(noScope(asked.target.path))
      : say(recurseLines(node, node === root).join('\n'), scopeData(node, true));
  }

  /** CC-12, CC-13. */
  locate(text: string): Reply {
    const words = /^([A-Za-z_][\w.-]*)(?:\s+(?:"((?:[^"\\]|\\.)*)"|(\S.*)))?$/.exec(text.trim());
    if (words === null) return refuse('There is no scope: config locate <scope> [instance | regex]');
    const draft = this.#draft();
    const wanted = words[3]?.trim() ?? words[2]?.replace(/\\(["\\])/g, '$1');
    const compiled = wanted === undefined ? undefined : draft.setup.compileRegex(wanted, { caseless: false });
    const isHit = (instance: string): boolean => {
      if (wanted === undefined || instance === wanted) return true;
      return compiled?.ok === true && compiled.regex.test(instance);
    };
    const lines = locateLines(rootOf(draft), words[1] ?? '', isHit);
    if (compiled?.ok === true) compiled.regex.close?.();
    return lines.length === 0 ? refuse(`There is no scope ${text.trim()}.`) : say(lines.join('\n'));
  }

  /** CC-19. */
  reload(path: string | undefined): Promise<Activation> {
    if (this.#open === undefined) return this.#desk.reload(this.#who, path);
    return Promise.resolve({ ok: false, lines: ['A transaction is open: config commit or config rollback ends it.'] });
  }

  writeBack(path: string | undefined): Promise<Saved> {
    return this.#desk.writeBack(this.#who, path);
  }

  dump(path: string | undefined): Reply {
    return this.#desk.dump(path);
  }

  /** Ours: what a commit (inside a transaction) or a reload (outside) would change. */
  diff(): Reply {
    const next = this.#open?.draft ?? this.#desk.readAgain().draft;
    if (this.#open === undefined && next.read.snapshot === undefined) {
      return refuse([...problemLines(next.read), 'A reload would be refused.'].join('\n'));
    }
    const differences = this.#desk.differencesTo(next);
    const lines = differenceLines(differences);
    const missing = next.read.problems.map((problem) => `Not ready to commit: ${problem.message}`);
    const data = { differences: differences.map(differenceData), problems: missing };
    return say([...(lines.length === 0 ? ['No differences.'] : lines), ...missing].join('\n'), data);
  }

  history(): Reply {
    const lines = this.#desk.history.lines();
    return say(lines.length === 0 ? 'Nothing was changed since the start.' : lines.join('\n'), this.#desk.history.data());
  }

  undo(words: string): Promise<Reply> {
    if (this.#open !== undefined) return Promise.resolve(refuse('A transaction is open: config commit or config rollback ends it.'));
    if (words !== '' && !/^\d{1,9}$/.test(words)) return Promise.resolve(refuse(`"${words}" is no number of a change: config undo [N]`));
    return this.#desk.undo(this.#who, words === '' ? undefined : Number(words));
  }

  #draft(): Draft {
    return this.#open?.draft ?? this.#desk.standing;
  }

  /** Inside a transaction on its draft; outside at once, on what is in force when its turn has come. */
  async #change(what: string, change: (draft: Draft, isOpen: boolean) => Changed): Promise<Reply> {
    const open = this.#open;
    if (open === undefined) return this.#desk.replace({ who: this.#who, what }, () => change(this.#desk.draft(), false));
    if (open.commands.length >= commandsMax) return refuse(`A transaction takes ${commandsMax} changes: commit this one first.`);
    const changed = change(open.draft, true);
    if (!changed.ok) return changed;
    open.draft = changed.draft;
    open.commands.push(changed.command);
    return say(changed.text);
  }

  #conflict(): string {
    const { cause } = this.#desk;
    const by = cause === undefined ? '' : ` by ${cause.who} (${cause.what})`;
    return (
      `Cannot commit: conflict, the configuration was changed${by} since this transaction began.\n` +
      'config replay lists its changes; config rollback drops it, and they can be made again.'
    );
  }
}

/** A console that closes behind its user. */
function lastDoor(open: Transaction): string[] {
  const isClosed = rootOf(open.base).children.has('control_listener') && !rootOf(open.draft).children.has('control_listener');
  return isClosed ? ['Warning: there is no Control_Listener any more: new console connections are not possible.'] : [];
}

/** CC-17: the main file as an empty one would be; no other file is read. */
function scratchDraft(draft: Draft): Draft {
  const main = draft.read.targets?.main;
  if (main === undefined) return draft;
  const text = scratchText();
  const isWritable = main.readOnly === undefined;
  const images = draft.images.with(main.path, Buffer.from(isWritable ? text : '')).withVirtual(isWritable ? '' : text, main.path);
  return readDraft({ ...draft, isFromScratch: true }, images);
}

const titles: readonly (readonly [Concern, string])[] = [
  ['listeners', 'Listeners:'],
  ['limits', 'Limits:'],
  ['options', 'Options:'],
];

function differenceLines(differences: readonly Difference[]): string[] {
  const lines = titles.flatMap(([concern, title]) => {
    const found = differences.filter((one) => concernOf(one) === concern);
    return found.length === 0 ? [] : [title, ...found.flatMap(formatDifference).map((line) => `  ${line}`)];
  });
  const later = differences.filter(
    (one) => one.kind === 'option' && declarationsOf(one.name).some((option) => option.effect === 'restart'),
  );
  return [...lines, ...new Set(later.map((one) => (one.kind === 'option' ? restartLine(one.name) : '')))];
}

function say(text: string, data?: unknown): Reply {
  return { ok: true, text, ...(data === undefined ? {} : { data }) };
}

function refuse(text: string): { ok: false; text: string } {
  return { ok: false, text };
}

function noTransaction(): Reply {
  return refuse('There is no transaction: config begin starts one.');
}
