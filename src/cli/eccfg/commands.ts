/*
 * The commands of eccfg on a working copy, each with the options it takes.
 *
 * The one rule: a command says what it did in the manual's words, and what it refused in whole sentences; what a person must decide is asked
 * only when a person is there. Not here: git (control/vault), reading words (short-options.ts). Truth: ECC-04.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { ConsoleClient, vault } from '#control';
import type { OptionForm } from './short-options.ts';

export interface Talk {
  say(line: string): void;
  complain(line: string): void;
  /** True, false, or undefined when nobody is there to ask. */
  ask(question: string): Promise<boolean | undefined>;
}

export interface Given {
  readonly options: ReadonlyMap<string, string>;
  readonly names: readonly string[];
  readonly talk: Talk;
  readonly setup: vault.GitSetup;
  readonly cwd: string;
  readonly username: string;
}

export interface Command {
  readonly usage: string;
  readonly about: string;
  readonly options: readonly OptionForm[];
  /** How many names it takes. */
  readonly names: readonly [least: number, most: number];
  /** Gives the exit status. */
  run(given: Given): Promise<number>;
}

/** The manual's folder (ECC-03). */
export const DEFAULT_WORKING_COPY = '/opt/msys/ecelerity/etc/conf';

export const commonOptions: readonly OptionForm[] = [
  { name: 'quiet' },
  { name: 'debug' },
  { name: 'username', takes: 'value' },
  { name: 'password', takes: 'value' },
  { name: 'wc', also: ['working-copy'], takes: 'value' },
  { name: 'help' },
];

const message: OptionForm = { name: 'message', takes: 'value' };
const force: OptionForm = { name: 'force' };
const consoleEndpoint: OptionForm = { name: 'console', takes: 'value' };
const many = Number.MAX_SAFE_INTEGER;

function copyOf({ options, setup }: Given): vault.WorkingCopy {
  return vault.WorkingCopy.open(options.get('wc') ?? DEFAULT_WORKING_COPY, setup);
}

function files(given: Given, copy: vault.WorkingCopy): string[] {
  return copy.inside(given.names, given.cwd);
}

const bootstrap: Command = {
  usage: 'bootstrap --singlenode | --clustername NAME  [--repository FOLDER|URL]',
  about: 'the first checkout; an empty repository gets the files of the folder as its first revision',
  options: [{ name: 'clustername', takes: 'value' }, { name: 'singlenode' }, { name: 'repository', takes: 'value' }, force],
  names: [0, 1],
  async run(given) {
    const { options, names, talk, setup, username } = given;
    const cluster = options.get('clustername');
    if ((cluster === undefined) === !options.has('singlenode') || (names.length > 0 && cluster !== undefined)) {
      talk.complain('eccfg bootstrap: say either --singlenode or --clustername NAME');
      return 64;
    }
    if (names[0] !== undefined) {
      talk.complain(
        `eccfg bootstrap: no configuration server is asked here: name the repository of "${names[0]}" by --repository URL (git over ssh, https or a folder)`,
      );
      return 64;
    }
    if (cluster !== undefined && !/^[\w.-]+$/.test(cluster)) {
      talk.complain(`eccfg bootstrap: "${cluster}" is no name of a cluster: letters, digits, dots, hyphens and underscores`);
      return 64;
    }
    const repository = options.get('repository') ?? `${vault.REPOSITORY_FOLDER}/${cluster ?? 'default'}`;
    const path = resolve(options.get('wc') ?? DEFAULT_WORKING_COPY);
    const isAddress = /^[a-z+]+:\/\/|^[\w.-]+@[\w.-]+:/i.test(repository);
    const at = { path, repository: isAddress ? repository : resolve(given.cwd, repository), username, isForced: options.has('force') };
    const done = await vault.bootstrap(at, setup);
    talk.say(done.isImported ? `Committed revision ${done.revision}.` : `Checked out revision ${done.revision}.`);
    talk.say('OK');
    return 0;
  },
};

const status: Command = {
  usage: 'status [FILE...]',
  about:
    'what was changed here since the last pull or commit: M changed, A to be added, D to be deleted, ! vanished, ? unknown, C in conflict',
  options: [],
  names: [0, many],
  async run(given) {
    const copy = copyOf(given);
    const wanted = files(given, copy);
    const letters = { modified: 'M', added: 'A', deleted: 'D', vanished: '!', unknown: '?', conflict: 'C' } as const;
    for (const { kind, path } of await copy.changes())
      if (wanted.length === 0 || wanted.some((file) => file === '.' || path === file || path.startsWith(`${file}/`)))
        given.talk.say(`${letters[kind]}       ${path}`);
    return 0;
  },
};

