/*
 * ec_log_trace: finds lines in logs, follows messages through them, and prints what it found in a form for people or programs.
 *
 * The one rule: logs are only read, in one pass and with bounded memory, compressed ones, too. A message is followed by its id from its
 * reception on, so rotated files are read before newer ones. Exit status: 0 read, 1 a file could not be read, 64 wrong words.
 * Not here: grammar (log-trace/lines), conditions (log-trace/wish). Truth: CLI-03.
 */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { visible } from './console/visible.ts';
import { defaultFiles, inOrder, linesOf } from './log-trace/files.ts';
import { parseLine, type LineKind } from './log-trace/lines.ts';
import { counts, inWords, plain, xml, xmlHead, xmlTail } from './log-trace/print.ts';
import { Selection } from './log-trace/selection.ts';
import { parseWish, type Wish } from './log-trace/wish.ts';
import { wrongWords } from './wrong-words.ts';

const usage = `usage: ec_log_trace [options] [LOGFILE ... | -]
  LOGFILE   mainlog, rejectlog, bouncelog, importlog, fbllog, compressed or not; "-" reads standard input; default: mainlog.ec and
            rejectlog.ec of /var/log/ecelerity with their rotated ones (with --id bouncelog.ec and fbllog.ec, too)
Messages, by their reception (with -v or --count all that became of them):
  --from=ADDRESS ("<>": the null sender)   --from-domain=DOMAIN   --to=ADDRESS   --src-ip=IP
Lines:
  --id=ID   --to-domain=DOMAIN   --dst-ip=IP   --binding=NAME   --binding-group=NAME   --start=TIME   --end=TIME
  --in | --reception   --out | --delivery   --tran | --transient   --perm | --permanent   --main (no rejections)
Rejections:
  --vctx-conn=KEY[=VALUE]   --vctx-mess=KEY[=VALUE]
Each has a form with -regex (PCRE); --regex takes all values as such. An option may be given several times; one of its values must hold.
TIME is epoch seconds or "Sep 12 18:12:21 2006".
Output:
  --count   how many lines of each kind          --date   dates instead of epoch seconds
  -v, --verbose   in words, by message           --xml    as XML
  --output=FILE [--append]                       -h, --help
Exit status: 0 read, 1 a file could not be read, 64 wrong words.`;

const chunkBytes = 65_536;

/** Text gathered into large writes; waits while the reader does not take it. */
class Output {
  readonly #stream: Writable;
  #text = '';

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  add(text: string): void {
    this.#text += text;
  }

  async flush(isLast = false): Promise<void> {
    if (this.#text.length < (isLast ? 1 : chunkBytes)) return;
    const text = this.#text;
    this.#text = '';
    if (!this.#stream.write(text)) await new Promise((done) => this.#stream.once('drain', done));
  }
}

async function trace(wish: Wish, files: readonly string[], output: Output): Promise<string[]> {
  const numbers = new Map<LineKind, number>();
  const { isDate } = wish;
  const isXml = wish.isXml && !wish.isCount;
  const selection = new Selection(wish, {
    show: (line) => {
      if (wish.isCount) numbers.set(line.kind, (numbers.get(line.kind) ?? 0) + 1);
      else if (isXml) output.add(xml(line, isDate));
      else if (wish.isVerbose) output.add(inWords({ id: '', lines: [line], isWished: true }, isDate));
      else output.add(plain(line, isDate));
    },
    showGroup: (group) => {
      if (isXml) for (const line of group.lines) output.add(xml(line, isDate));
      else output.add(inWords(group, isDate));
    },
  });
  if (isXml) output.add(xmlHead);
  const problems: string[] = [];
  for (const file of files) {
    try {
      for await (const raw of linesOf(file)) {
        const line = parseLine(raw);
        if (line !== undefined) selection.take(line);
        await output.flush();
      }
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  selection.end();
  if (wish.isCount) output.add(counts(numbers));
  if (isXml) output.add(xmlTail);
  await output.flush(true);
  return problems;
}

function complain(status: number, text: string): number {
  process.stderr.write(`ec_log_trace: ${visible(text)}\n`);
  return status;
}

async function main(): Promise<number> {
  let wish: Wish;
  try {
    wish = parseWish(process.argv.slice(2));
  } catch (error) {
    return complain(64, `${wrongWords(error)}\n${usage}`);
  }
  if (wish.isHelp) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const ofMessages = wish.ids === undefined ? [] : ['bouncelog.ec', 'fbllog.ec'];
  const files =
    wish.files.length > 0 ? wish.files : defaultFiles(['mainlog.ec', ...(wish.isMainOnly ? [] : ['rejectlog.ec']), ...ofMessages]);
  if (files.length === 0) return complain(1, 'there is no log in /var/log/ecelerity: name the files to read');
  const target =
    wish.output === undefined ? process.stdout : createWriteStream(wish.output.path, { flags: wish.output.isAppended ? 'a' : 'w' });
  let fault: Error | undefined;
  target.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads our output may stop reading: `ec_log_trace | head`.
    if (error.code === 'EPIPE') process.exit(0);
    fault = error;
    target.emit('drain');
  });
  const problems = await trace(wish, inOrder(files), new Output(target));
  if (target !== process.stdout) await new Promise<void>((done) => target.end(() => done()));
  if (fault !== undefined) problems.push(`cannot write ${wish.output?.path ?? 'the output'}: ${fault.message}`);
  for (const problem of problems) complain(1, problem);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main();
