/*
 * ec_show: what is in the spool, in the words of Momentum: one block for each message and recipient, with the message itself.
 *
 * The one rule: the spool is only read, whether the server runs or not. Attempts and next attempt are what the spool says, and it says
 * them truly (in Momentum they are a guess). Exit status: 0 done, 1 not found or not readable, 64 wrong words. Truth: CLI-02.
 */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseMessageId, systemClock, systemRandom } from '#base';
import { formatConfigProblem, MAIN_FILE_NAME, nodeName, readConfiguration, Resolver, searchPath, systemFiles } from '#config';
import type { Envelope, EnvelopeRecipient } from '#mail';
import { escapeQuoted, escapeText, strftime } from '#observe';
import { readSpool, SpoolError, type BodyOf, type StoredMessage } from '#spool';
import { compilePcre } from '#system';
import { visible } from './console/visible.ts';
import { wrongWords } from './wrong-words.ts';

const usage = `usage: ec_show [-c FILE | --spool DIR] [-s | -m ID | -n] [--sender PCRE] [--recipient PCRE] [--start_date TIME] [--end_date TIME]
  -c FILE            the configuration that names the spool (default: ${MAIN_FILE_NAME}, found by the search path)
  --spool DIR        the spool itself (ours)
  -s                 all messages of the spool, or those that the conditions below let through
  -m ID              the message with this message or batch id
  -n                 only how many there are
  --sender PCRE      whose sender matches          --recipient PCRE   whose recipient matches
  --start_date TIME  not older than TIME           --end_date TIME    not younger than TIME
                     TIME: "2009-09-29", "2009-09-29 06:11:56" (local time) or epoch seconds
  -h, --help         this text
Exit status: 0 done, 1 not found or not readable, 64 wrong words.`;

interface Wish {
  readonly id: string | undefined;
  readonly isCount: boolean;
  readonly isSender: (text: string) => boolean;
  readonly isRecipient: (text: string) => boolean;
  readonly startMs: number;
  readonly endMs: number;
}

function options() {
  return parseArgs({
    options: {
      c: { type: 'string', short: 'c' },
      m: { type: 'string', short: 'm' },
      n: { type: 'boolean', short: 'n' },
      s: { type: 'boolean', short: 's' },
      spool: { type: 'string' },
      sender: { type: 'string' },
      recipient: { type: 'string' },
      start_date: { type: 'string' },
      end_date: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

type Given = ReturnType<typeof options>['values'];

/** Throws an Error with a sentence. */
function wishOf(given: Given): Wish {
  if ([given.m, given.n, given.s].filter((one) => one !== undefined).length > 1) throw new Error('only one of -s, -m and -n at a time');
  const isAny = [given.m, given.n, given.s, given.sender, given.recipient, given.start_date, given.end_date].some(
    (one) => one !== undefined,
  );
  if (!isAny) throw new Error('nothing is asked for');
  return {
    id: given.m,
    isCount: given.n === true,
    isSender: pattern('--sender', given.sender),
    isRecipient: pattern('--recipient', given.recipient),
    startMs: time('--start_date', given.start_date, false) ?? -Infinity,
    endMs: time('--end_date', given.end_date, true) ?? Infinity,
  };
}

function pattern(option: string, text: string | undefined): (subject: string) => boolean {
  if (text === undefined) return () => true;
  const compiled = compilePcre(text, { caseless: true });
  if (!compiled.ok) throw new Error(`${option}: "${text}" is no regular expression: ${compiled.message}`);
  return (subject) => compiled.regex.test(subject);
}

/** A day alone is its beginning, or its end. */
function time(option: string, text: string | undefined, isEnd: boolean): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{5,12}$/.test(text)) return Number(text) * 1000 + (isEnd ? 999 : 0);
  const m = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2}):(\d{2}))?$/.exec(text.trim());
  if (m === null) throw new Error(`${option}: "${text}" is no time: expected "2009-09-29", "2009-09-29 06:11:56" or epoch seconds`);
  const [hour, minute, second] = m[4] === undefined && isEnd ? [23, 59, 59] : [Number(m[4] ?? 0), Number(m[5] ?? 0), Number(m[6] ?? 0)];
  return new Date(Number(m[1]), Number(m[2]) - 1, Number(m[3]), hour, minute, second).getTime() + (isEnd ? 999 : 0);
}

/** Throws an Error with a sentence. */
function spoolOf(given: Given): string {
  if (given.spool !== undefined) return given.spool;
  const directories = searchPath({
    environment: process.env['EC_CONF_SEARCH_PATH'],
    nodeName: nodeName({ environment: process.env['EC_NODE_NAME'], hostName: hostname() }),
  });
  const read = readConfiguration({
    main: given.c ?? MAIN_FILE_NAME,
    files: systemFiles,
    searchPath: directories,
    compileRegex: compilePcre,
  });
  if (read.readable === undefined) throw new Error(read.problems.map((problem) => formatConfigProblem(problem, undefined)).join('\n'));
  const resolver = new Resolver(read.readable, { compileRegex: compilePcre });
  const value = resolver.explain({ path: [], option: 'SpoolBase' })?.value;
  return resolve(typeof value === 'string' ? value : '/var/spool/ecelerity');
}

const stamp = (ms: number): string => strftime('%Y-%m-%d %H:%M:%S', ms);

function idLine(name: string, id: string): string {
  const parts = parseMessageId(id);
  const shown = parts === undefined ? visible(id) : `(slot: ${parts.slot}, pid: ${parts.instance}, counter: ${parts.counter})`;
  return `  ${name}: ${shown}\n`;
}

