/*
 * The thread of a policy: reads the file, strips its types, and answers calls one after the other.
 *
 * The one rule: nothing that the file does reaches further than this thread and the answers it gives. What it throws becomes a failed call
 * with the line of the file; when it does not come back, the loop ends this thread, and the gate says at which call it was.
 * Texts that are run are told to the loop, so that a successor runs the same. Types are stripped, never checked.
 * Not here: who calls (sandbox.ts), what an event can do (event.ts). Truth: POL-02, POL-20, POL-21, POL-24.
 */
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '#base';
import { PHASES, type Phase } from '#hooks';
import { LimitTable, type NamedRate } from '#limits';
import { readAnswer } from './answer.ts';
import { eventOf, type EventPorts } from './event.ts';
import { gateWords, type Action, type Call, type FromSandbox, type SandboxBirth } from './messages.ts';
import { sayWhere } from './where.ts';

/** Named throttles that are open at a time; the one that was asked least lately is closed. */
const THROTTLES_MAX = 256;
/** Milliseconds for which answers are kept back while more calls of the same array are worked on. */
const ANSWERS_HELD_MS = 5;
const LOG_LINE_MAX = 4000;

type PhaseFunction = (event: unknown) => unknown;

const birth = workerData as SandboxBirth;
const gate = new Int32Array(birth.gate);
const sources = new Map<string, string>();
const limits = LimitTable.attach(birth.limits, { loop: birth.loop, clock: systemClock });
const throttles = new Map<string, NamedRate>();
const functions = new Map<Phase, PhaseFunction>();
let answers: FromSandbox[] = [];
let answeredAt = 0;

function say(message: FromSandbox): void {
  parentPort?.postMessage([message]);
}

function log(...words: readonly unknown[]): void {
  const text = words.map((word) => (typeof word === 'string' ? word : inspect(word, { depth: 3 }))).join(' ');
  say({ kind: 'log', text: text.slice(0, LOG_LINE_MAX) });
}

/** What a policy prints goes where its log lines go (POL-24). */
for (const word of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir'] as const) globalThis.console[word] = log;

registerHooks({
  load(url, context, next) {
    if (!url.startsWith('file:') || !/\.[cm]?[jt]s$/.test(url)) return next(url, context);
    const isTyped = /\.[cm]?ts$/.test(url);
    if (!isTyped && url.endsWith('.cjs')) return next(url, context);
    const text = birth.sources?.get(url) ?? readFileSync(fileURLToPath(url), 'utf8');
    sources.set(url, text);
    return { format: 'module', shortCircuit: true, source: isTyped ? stripTypeScriptTypes(text, { mode: 'strip', sourceUrl: url }) : text };
  },
});

const ports: EventPorts = {
  log,
  chunkLog: (text) => say({ kind: 'chunk', text: text.slice(0, LOG_LINE_MAX) }),
  take(name, count, seconds) {
    let rate = throttles.get(name);
    throttles.delete(name);
    rate ??= limits.rate(`${birth.name} ${name}`);
    throttles.set(name, rate);
    const [oldest] = throttles;
    if (throttles.size > THROTTLES_MAX && oldest !== undefined) {
      throttles.delete(oldest[0]);
      oldest[1].close();
    }
    return rate.take({ count, periodSeconds: seconds }) === 0;
  },
};

/** Fulfils a call: an answer, now or when the function's promise is kept. */
function run(call: Call): void {
  const actions: Action[] = [];
  const fail = (error: unknown): void => void answers.push({ kind: 'failed', id: call.id, reason: sayWhere(error, sources) });
  const finish = (returned: unknown): void => {
    try {
      answers.push({ kind: 'answer', id: call.id, ...readAnswer(call.phase, returned), actions });
    } catch (error) {
      fail(error);
    }
  };
  try {
    const returned = functions.get(call.phase)?.(eventOf(call, actions, ports));
    if (!isPromise(returned)) finish(returned);
    else returned.then(finish, fail).finally(flush);
  } catch (error) {
    fail(error);
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}

function flush(): void {
  if (answers.length === 0) return;
  const sent = answers;
  answers = [];
  parentPort?.postMessage(sent);
}

function hear(message: readonly Call[] | number): void {
  if (typeof message === 'number') {
    Atomics.store(gate, gateWords.pong, message);
    return;
  }
  answeredAt = systemClock.mono();
  for (const call of message) {
    Atomics.store(gate, gateWords.call, call.id);
    Atomics.add(gate, gateWords.steps, 1);
    run(call);
    Atomics.store(gate, gateWords.call, 0);
    Atomics.add(gate, gateWords.steps, 1);
    const now = systemClock.mono();
    if (now - answeredAt < ANSWERS_HELD_MS) continue;
    answeredAt = now;
    flush();
  }
  flush();
}

async function load(): Promise<void> {
  const url = pathToFileURL(birth.file).href;
  const exported = (await import(url)) as Readonly<Record<string, unknown>>;
  for (const phase of PHASES) {
    const found = exported[phase];
    if (typeof found === 'function') functions.set(phase, found as PhaseFunction);
    else if (found !== undefined) throw new TypeError(`${birth.file}: ${phase} is no function`);
  }
  if (functions.size === 0)
    throw new TypeError(`${birth.file} exports no function of a phase: expected one or more of ${PHASES.join(', ')}`);
  const { init } = exported;
  if (typeof init === 'function' && (await (init as () => unknown)()) === false) throw new Error(`${birth.file}: init() returned false`);
}

// Timers and promises of the policy that nobody waits for.
process.on('uncaughtException', (error) => log(`uncaught: ${sayWhere(error, sources)}`));
process.on('unhandledRejection', (error) => log(`unhandled rejection: ${sayWhere(error, sources)}`));

try {
  await load();
  parentPort?.on('message', hear);
  say({ kind: 'ready', phases: [...functions.keys()], sources });
} catch (error) {
  say({ kind: 'refused', reason: sayWhere(error, sources) });
}