const diff: Command = {
  usage: 'diff [--revision N[:M]] [FILE...]',
  about: 'the local changes, or what changed since revision N, or between N and M',
  options: [{ name: 'revision', takes: 'value' }],
  names: [0, many],
  async run(given) {
    const copy = copyOf(given);
    const asked = given.options.get('revision') ?? '';
    const [, from, to] = /^(\d+)(?::(\d+))?$/.exec(asked) ?? [];
    if (asked !== '' && from === undefined) throw new vault.VaultError('argument', `"${asked}" is no revision: expected N or N:M`);
    const first = await copy.commitOf(from === undefined ? 'HEAD' : Number(from));
    const text = await copy.diff(files(given, copy), first, to === undefined ? undefined : await copy.commitOf(Number(to)));
    if (text !== '') given.talk.say(text);
    return 0;
  },
};

const log: Command = {
  usage: 'log [--limit N] [FILE...]',
  about: 'the revisions, newest first, with who made them and why',
  options: [{ name: 'limit', takes: 'number' }],
  names: [0, many],
  async run(given) {
    const copy = copyOf(given);
    const most = Number(given.options.get('limit') ?? 100);
    for (const { revision, who, at, message: text } of await vault.revisions(copy, files(given, copy), most))
      given.talk.say(`r${revision} | ${who} | ${at}\n  ${text.replace(/\n/g, '\n  ')}`);
    return 0;
  },
};

const commit: Command = {
  usage: 'commit [--add-all] [--delete-all] [--message "..."] [--force]',
  about: 'makes the local changes the next revision; a tree that would not load is refused unless forced',
  options: [{ name: 'add-all' }, { name: 'delete-all' }, message, force],
  names: [0, 0],
  async run(given) {
    const { options, talk, username } = given;
    const copy = copyOf(given);
    return copy.exclusively(async () => {
      const changes = await copy.changes();
      const choose = (kind: 'unknown' | 'vanished', flag: string, question: (path: string) => string) =>
        chosen(given, { paths: changes.filter((change) => change.kind === kind).map(({ path }) => path), flag, question });
      const add = await choose('unknown', 'add-all', (path) => `${path} is not in the repository. Add it?`);
      const remove = await choose('vanished', 'delete-all', (path) => `${path} is gone from the folder. Delete it from the repository?`);
      const text = options.get('message') ?? 'Committed by eccfg';
      const done = await vault.commit(copy, { username, message: text, add, remove, isForced: options.has('force') });
      if (done === undefined) {
        talk.say('Nothing to commit');
        return 0;
      }
      for (const { kind, path } of done.sent) talk.say(`${kind.padEnd(15)}${path}`);
      talk.say('Transmitting file data.');
      talk.say(`Committed revision ${done.revision}.`);
      return 0;
    });
  },
};

/** All with the flag; else what a person says yes to; with nobody there none, and that is said. */
async function chosen(given: Given, o: { paths: readonly string[]; flag: string; question: (path: string) => string }): Promise<string[]> {
  if (given.options.has(o.flag)) return [...o.paths];
  const yes: string[] = [];
  for (const path of o.paths) {
    const said = await given.talk.ask(o.question(path));
    if (said === true) yes.push(path);
    else if (said === undefined) given.talk.complain(`eccfg commit: ${path} is left as it is (--${o.flag} takes it in)`);
  }
  return yes;
}

const pull: Command = {
  usage: 'pull [--auto] [--mine | --theirs | --manual] [--force] [--no-reload] [--console ENDPOINT]',
  about: 'the newest revision with the local changes in it, then "config reload" on the server when nothing is in conflict',
  options: [{ name: 'auto' }, { name: 'mine' }, { name: 'theirs' }, { name: 'manual' }, force, { name: 'no-reload' }, consoleEndpoint],
  names: [0, 0],
  async run(given) {
    const { options, talk } = given;
    const asked = (['mine', 'theirs', 'manual'] as const).filter((word) => options.has(word));
    if (asked.length > 1) {
      talk.complain(`eccfg pull: say one of --mine, --theirs and --manual, not --${asked.join(' and --')}`);
      return 64;
    }
    const copy = copyOf(given);
    const [preference] = asked;
    const done = await copy.exclusively(() =>
      vault.pull(copy, { ...(preference === undefined ? {} : { preference }), isForced: options.has('force') }),
    );
    if (!done.isNew) {
      if (!options.has('auto')) talk.say(`At revision ${done.revision} already.`);
      return 0;
    }
    if (done.conflicts.length > 0) {
      for (const path of done.conflicts) talk.say(`C       ${path}`);
      talk.say(
        `Revision ${done.revision}, with conflicts: mend these files, "eccfg resolve" them, then commit. The server was not told to reload.`,
      );
      return 1;
    }
    talk.say('OK');
    talk.say(`Revision ${done.revision}.`);
    if (`${given.cwd}/`.startsWith(`${copy.path}/`))
      talk.say(`Note: this shell stands in the folder as it was before; return to it by: cd ${given.cwd}`);
    return options.has('no-reload') ? 0 : reload(given);
  },
};