function context(name: string, pairs: Readonly<Record<string, string>>): string {
  const rows = Object.entries(pairs).map(([key, value]) => `    ${escapeText(key)} = "${escapeQuoted(value)}"\n`);
  return `  ${name}: [\n${rows.join('')}  ]\n`;
}

/** The spool keeps one message context a batch, with the RCPT TO that came last; each recipient is shown with its own. */
function messageContext({ contextMessage }: Envelope, recipient: EnvelopeRecipient): Readonly<Record<string, string>> {
  const { address, local, notify, orcpt } = recipient;
  const domain = address.slice(address.lastIndexOf('@') + 1);
  const isOwn = contextMessage['rcptto_localpart'] === local && contextMessage['rcptto_domain']?.toLowerCase() === domain.toLowerCase();
  if (isOwn) return contextMessage;
  const parameters = [notify && ` NOTIFY=${notify.join(',')}`, orcpt !== undefined && ` ORCPT=${orcpt}`].filter(Boolean).join('');
  const own: Readonly<Record<string, string>> = {
    rcptto_string: `RCPT TO:<${address}>${parameters}`,
    rcptto_localpart: local,
    rcptto_domain: domain,
  };
  // A key that the configuration keeps out of the spool (Exclude_Vctx_Mess) stays out.
  return Object.fromEntries(Object.entries(contextMessage).map(([key, value]) => [key, own[key] ?? value]));
}

/** The block of one recipient, in the order of the manual's sample. */
function block(message: StoredMessage, i: number): string {
  const { envelope } = message;
  const recipient = envelope.recipients[i]!;
  const state = message.states[i];
  const ip = envelope.remoteIp.includes(':') ? `[${envelope.remoteIp}]` : envelope.remoteIp;
  return [
    `Message: ${visible(recipient.id)}\n`,
    idLine('ID', recipient.id),
    idLine('BatchID', envelope.batchId),
    idLine('ConnID', envelope.connectionId),
    '  Swapped: Yes\n',
    `  Created: ${stamp(envelope.receivedAt)}\n`,
    `  Next Attempt: ${stamp(Math.max(envelope.receivedAt, state?.nextAt ?? 0))}\n`,
    `  Retries: ${state?.attempts ?? 0}\n`,
    `  Received From: ${envelope.protocol.toUpperCase()} ${ip === '' ? '' : `${ip}:${envelope.remotePort}`}\n`,
    `  Sender: ${escapeText(envelope.sender)}\n`,
    `  Recipient: ${escapeText(recipient.address)}\n`,
    `  Binding: ${escapeText(state?.binding ?? recipient.binding)}\n`,
    `  Code: ${escapeText(state?.reply ?? '')}\n`,
    `  Size: ${message.bodyBytes}\n`,
    context('Connection Context', envelope.contextConnection),
    context('Message Context', messageContext(envelope, recipient)),
  ].join('');
}

async function bodyText(body: BodyOf): Promise<string> {
  const parts: Buffer[] = [];
  try {
    await body((part) => void parts.push(Buffer.from(part)));
  } catch (error) {
    if (!(error instanceof SpoolError)) throw error;
    return `  (cannot be read: ${visible(error.message)})\n`;
  }
  return `${visible(Buffer.concat(parts).toString('utf8').replaceAll('\r\n', '\n')).replace(/^(?=.)/gm, '  ')}\n`;
}

/** How many recipients were shown or counted. */
async function show(dir: string, wish: Wish): Promise<number> {
  let count = 0;
  await readSpool({ dir, clock: systemClock, random: systemRandom, isLive: true }, async (message, body) => {
    const { envelope, states } = message;
    if (envelope.receivedAt < wish.startMs || envelope.receivedAt > wish.endMs || !wish.isSender(envelope.sender)) return;
    const wanted = envelope.recipients
      .map((recipient, i) => ({ recipient, i }))
      .filter(({ i }) => (states[i]?.outcome ?? 'open') === 'open')
      .filter(({ recipient }) => wish.isRecipient(recipient.address))
      .filter(({ recipient }) => wish.id === undefined || wish.id === recipient.id || wish.id === envelope.batchId);
    count += wanted.length;
    if (wish.isCount || wanted.length === 0) return;
    const text = await bodyText(body);
    for (const { i } of wanted) await write(`${block(message, i)}${text}`);
  });
  return count;
}

function write(text: string): Promise<void> | undefined {
  return process.stdout.write(text) ? undefined : new Promise((done) => process.stdout.once('drain', () => done()));
}

function complain(status: number, text: string): number {
  process.stderr.write(`ec_show: ${visible(text)}\n`);
  return status;
}

async function main(): Promise<number> {
  let given: Given;
  let wish: Wish;
  try {
    given = options().values;
    if (given.help === true) {
      process.stdout.write(`${usage}\n`);
      return 0;
    }
    wish = wishOf(given);
  } catch (error) {
    return complain(64, `${wrongWords(error)}\n${usage}`);
  }
  try {
    const dir = spoolOf(given);
    const count = await show(dir, wish);
    if (wish.isCount) process.stdout.write(`${count}\n`);
    return wish.id !== undefined && count === 0 ? complain(1, `no message "${wish.id}" waits in ${dir}`) : 0;
  } catch (error) {
    return complain(1, (error as Error).message);
  }
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.exitCode = await main();
