/*
 * ec_spool_check: looks at a spool while the server does not run (or with --live, without touching anything, while it does).
 *
 *   ec_spool_check DIR                verifies every record: exit 0 when all is well, 1 when something is wrong
 *   ec_spool_check DIR --list         one line for each recipient of each live message
 *   ec_spool_check DIR --extract ID   writes that message, as it was received, to standard output
 *   ec_spool_check DIR --drop ID      takes that message (or, with a recipient's id, that recipient) out for good; no bounce is sent
 *
 * ID is a batch id or a message id as logs print it. The spool itself is read by the room spool; here are only the words.
 */
import { systemClock, systemRandom } from '#base';
import { checkSpool, dropMessage, extractMessage, type Inspection, listSpool, SpoolError, type StoredMessage } from '#spool';

const usage = `usage: ec_spool_check DIR [--list | --extract ID | --drop ID] [--live]
  DIR           the directory that SpoolBase names
  --list        one line for each recipient: batch id, message id, state, attempts, bytes, sender, recipient
  --extract ID  write the message with this batch or message id to standard output
  --drop ID     take it out of the spool for good (the server must not run; no bounce is sent)
  --live        only read, although the server may be running
  -h, --help    this text
Exit status: 0 done or nothing wrong, 1 something is wrong or was refused, 64 wrong words.`;

interface Wish {
  dir: string;
  action: 'check' | 'list' | 'extract' | 'drop';
  id: string;
  isLive: boolean;
}

/** The wish of the command line, or what is wrong with it. */
function parseWords(words: readonly string[]): Wish | string {
  const wish: Wish = { dir: '', action: 'check', id: '', isLive: false };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--live') wish.isLive = true;
    else if (word === '--list' || word === '--extract' || word === '--drop') {
      if (wish.action !== 'check') return `"${word}" and "--${wish.action}" cannot be done at once`;
      wish.action = word.slice(2) as Wish['action'];
      if (word === '--list') continue;
      const id = rest.shift();
      if (id === undefined) return `"${word}" needs the id of a message`;
      wish.id = id;
    } else if (word.startsWith('-')) return `"${word}" is not an option`;
    else if (wish.dir !== '') return `one directory at a time: "${wish.dir}" and "${word}" were given`;
    else wish.dir = word;
  }
  if (wish.dir === '') return 'the spool directory is missing';
  if (wish.action === 'drop' && wish.isLive) return '--drop needs the spool for itself: stop the server and leave out --live';
  return wish;
}

/** What a peer chose is shown, never obeyed by the terminal (A74). */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function listLines(message: StoredMessage): string {
  const { envelope, states, bodyBytes } = message;
  return envelope.recipients
    .map((recipient, i) => {
      const state = states[i];
      const facts = [envelope.batchId, recipient.id, state?.outcome ?? 'open', String(state?.attempts ?? 0), String(bodyBytes)];
      return visible(`${facts.join(' ')} <${envelope.sender}> <${recipient.address}>`) + '\n';
    })
    .join('');
}

const damageWords = {
  torn: 'the file ends within its header',
  garbled: 'the file is no segment of a spool',
  foreign: 'the segment belongs to another spool or place',
  empty: 'the file is empty',
} as const;

/** Prints the findings; answers whether all is well. */
function report(dir: string, found: Inspection): boolean {
  const problems: string[] = [];
  const remarks: string[] = [];
  for (const { kind, path, place } of found.damages) {
    if (place === undefined) problems.push(`${path}: ${damageWords[kind]}`);
    else if (kind === 'torn')
      remarks.push(`${path} at ${place.offset}: an unfinished record (a write that a crash cut short; it was never answered)`);
    else problems.push(`${path} at ${place.offset}: ${place.bytes} bytes that are no record`);
  }
  for (const { path, offset } of found.unreadable) problems.push(`${path} at ${offset}: the envelope of a message cannot be read`);
  console.log(`${dir}: ${found.live} live messages (${found.openRecipients} open recipients, ${found.bodyBytes} bytes)`);
  console.log(
    `${found.records} records in ${found.segments} segments of ${found.logs} logs; ${found.dead} messages are done and await cleaning`,
  );
  for (const remark of remarks) console.log(`note: ${visible(remark)}`);
  for (const problem of problems) console.log(`problem: ${visible(problem)}`);
  console.log(problems.length === 0 ? 'no problems found' : `${problems.length} problem${problems.length === 1 ? '' : 's'} found`);
  return problems.length === 0;
}

async function perform(wish: Wish): Promise<boolean> {
  const o = { dir: wish.dir, clock: systemClock, random: systemRandom, isLive: wish.isLive };
  switch (wish.action) {
    case 'check':
      return report(wish.dir, await checkSpool(o));
    case 'list':
      await listSpool(o, (message) => process.stdout.write(listLines(message)));
      return true;
    case 'extract':
      await extractMessage(o, wish.id, (part) => {
        if (process.stdout.write(part)) return undefined;
        return new Promise((resolve) => process.stdout.once('drain', resolve));
      });
      return true;
    case 'drop': {
      const dropped = await dropMessage(o, wish.id);
      const { message, recipients, isWhole } = dropped;
      for (const i of recipients) {
        const recipient = message.envelope.recipients[i];
        console.log(visible(`dropped ${recipient?.id ?? ''} <${message.envelope.sender}> to <${recipient?.address ?? ''}>`));
      }
      console.log(isWhole ? `message ${message.batchId} is out of the spool` : `message ${message.batchId} stays for its other recipients`);
      return true;
    }
  }
}

async function main(): Promise<number> {
  const words = process.argv.slice(2);
  if (words.includes('-h') || words.includes('--help')) {
    console.log(usage);
    return 0;
  }
  const wish = parseWords(words);
  if (typeof wish === 'string') {
    console.error(`ec_spool_check: ${wish}\n${usage}`);
    return 64;
  }
  try {
    return (await perform(wish)) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof SpoolError)) throw error;
    const hint = error.code === 'locked' ? '; stop the server first, or only look with --live' : '';
    console.error(`ec_spool_check: ${visible(error.message)}${hint}`);
    return 1;
  }
}

process.exitCode = await main();
