/**
 * Messages into programs that a shell script stands for.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StoreRefusal, type BodySink } from '#hooks';
import type { Envelope } from '#mail';
import { pipeSettings, PipeStore, type PipeOptions } from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'pipe-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
let made = 0;

/** A store whose program is this shell script. */
function store(script: string, o: Partial<PipeOptions> & { values?: Record<string, unknown> } = {}): { store: PipeStore; dir: string } {
  made += 1;
  const dir = mkdtempSync(join(root, 'x'));
  const program = join(dir, 'program');
  writeFileSync(program, `#!/bin/sh\ncd ${dir}\n${script}\n`);
  chmodSync(program, 0o755);
  const settings = pipeSettings({ programName: program, domain: ['Here.test'], ...o.values });
  return { store: new PipeStore({ ...o, settings, tag: `test-${process.pid}-${made}` }), dir };
}

const opened = (s: PipeStore, ...chunks: (string | Buffer)[]): BodySink => {
  const sink = s.open([{ id: '01/00-00007-A1B2C3D4', local: 'u', domain: 'here.test' }]);
  for (const chunk of chunks) sink.append(Buffer.from(chunk));
  return sink;
};
const commit = (sink: BodySink): Promise<Error | undefined> => new Promise((resolve) => sink.commit({} as Envelope, resolve));
const replyTo = async (sink: BodySink): Promise<string> => {
  const error = await commit(sink);
  if (error === undefined) return 'taken';
  return error instanceof StoreRefusal ? `${error.reply.code} ${error.reply.enhanced ?? '-'} ${String(error.reply.text)}` : error.message;
};

test('OUT-48: the program has the whole message as its standard input, large ones too, and nothing but PATH around it', async () => {
  const { store: s, dir } = store('cat > got; env | grep -v "^\\(PWD\\|SHLVL\\|_\\|OLDPWD\\)=" > env; echo "$#" > count');
  assert.deepEqual([s.claims('here.test'), s.claims('far.test')], [true, false]);
  const large = Buffer.alloc(3_000_000, 'line of text\r\n');
  assert.equal(await replyTo(opened(s, 'Subject: x\r\n\r\n', large, 'end')), 'taken');
  assert.ok(readFileSync(join(dir, 'got')).equals(Buffer.concat([Buffer.from('Subject: x\r\n\r\n'), large, Buffer.from('end')])));
  assert.match(readFileSync(join(dir, 'env'), 'utf8'), /^PATH=\S+\n$/);
  assert.equal(readFileSync(join(dir, 'count'), 'utf8'), '0\n');
});

test('OUT-48: an exit status that is not 0 refuses the message, with the documented text or the reply that code gives it', async () => {
  assert.equal(await replyTo(opened(store('exit 3').store, 'x')), '504 5.5.0 pipe transport gave exit status 3');
  const code = new Map([
    ['100', '550 command failed'],
    ['111', '450 4.2.0 try again later'],
    ['7', '250 fine'],
    ['0', '554 never'],
  ]);
  const answer = (status: number): Promise<string> => replyTo(opened(store(`exit ${status}`, { values: { code } }).store, 'x'));
  assert.deepEqual(
    [await answer(100), await answer(111), await answer(7), await answer(0)],
    ['550 - command failed', '450 4.2.0 try again later', 'taken', '554 - never'],
  );
});

test('OUT-48: a program that is not there, or does not end in time, is a failure for now; what it began is killed with it', async () => {
  const gone = store('');
  rmSync(join(gone.dir, 'program'));
  assert.equal(await replyTo(opened(gone.store, 'x')), '451 4.3.0 pipe transport cannot run its program: ENOENT');
  const slow = store('sleep 600 & echo $! > child; wait', { secondsMax: 1 });
  assert.equal(await replyTo(opened(slow.store, 'x')), '451 4.3.0 pipe transport was ended by a signal');
  const child = readFileSync(join(slow.dir, 'child'), 'utf8').trim();
  for (let i = 0; i < 500 && existsSync(`/proc/${child}`) && !/\) Z /.test(readFileSync(`/proc/${child}/stat`, 'utf8')); i += 1)
    await new Promise((resolve) => setImmediate(resolve));
});

test('A68, OUT-48: what was aborted never reaches the program, and leaves no file', async () => {
  const { store: s, dir } = store('touch ran');
  const small = opened(s, 'x');
  small.abort();
  const large = opened(s, Buffer.alloc(200_000));
  large.abort();
  assert.equal(await replyTo(opened(s, 'x')), 'taken');
  assert.ok(existsSync(join(dir, 'ran')));
  assert.deepEqual(
    readdirSync(tmpdir()).filter((name) => name.startsWith(`impetus-pipe-test-${process.pid}-`)),
    [],
  );
});

test('OUT-48: so many programs run at a time, so many messages wait, and the next one hears 451', async () => {
  const { store: s, dir } = store('while [ ! -e go ]; do sleep 0.05; done', { programsMax: 2, waitingMax: 1 });
  const results = [1, 2, 3, 4].map(() => replyTo(opened(s, 'x')));
  assert.equal(await Promise.race(results), '451 4.3.2 pipe transport has too much to do');
  writeFileSync(join(dir, 'go'), '');
  assert.equal((await Promise.all(results)).filter((reply) => reply === 'taken').length, 3);
});

test('OUT-48: output_file and error_file gather what the program says', async () => {
  const dir = mkdtempSync(join(root, 'out'));
  const values = { outputFile: join(dir, 'out'), errorFile: join(dir, 'err') };
  const { store: s } = store('echo said; echo wrong >&2', { values });
  for (let i = 0; i < 2; i += 1) assert.equal(await replyTo(opened(s, 'x')), 'taken');
  assert.equal(readFileSync(values.outputFile, 'utf8'), 'said\nsaid\n');
  assert.equal(readFileSync(values.errorFile, 'utf8'), 'wrong\nwrong\n');
});

test('OUT-48: options that cannot work are refused with their name', () => {
  for (const programName of [undefined, '', 'cat', 5]) assert.throws(() => pipeSettings({ programName }), /program_name of pipe_transport/);
  const code = (status: string, text: string) => () => pipeSettings({ programName: '/bin/cat', code: new Map([[status, text]]) });
  for (const wrong of [code('x', '250 ok'), code('256', '250 ok'), code('1', 'no'), code('1', '450 a\r\n250 b')])
    assert.throws(wrong, /code of pipe_transport/);
  assert.equal(pipeSettings({ programName: '/bin/cat', domain: 'One.test' }).domains.has('one.test'), true);
});
