/**
 * Coverage-guided fuzzing of an ESMTP session: scripts that reach code no script before them reached are kept and changed further.
 *
 * The one rule: a run is found again by its seed, and a failure is written down as the pieces that made it before anything else happens. What
 * must be true of a script is test/kit/session-replay.ts: replies in form, no exception, 250 exactly for what is stored, and the same answers
 * however the bytes are cut. Coverage is V8's, block by block, of the rooms inbound, smtp, auth and intake.
 * Usage: npm run fuzz -- [--seconds 600] [--seed N] [--corpus FOLDER] [--replay FILE]
 * The corpus (one file a script, named by its hash) is read at the start and grows; by default it is kept below the temporary directory.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { cut, dependsOnCut, OPENING, replay, WORDS } from '../test/kit/session-replay.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(Math.floor(performance.now() * 1000) % 1_000_000) },
    corpus: { type: 'string', default: join(tmpdir(), 'impetus-fuzz-session') },
    replay: { type: 'string' },
  },
});

/** Octets of one script at most: longer ones find nothing new and cost time. */
const SCRIPT_MAX = 8_192;
const WATCHED = /\/src\/(?:inbound|smtp|auth|intake)\//;

let state = Number(values.seed) >>> 0 || 1;
function random(below: number): number {
  // xorshift32: the same seed gives the same run.
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;

/** What V8 counted since the last look, as one name a block that ran. */
class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  get size(): number {
    return this.#seen.size;
  }

  /** How many blocks ran for the first time since this was made. */
  fresh(): number {
    let count = 0;
    const { result } = this.#post('Profiler.takePreciseCoverage') as { result: readonly ScriptCoverage[] };
    for (const { url, functions } of result) {
      if (!WATCHED.test(url)) continue;
      for (const { ranges } of functions) {
        for (const range of ranges) {
          if (range.count === 0) continue;
          // How often, roughly: a loop that runs many times is another thing than one that runs once.
          const name = `${url}:${range.startOffset}:${range.endOffset}:${Math.min(8, Math.ceil(Math.log2(range.count + 1)))}`;
          if (this.#seen.has(name)) continue;
          this.#seen.add(name);
          count++;
        }
      }
    }
    return count;
  }

  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly { startOffset: number; endOffset: number; count: number }[] }[];
}

const CHANGES: readonly ((text: string, other: string) => string)[] = [
  (text) => splice(text, random(text.length + 1), 0, pick(WORDS)),
  (text) => splice(text, random(text.length + 1), 0, String.fromCharCode(random(256))),
  (text) => splice(text, random(text.length + 1), 1, String.fromCharCode(random(256))),
  (text) => splice(text, random(text.length + 1), 1 + random(8), ''),
  (text) =>
    splice(
      text,
      random(text.length + 1),
      0,
      pick(['\r', '\n', '\r\n', '.', '\0', ' ', '<', '>', '@', '=', '+', '\xff', '9999999999', 'x'.repeat(1000)]),
    ),
  (text) => onLines(text, (lines) => lines.toSpliced(random(lines.length), 1)),
  (text) => onLines(text, (lines) => lines.toSpliced(random(lines.length), 0, pick(lines))),
  (text) => onLines(text, (lines) => lines.toSpliced(random(lines.length), 0, pick(WORDS).trimEnd())),
  (text, other) => text.slice(0, random(text.length + 1)) + other.slice(random(other.length + 1)),
];

function splice(text: string, at: number, drop: number, put: string): string {
  return text.slice(0, at) + put + text.slice(at + drop);
}

function onLines(text: string, change: (lines: readonly string[]) => readonly string[]): string {
  return change(text.split('\r\n')).join('\r\n');
}

function changed(corpus: readonly string[]): string {
  let text = pick(corpus);
  for (let i = random(5); i >= 0; i--) text = pick(CHANGES)(text, pick(corpus));
  return text.slice(0, SCRIPT_MAX);
}

/** Plays one script, whole and in pieces; throws what is wrong with it. */
async function check(body: string, cuts: readonly number[]): Promise<void> {
  const text = OPENING + body;
  const pieces = cut(text, cuts);
  const [whole, cutUp] = [await replay([text]), await replay(pieces)];
  if (!dependsOnCut(text) && !isDeepStrictEqual(whole, cutUp))
    throw new Error(`the cut changed the answers: ${JSON.stringify({ whole, cutUp })}`);
}

interface Failure {
  readonly body: string;
  readonly cuts: readonly number[];
}

async function replayFile(file: string): Promise<void> {
  const { body, cuts } = JSON.parse(readFileSync(file, 'utf8')) as Failure;
  await check(body, cuts);
  console.log(`${file}: passes now`);
}

async function fuzz(): Promise<void> {
  mkdirSync(values.corpus, { recursive: true });
  const kept = readdirSync(values.corpus)
    .filter((name) => name.endsWith('.txt'))
    .map((name) => readFileSync(join(values.corpus, name), 'latin1'));
  const corpus = [...WORDS, ...kept];
  const coverage = new Coverage();
  for (const text of corpus) await check(text, []);
  coverage.fresh();
  console.log(`seed ${values.seed}: ${corpus.length} scripts, ${coverage.size} blocks`);
  const end = performance.now() + Number(values.seconds) * 1000;
  let runs = 0;
  let saidAt = performance.now();
  while (performance.now() < end) {
    const body = changed(corpus);
    const cuts = Array.from({ length: random(10) }, () => random(SCRIPT_MAX));
    try {
      await check(body, cuts);
    } catch (error) {
      const file = join(values.corpus, `failure-${createHash('sha256').update(body).digest('hex').slice(0, 16)}.json`);
      writeFileSync(file, JSON.stringify({ body, cuts } satisfies Failure));
      console.error(`${file}\n${(error as Error).message}`);
      process.exitCode = 1;
      return;
    }
    runs++;
    if (coverage.fresh() > 0) {
      corpus.push(body);
      writeFileSync(join(values.corpus, `${createHash('sha256').update(body).digest('hex').slice(0, 16)}.txt`), body, 'latin1');
    }
    if (performance.now() - saidAt > 30_000) {
      saidAt = performance.now();
      console.log(`${runs} runs, ${corpus.length} scripts, ${coverage.size} blocks`);
    }
  }
  console.log(`${runs} runs, ${corpus.length} scripts, ${coverage.size} blocks, no failure`);
}

if (values.replay === undefined) await fuzz();
else await replayFile(values.replay);