async function reload({ options, talk }: Given): Promise<number> {
  const endpoint = options.get('console') ?? '/tmp/2025';
  let client: ConsoleClient;
  try {
    client = await ConsoleClient.open(endpoint);
  } catch (error) {
    talk.say(`The server was not told to reload: ${(error as Error).message}`);
    return 0;
  }
  try {
    const answer = await client.run('config reload');
    (answer.ok ? talk.say : talk.complain)(answer.text.trimEnd());
    return answer.ok ? 0 : 1;
  } finally {
    client.close();
  }
}

const resolveCommand: Command = {
  usage: 'resolve [--revert] FILE...',
  about: 'says that the conflicts in these files are mended; --revert takes the revision of the repository instead',
  options: [{ name: 'revert' }],
  names: [1, many],
  async run(given) {
    const copy = copyOf(given);
    return copy.exclusively(async () => {
      const open = copy.conflicts();
      const wanted = files(given, copy);
      const strangers = wanted.filter((path) => !open.includes(path));
      if (strangers.length > 0) throw new vault.VaultError('argument', `Not in conflict: ${strangers.join(', ')}`);
      if (given.options.has('revert')) await copy.revert(wanted);
      else for (const path of wanted) refuseMarkers(copy, path);
      copy.setConflicts(open.filter((path) => !wanted.includes(path)));
      for (const path of wanted) given.talk.say(`Resolved ${path}`);
      return 0;
    });
  },
};

function refuseMarkers(copy: vault.WorkingCopy, path: string): void {
  let text = '';
  try {
    text = readFileSync(resolve(copy.path, path), 'utf8');
  } catch {
    return;
  }
  const at = text.split('\n').findIndex((line) => /^(<{7} |>{7} |={7}$)/.test(line));
  if (at >= 0) throw new vault.VaultError('conflict', `${path}:${at + 1} still has the marks of a conflict`);
}

const revert: Command = {
  usage: 'revert FILE...',
  about: 'undoes the local changes of these files, deletions too',
  options: [],
  names: [1, many],
  async run(given) {
    const copy = copyOf(given);
    const back = await copy.exclusively(() => copy.revert(files(given, copy)));
    for (const path of back) given.talk.say(`Reverted ${path}`);
    if (back.length === 0) given.talk.say('Nothing to revert');
    return 0;
  },
};

const deleteCommand: Command = {
  usage: 'delete FILE...',
  about: 'takes files or folders away here, and out of the repository with the next commit',
  options: [],
  names: [1, many],
  async run(given) {
    const copy = copyOf(given);
    for (const path of await copy.exclusively(() => copy.delete(files(given, copy)))) given.talk.say(`D       ${path}`);
    return 0;
  },
};

function folderCopy(isOverlay: boolean): Command {
  const name = isOverlay ? 'overlay' : 'clone';
  return {
    usage: `${name} SOURCE DESTINATION`,
    about: isOverlay
      ? 'in the repository: one folder over another, keeping what only the destination has'
      : 'in the repository: one folder in the place of another',
    options: [message, force],
    names: [2, 2],
    async run(given) {
      const { options, talk, username, names } = given;
      const [from = '', to = ''] = names;
      const copy = copyOf(given);
      const text = options.get('message') ?? `${name} ${from} ${to}`;
      const o = { username, message: text, isForced: options.has('force'), isOverlay };
      const revision = await copy.exclusively(async () => vault.copyFolders(copy, from, to, o));
      talk.say(revision === undefined ? 'Nothing to commit' : `Committed revision ${revision}.`);
      return 0;
    },
  };
}

const put: Command = {
  usage: 'put SOURCE DESTINATION | put running  [--console ENDPOINT]',
  about: 'one file into the repository if it differs from what is there; "running": the configuration in force, beside the files',
  options: [message, force, consoleEndpoint],
  names: [1, 2],
  async run(given) {
    const { options, talk, username, names } = given;
    const [from = '', to] = names;
    const copy = copyOf(given);
    const isRunning = from === 'running' && to === undefined;
    if (!isRunning && to === undefined) {
      talk.complain('eccfg put: say SOURCE and DESTINATION, or "running"');
      return 64;
    }
    const content = isRunning ? await running(options.get('console') ?? '/tmp/2025') : readFileSync(resolve(given.cwd, from));
    const target = to ?? `${vault.RUNNING_FOLDER}/${hostname()}/ecelerity.conf`;
    const o = { username, message: options.get('message') ?? `put ${from}`, isForced: options.has('force') };
    const revision = await copy.exclusively(() => vault.putFile(copy, content, target, o));
    talk.say(revision === undefined ? 'Nothing to commit' : `Committed revision ${revision}.`);
    return 0;
  },
};

async function running(endpoint: string): Promise<Buffer> {
  const client = await ConsoleClient.open(endpoint);
  try {
    const answer = await client.run('write config');
    if (!answer.ok) throw new Error(answer.text.trim());
    return Buffer.from(answer.text);
  } finally {
    client.close();
  }
}

export const commands: Readonly<Record<string, Command>> = {
  bootstrap,
  clone: folderCopy(false),
  commit,
  delete: deleteCommand,
  diff,
  log,
  overlay: folderCopy(true),
  pull,
  put,
  resolve: resolveCommand,
  revert,
  status,
};
