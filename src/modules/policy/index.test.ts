/*
 * Policies in real threads: loaded, asked, stuck, dying, changed on disk.
 *
 * The one rule: nothing here asserts a time; budgets are what the machine may need under load, and loops are endless.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { systemClock, TimerWheel } from '#base';
import { ValidationContext, type HookView, type MessageView, type Phase, type Verdict } from '#hooks';
import { LimitTable } from '#limits';
import { entryBeside, workerFlags } from '#loops';
import { policyProblem, PolicyModule, policySettings, type PolicyPorts, type PolicySettings } from './index.ts';

const wheel = new TimerWheel({ clock: systemClock });
const limits = LimitTable.create({ loops: 1, slots: 8, rates: 8 });
before(() => wheel.start());
after(() => wheel.stop());

interface Begun {
  readonly module: PolicyModule;
  readonly lines: string[];
  readonly counted: [string, number][];
  readonly settings: PolicySettings;
  changes: number;
  write(text: string): void;
}

async function begin(t: TestContext, text: string, options: Record<string, unknown> = {}): Promise<Begun> {
  const dir = mkdtempSync(join(tmpdir(), 'policy-'));
  const file = join(dir, 'policy.ts');
  writeFileSync(file, text);
  const lines: string[] = [];
  const counted: [string, number][] = [];
  const ports: PolicyPorts = {
    wheel,
    limits,
    loop: 0,
    entryBeside,
    workerFlags,
    log: { name: 'policy', debugLevel: 'DEBUG', wants: () => true, log: (_level, line) => void lines.push(line.replaceAll(dir, '')) },
    count: (name, by) => void counted.push([name, by]),
    changed: () => void begun.changes++,
  };
  const settings = policySettings({ instance: 'mine', options: { file, budget: 5000, timeout: 25, ...options }, writtenIn: file });
  const module = await PolicyModule.open(settings, ports).catch((error: Error) => {
    rmSync(dir, { recursive: true });
    throw new Error(error.message.replaceAll(dir, ''));
  });
  t.after(() => {
    module.close();
    rmSync(dir, { recursive: true });
  });
  const write = (next: string): void => {
    writeFileSync(`${file}.new`, next);
    renameSync(`${file}.new`, file);
  };
  const begun: Begun = { module, lines, counted, settings, changes: 0, write };
  return begun;
}

function view(phase: Phase, more: Partial<HookView> = {}): HookView {
  const connection = {
    id: 'x',
    remoteIp: '192.0.2.1',
    remotePort: 1,
    localIp: '192.0.2.2',
    localPort: 25,
    protocol: 'esmtp',
    helo: 'c.test',
  };
  return {
    phase,
    context: new ValidationContext(),
    connection,
    transaction: { sender: 'a@a.test', senderDomain: 'a.test', recipientCount: 0 },
    ...more,
  };
}

function ask(module: PolicyModule, seen: HookView): Promise<Verdict> {
  return new Promise((done) => {
    const verdict = module.hooks[seen.phase]?.(seen, done) ?? assert.fail(`${seen.phase} is not hooked`);
    if (verdict !== 'later') done(verdict);
  });
}

const codeOf = (verdict: Verdict): number => (verdict.kind === 'reject' ? verdict.reply.code : 0);

async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((done) => wheel.schedule(20, () => done(undefined)));
}

test('Only exported phases are hooked; an answer may come at once or later, and what was done is done with it (POL-01, POL-02, CTX-08)', async (t) => {
  const { module, counted } = await begin(
    t,
    `import type { Policy } from './nowhere.d.ts';
     export const connect: Policy['connect'] = (event) => {
       event.connectionContext.set('seen', event.connection.remoteIp);
       event.count('/site/connects', 2);
     };
     export async function ehlo(event: { connection: { helo: string } }) {
       await new Promise((done) => setTimeout(done, 10));
       return event.connection.helo === 'c.test' ? { reject: 550, text: '5.7.1 you again' } : undefined;
     }`,
  );
  assert.deepEqual(Object.keys(module.hooks), ['connect', 'ehlo']);
  const seen = view('connect');
  assert.deepEqual([await ask(module, seen), seen.context.connection.get('seen')], [{ kind: 'continue' }, '192.0.2.1']);
  assert.deepEqual(counted, [['/site/connects', 2]]);
  assert.deepEqual(await ask(module, view('ehlo')), { kind: 'reject', reply: { code: 550, enhanced: '5.7.1', text: 'you again' } });
});

test('A function that throws has done nothing, costs its session 451, and is told by file and line (POL-20)', async (t) => {
  const { module, lines } = await begin(
    t,
    `export function connect(event) {\n  event.connectionContext.set('half', 'done');\n  return missing.name;\n}\nexport const ehlo = () => 'perhaps';\n`,
  );
  const seen = view('connect');
  assert.deepEqual([codeOf(await ask(module, seen)), seen.context.connection.size], [451, 0]);
  assert.match(lines[0] ?? '', /policy "mine": connect failed: \/policy\.ts:3:3: ReferenceError: missing is not defined/);
  assert.equal(codeOf(await ask(module, view('ehlo'))), 451);
  assert.match(lines[1] ?? '', /ehlo failed: .*ehlo returned "perhaps": expected/);
});

test('An endless loop costs its own session 451, also one behind an await; all others that waited are answered by a successor (POL-20)', async (t) => {
  const { module, lines } = await begin(
    t,
    `let calls = 0;
     export function connect(event) {
       calls += 1;
       if (event.connection.remoteIp === '192.0.2.66') for (;;) {}
       return { reject: 550, text: 'call ' + calls };
     }
     export async function ehlo(event) {
       await undefined;
       if (event.connection.remoteIp === '192.0.2.66') for (;;) {}
     }`,
    { budget: 400 },
  );
  const bad = (phase: Phase) => view(phase, { connection: { ...view(phase).connection, remoteIp: '192.0.2.66' } });
  const verdicts = await Promise.all([
    ask(module, view('connect')),
    ask(module, bad('connect')),
    ask(module, view('connect')),
    ask(module, view('ehlo')),
  ]);
  assert.deepEqual([codeOf(verdicts[0]!), codeOf(verdicts[1]!), codeOf(verdicts[2]!), verdicts[3]!.kind], [550, 451, 550, 'continue']);
  assert.match(lines.join('\n'), /connect failed: ran longer than 400 ms \(\/policy\.ts\); its thread was ended/);
  assert.deepEqual([codeOf(await ask(module, bad('ehlo'))), (await ask(module, view('ehlo'))).kind], [451, 'continue']);
});

test('A thread that ends itself or eats its memory is succeeded, and only who did it hears 451 (POL-20)', async (t) => {
  const { module, lines } = await begin(
    t,
    `export function connect(event) {
       if (event.connection.helo === 'exit') process.exit(3);
       if (event.connection.helo === 'eat') { const all = []; for (;;) all.push(new Array(100000).fill({})); }
     }`,
    { memory: 32, budget: 20_000 },
  );
  const helo = (name: string) => view('connect', { connection: { ...view('connect').connection, helo: name } });
  assert.equal(codeOf(await ask(module, helo('exit'))), 451);
  assert.equal((await ask(module, helo('good'))).kind, 'continue');
  assert.equal(codeOf(await ask(module, helo('eat'))), 451);
  assert.equal((await ask(module, helo('good'))).kind, 'continue');
  assert.match(lines.join('\n'), /its thread (?:ended|died)/);
});

test('A promise that is never kept is 451 after Timeout, while the thread goes on (POL-02)', async (t) => {
  const { module, lines } = await begin(t, `export const connect = () => new Promise(() => {}); export const ehlo = () => 'accept';`, {
    timeout: 1,
  });
  const waiting = ask(module, view('connect'));
  assert.equal((await ask(module, view('ehlo'))).kind, 'done');
  assert.equal(codeOf(await waiting), 451);
  assert.match(lines[0] ?? '', /connect failed: did not answer within 1000 ms/);
});

test('What a policy prints or logs, and what it forgets to catch, is in the panic log (POL-24)', async (t) => {
  const { module, lines } = await begin(
    t,
    `export function connect(event) {
       console.log('printed', { a: 1 });
       event.log('logged');
       setTimeout(() => { throw new Error('late'); }, 1);
       Promise.reject(new Error('unheard'));
     }`,
  );
  await ask(module, view('connect'));
  await until(() => lines.length >= 4);
  const all = lines.join('\n');
  assert.match(all, /policy "mine": printed { a: 1 }/);
  assert.match(all, /policy "mine": logged/);
  assert.match(all, /uncaught: \/policy\.ts:4:\d+: Error: late/);
  assert.match(all, /unhandled rejection: \/policy\.ts:5:\d+: Error: unheard/);
});

test('A file is refused by line when it does not parse, throws, exports no phase, or its init() says false (POL-20, POL-21)', async (t) => {
  const refused = (text: string): Promise<string> =>
    begin(t, text).then(
      () => 'accepted',
      (error: Error) => error.message,
    );
  assert.match(await refused('export const a = 1;\nif (a === ) 1;\n'), /^\/policy\.ts:2: SyntaxError: /);
  assert.match(
    await refused('export const connect = 1;'),
    /^\/policy\.ts: connect is no function|TypeError: \/policy\.ts: connect is no function/,
  );
  assert.match(await refused('\nthrow new Error("at once");'), /^\/policy\.ts:2:7: Error: at once/);
  assert.match(await refused('export const helper = () => 1;'), /exports no function of a phase: expected one or more of accept, connect/);
  assert.match(await refused('export const init = () => false; export const connect = () => {};'), /init\(\) returned false/);
  assert.match(await refused('import { x } from "./gone.ts"; export const connect = x;'), /gone\.ts/);
  assert.equal(await refused('enum A { b }\nexport const connect = () => {};').then((said) => /policy\.ts:1: .*enum/.test(said)), true);
  const settings = policySettings({ instance: 'x', options: { file: '/nowhere/p.ts' }, writtenIn: '/' });
  const log = { name: 'policy', debugLevel: 'ERROR' as const, wants: () => false, log: () => undefined };
  assert.match((await policyProblem(settings, { wheel, limits, loop: 0, entryBeside, workerFlags, log })) ?? '', /\/nowhere\/p\.ts/);
});

test('A file that changes on disk is read again, with what it imports; a bad one leaves the old one at work and says why (CFG-12, POL-03)', async (t) => {
  const begun = await begin(t, `export const connect = () => ({ reject: 550, text: 'first' });`);
  const said = async () => {
    const verdict = await ask(begun.module, view('connect'));
    return verdict.kind === 'reject' ? verdict.reply.text : '';
  };
  assert.equal(await said(), 'first');
  assert.equal(await begun.module.isCurrent({ ...begun.settings }), true);
  const words = join(dirname(begun.settings.file), 'words.ts');
  writeFileSync(words, `export const word: string = 'second';`);
  begun.write(
    `import { word } from './words.ts'; export const connect = () => ({ reject: 550, text: word }); export const ehlo = () => 'accept';`,
  );
  assert.equal(await begun.module.isCurrent(begun.settings), false);
  await until(() => begun.changes === 1);
  assert.equal(await said(), 'second');
  writeFileSync(words, `export const word: string = 'the third';`);
  await until(() => begun.changes === 2);
  assert.equal(await said(), 'the third');
  assert.deepEqual(Object.keys(begun.module.hooks), ['connect', 'ehlo']);
  begun.write('export const connect = (;');
  await until(() => begun.lines.some((line) => line.includes('the old one stays')));
  assert.match(begun.lines.at(-1) ?? '', /the file that changed is refused, the old one stays: \/policy\.ts:1: SyntaxError/);
  assert.equal(await said(), 'the third');
  assert.equal(await begun.module.isCurrent(begun.settings), false, 'a reload tries the bad file again, and says so');
});

test('Messages are seen up to Body_Size and changed; where they cannot be, the session hears 451 (POL-07)', async (t) => {
  const { module, lines } = await begin(
    t,
    `export function data(event) {
       event.headers.add('X-Body', event.message.body + (event.message.isBodyWhole ? ' whole' : ' cut'));
     }`,
    { bodySize: 4 },
  );
  const edits: unknown[] = [];
  const text = Buffer.from('Subject: x\r\n\r\nbody and more');
  const message = (canEdit: boolean, top: Buffer | undefined): MessageView => ({
    batchId: 'b',
    size: text.length,
    body: undefined,
    readBy: () => undefined,
    top: (bytes) => top?.subarray(0, 14 + bytes),
    edit: (more) => canEdit && edits.push(...more) > 0,
  });
  assert.equal((await ask(module, view('data', { message: message(true, text) }))).kind, 'continue');
  assert.deepEqual(edits, [{ kind: 'add', name: 'X-Body', value: 'body cut' }]);
  assert.equal(codeOf(await ask(module, view('data', { message: message(false, text) }))), 451);
  assert.equal(codeOf(await ask(module, view('data', { message: message(true, undefined) }))), 451);
  assert.match(lines.join('\n'), /too large for its header to be changed[\s\S]*memory for messages is used up/);
});

test('Named throttles are shared by all who ask, and named calls that wait have a bound', async (t) => {
  const { module, lines } = await begin(
    t,
    `export const connect = (event) => (event.throttle('two', 2, 1000) ? 'accept' : { reject: 450, text: 'slow down' });
     export const ehlo = () => new Promise(() => {});`,
    { timeout: 2 },
  );
  const first = await ask(module, view('connect'));
  const second = await ask(module, view('connect'));
  assert.deepEqual([first.kind, codeOf(second)], ['done', 450], 'a long period is spread evenly');
  const many = await Promise.all(Array.from({ length: 5001 }, () => ask(module, view('ehlo'))));
  assert.equal(many.filter((verdict) => codeOf(verdict) === 451).length, 5001);
  assert.equal(lines.filter((line) => line.includes('more calls wait than may (5000)')).length, 1);
});
