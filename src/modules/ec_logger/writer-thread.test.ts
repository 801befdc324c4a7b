/*
 * From two loops through the writer thread into the files, with real threads: this file is also each thread's program.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isMainThread } from 'node:worker_threads';
import { systemClock, TimerWheel } from '#base';
import { LoopLink, LoopPool } from '#loops';
import { PanicLog, RecordBatcher, systemLogFs, Writer, WriterOutlet, writerRoom } from '#observe';
import { openEcLogger } from './index.ts';

const recordsPerLoop = 5_000;

if (isMainThread) onMain();
else asThread();

function asThread(): void {
  const clock = systemClock;
  const timers = new TimerWheel({ clock });
  timers.start();
  const link = LoopLink.here({ timers });
  if (link.address === 'writer') asWriter(link, timers);
  else asLoop(link, timers);
  link.ready();
}

function asWriter(link: LoopLink, timers: TimerWheel): void {
  const dir = link.data as string;
  const options = { mainlog: join(dir, 'mainlog.ec'), rejectlog: join(dir, 'rejectlog.ec'), paniclog: join(dir, 'paniclog.ec') };
  const writer = new Writer({
    clock: systemClock,
    timers,
    fs: systemLogFs,
    loggers: (ports) => [openEcLogger({ instance: '', options }, ports)],
  });
  link.onMessage(writerRoom, (message) => writer.handle(message));
  link.onRequest('last panics', (_, __, reply) => reply.answer(writer.lastPanics()));
  link.onClose((_graceMs, done) => {
    writer.close();
    done();
  });
}

function asLoop(link: LoopLink, timers: TimerWheel): void {
  const outlet = new WriterOutlet(link);
  const panic = new PanicLog({ clock: systemClock, timers, write: outlet.writePanic });
  const batcher = new RecordBatcher({ post: outlet.postRecords, timers, panic });
  link.onMessage('work', () => {
    panic.log('ERROR', 'NET', `loop ${link.self}\nat work`);
    for (let i = 0; i < recordsPerLoop; i++) {
      const ids = { at: 1_700_000_000_000, messageId: `${link.self}-${i}`, batchId: 'B', connectionId: 'C' };
      const route = {
        domain: 'a@b\n',
        size: i,
        bindingGroup: 'default',
        binding: 'default',
        retries: 0,
        elapsedMs: 1,
        remoteIp: '10.0.0.1',
        reply: '250 ok',
        sender: '',
        recipient: '',
        messageSize: 0,
        facts: [],
      };
      batcher.record({ kind: 'D', ...ids, ...route });
    }
  });
  link.onStop((_graceMs, done) => {
    batcher.close();
    panic.close();
    done();
  });
}

function onMain(): void {
  test('A75 LOG-10 RT-06 what two loops record is in the files when the server has stopped, each record once, whole, in order', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'writer-thread-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const timers = new TimerWheel({ clock: systemClock });
    timers.start();
    const pool = new LoopPool({ timers, clock: systemClock });
    t.after(() => timers.stop());
    const entry = new URL(import.meta.url);
    await pool.start({ name: 'loop', count: 2, entry, writer: { entry, data: dir } });
    pool.broadcast('work', 0);
    let panics: unknown[] = [];
    for (let i = 0; i < 20_000 && panics.length < 2; i++) panics = (await pool.request('writer', 'last panics', 0, 10_000)) as unknown[];
    assert.deepEqual(await pool.stop(10_000), []);
    const lines = readFileSync(join(dir, 'mainlog.ec'), 'utf8').split('\n');
    assert.equal(lines.pop(), '');
    for (const loop of [0, 1]) {
      const own = lines.filter((line) => line.includes(`@${loop}-`));
      assert.deepEqual(
        own,
        Array.from({ length: recordsPerLoop }, (_, i) => `1700000000@${loop}-${i}@B@C@D@a\\@b\\n@${i}@default@default@0@0.001@10.0.0.1`),
      );
    }
    assert.equal(lines.length, recordsPerLoop * 2);
    const paniclog = readFileSync(join(dir, 'paniclog.ec'), 'utf8').split('\n').slice(0, -1);
    assert.deepEqual(paniclog.map((line) => line.replace(/^\d+/, 'T')).sort(), ['T:NET: loop 0\\nat work', 'T:NET: loop 1\\nat work']);
  });
}
