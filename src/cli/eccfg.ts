/*
 * eccfg: the configuration tree under revision control: bootstrap, status, diff, log, commit, pull and their kin.
 *
 * It acts on the working copy (--wc, else the manual's folder), never on the directory it is called from. Exit status: 0 done, 1 refused with
 * a reason on standard error, 64 wrong words. Truth: ECC-03, ECC-04, ECC-05. Not here: what a command does (eccfg/commands.ts, control/vault).
 */
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { commands, commonOptions, type Talk } from './eccfg/commands.ts';
import { parseWords } from './eccfg/short-options.ts';

const width = 9;

function usage(): string {
  const rows = Object.values(commands).map(({ usage: words, about }) => `  ${words}\n${' '.repeat(width)}${about}`);
  return [
    'usage: eccfg COMMAND [options]',
    ...rows,
    'options of every command: --quiet or --debug, --username NAME (default: USER), --wc FOLDER (--working-copy)',
    'Options take one or two hyphens and may be shortened while they are unique.',
    'Exit status: 0 done, 1 refused with a reason, 64 wrong words.',
  ].join('\n');
}

function talkOf(isQuiet: boolean): Talk {
  return {
    say: (line) => {
      if (!isQuiet) process.stdout.write(`${line}\n`);
    },
    complain: (line) => process.stderr.write(`${line}\n`),
    async ask(question) {
      if (process.stdin.isTTY !== true) return undefined;
      const lines = createInterface({ input: process.stdin, output: process.stdout });
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
      } finally {
        lines.close();
      }
    },
  };
}

async function main(words: readonly string[]): Promise<number> {
  const [name = '', ...rest] = words;
  if (/^--?h(elp)?$/.test(name) || name === 'help') {
    process.stdout.write(`${usage()}\n`);
    return 0;
  }
  if (name === 'subcluster') {
    process.stderr.write('eccfg subcluster: this server stands alone; subclusters come with clusters, which do not work yet\n');
    return 1;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`${name === '' ? '' : `eccfg: there is no command "${name}"\n`}${usage()}\n`);
    return 64;
  }
  const refuse = (text: string): number => {
    process.stderr.write(`eccfg ${name}: ${text}\nusage: eccfg ${command.usage}\n`);
    return 64;
  };
  let given: ReturnType<typeof parseWords>;
  try {
    given = parseWords(rest, [...commonOptions, ...command.options]);
  } catch (error) {
    return refuse((error as Error).message);
  }
  const { options, names } = given;
  if (options.has('help')) {
    process.stdout.write(`usage: eccfg ${command.usage}\n  ${command.about}\n`);
    return 0;
  }
  if (options.has('quiet') && options.has('debug')) return refuse('say --quiet or --debug, not both');
  const [least, most] = command.names;
  if (names.length < least || names.length > most)
    return refuse(names.length < least ? 'something is missing' : `"${names[most]}" is too much`);
  const talk = talkOf(options.has('quiet'));
  if (options.has('password')) talk.complain('eccfg: --password is not needed: the repository is guarded by file permissions or by ssh');
  const trace = options.has('debug') ? { trace: (line: string) => process.stderr.write(`${line}\n`) } : {};
  try {
    const username = options.get('username') ?? process.env['USER'] ?? userInfo().username;
    return await command.run({ options, names, talk, setup: { environment: process.env, ...trace }, cwd: process.cwd(), username });
  } catch (error) {
    process.stderr.write(`eccfg ${name}: ${(error as Error).message}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
