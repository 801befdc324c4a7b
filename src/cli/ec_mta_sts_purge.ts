/*
 * ec_mta_sts_purge: takes MTA-STS policies that are over out of the folder in which the server keeps them.
 *
 * The one rule: nothing else is touched, so it may run beside the server, and a folder given by mistake loses nothing. A server that needs a policy again
 * fetches it. Exit status: 0 done (or there is no folder), 1 something could not be done, 64 wrong words. Truth: the manual's page of it.
 */
import { existsSync } from 'node:fs';
import { systemClock } from '#base';
import { purgePolicies } from '#policies';
import { visible } from './console/visible.ts';

const DEFAULT_FOLDER = '/var/spool/ecelerity/mtasts';

const usage = `usage: ec_mta_sts_purge [-dir DIR] [-dryrun] [-v]
  -dir DIR       where policies are kept (default: ${DEFAULT_FOLDER}); the same as MTA_STS_Policy_Store of the server
  -dryrun        name the files that would go, and leave them
  -v, -verbose   name the files that go, that stay, and that are no policies
  -h, -help      this text
Exit status: 0 done, 1 something could not be done, 64 wrong words.`;

interface Wish {
  folder: string;
  isDryRun: boolean;
  isVerbose: boolean;
  isHelp: boolean;
}

/** A text says which word is wrong. One dash or two. */
function parseWords(words: readonly string[]): Wish | string {
  const wish: Wish = { folder: DEFAULT_FOLDER, isDryRun: false, isVerbose: false, isHelp: false };
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    switch (word.replace(/^--/, '-')) {
      case '-dir': {
        const folder = words[(i += 1)];
        if (folder === undefined || folder === '') return '-dir needs a folder';
        wish.folder = folder;
        break;
      }
      case '-dryrun':
        wish.isDryRun = true;
        break;
      case '-v':
      case '-verbose':
        wish.isVerbose = true;
        break;
      case '-h':
      case '-help':
        wish.isHelp = true;
        break;
      default:
        return `"${word}" is no option`;
    }
  }
  return wish;
}

function complain(status: number, text: string): number {
  process.stderr.write(`ec_mta_sts_purge: ${visible(text)}\n`);
  return status;
}

function main(): number {
  const wish = parseWords(process.argv.slice(2));
  if (typeof wish === 'string') return complain(64, `${wish}\n${usage}`);
  const say = (text: string): void => void process.stdout.write(`${visible(text)}\n`);
  if (wish.isHelp) {
    say(usage);
    return 0;
  }
  // Nobody has fetched a policy yet.
  if (!existsSync(wish.folder)) return wish.folder === DEFAULT_FOLDER ? 0 : complain(1, `there is no folder ${wish.folder}`);
  const { over, inForce, strange, problems } = purgePolicies(wish.folder, { now: systemClock.now(), isDryRun: wish.isDryRun });
  if (wish.isDryRun || wish.isVerbose) for (const name of over) say(wish.isDryRun ? `would remove ${name}` : `removed ${name}`);
  if (wish.isVerbose) {
    for (const name of inForce) say(`in force: ${name}`);
    for (const name of strange) say(`no policy: ${name}`);
  }
  for (const problem of problems) complain(1, problem);
  return problems.length === 0 ? 0 : 1;
}

try {
  process.exitCode = main();
} catch (error) {
  process.exitCode = complain(1, (error as Error).message);
}
