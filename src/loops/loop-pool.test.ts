/*
 * Real worker threads: this file is the test on main and the program of each thread it starts.
 *
 * Time is handed in: deadlines and restarts run when the test says so, never by the wall clock.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { once } from 'node:events';
import { isMainThread, Worker } from 'node:worker_threads';
import { LoopLink, LoopPool, LoopsError, Mailbox, restartDelayMs, transferable, type LoopDeath, type LoopFault } from './index.ts';
import { ManualTimers } from './manual-timers.test.ts';

if (isMainThread) describeOnMain();
else await runAsThread();

async function runAsThread(): Promise<void> {
  await LoopLink.whenBorn();
  const link = LoopLink.here({ timers: new ManualTimers() });
  const data = link.data as { failBeforeReady?: number; silent?: boolean; lateRoom?: boolean };
  if (data.failBeforeReady === link.self && link.generation === 0) throw new Error('cannot begin');
  const heard: unknown[] = [];
  const losses: unknown[] = [];
  link.onPeerLoss((peer) => losses.push(peer));
  link.onMessage('list', (message) => heard.push(message));
  link.onMessage('relay', (message) => {
    const { to, body } = message as { to: number | 'writer'; body: unknown };
    link.send(to, 'list', body);
  });
  link.onMessage('die', (message) => {
    if (message === 'exit') process.exit(3);
    fail('handler error');
  });
  link.onMessage('crash', () => setImmediate(() => fail('uncaught in the loop')));
  link.onRequest('heard', (_, __, reply) =>
    reply.answer({ heard, losses, generation: link.generation, self: link.self, count: link.count }),
  );
  link.onRequest('echo', (message, from, reply) => reply.answer({ message, from }));
  link.onRequest('silence', () => {});
  link.onRequest('refuse', (_, __, reply) => reply.refuse('not today'));
  link.onRequest('throw', () => fail('broken'));
  link.onRequest('function', (_, __, reply) => reply.answer(() => {}));
  link.onRequest('buffer', (message, _, reply) => {
    const body = Buffer.from(message as Uint8Array);
    const own = new Uint8Array(body);
    reply.answer(own, transferable([own]));
  });
  link.onRequest('ask-peer', (message, _, reply) => {
    const { to, room } = message as { to: number; room: string };
    link.ask(to, room, 'from peer', 1000, (error, got) =>
      error === undefined ? reply.answer(got) : reply.answer(`${error.code}: ${error.message}`),
    );
  });
  link.onStop((_graceMs, done) => {
    if (data.silent === true && link.self === 0) return;
    if (link.self >= 0) link.send((link.self + 1) % link.count, 'list', `note of ${link.self}`);
    done();
  });
  link.onClose((_graceMs, done) => {
    if (link.self >= 0) link.send('writer', 'list', `last words of ${link.self} after ${heard.join()}`);
    else link.send('main', 'written', heard);
    done();
  });
  link.ready();
}

function fail(text: string): never {
  throw new Error(text);
}

interface Heard {
  heard: unknown[];
  losses: unknown[];
  generation: number;
  self: number;
  count: number;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits for it, in turns and not by the clock; gives up instead of hanging. */
async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 3_000_000; i++) {
    if (await what()) return;
    await turn();
  }
  assert.fail(`never came true: ${what}`);
}

async function heardAtLeast(pool: LoopPool, loop: number | 'writer', count: number): Promise<Heard> {
  let got = await heardBy(pool, loop);
  await until(async () => (got = await heardBy(pool, loop)).heard.length >= count);
  return got;
}

async function withPool(count: number, data: unknown, body: (pool: LoopPool, timers: ManualTimers) => Promise<void>): Promise<void> {
  const timers = new ManualTimers();
  const pool = new LoopPool({ timers, clock: { mono: () => 1 } });
  const entry = new URL(import.meta.url);
  try {
    await pool.start({ name: 'test', count, entry, data, writer: { entry, data } });
    await body(pool, timers);
  } finally {
    await pool.stop(0);
  }
}

const heardBy = async (pool: LoopPool, loop: number | 'writer'): Promise<Heard> => (await pool.request(loop, 'heard', 0, 1000)) as Heard;

/** Threads that wait to be told what they are. */
function begun(addresses: readonly (number | 'writer')[]): Map<number | 'writer', Worker> {
  return new Map(
    addresses.map((address) => [address, new Worker(new URL(import.meta.url), { name: 'early', workerData: { impetusLoop: 'later' } })]),
  );
}

function describeOnMain(): void {
  test('threads that were begun before the pool become its own, hear what was sent meanwhile, and their successors are born as usual', async () => {
    const early = begun([0, 'writer']);
    const ids = [...early.values()].map((worker) => worker.threadId);
    const timers = new ManualTimers();
    const pool = new LoopPool({ timers, clock: { mono: () => 1 } });
    const entry = new URL(import.meta.url);
    try {
      const started = pool.start({ name: 'test', count: 2, entry, data: {}, writer: { entry, data: {} }, begun: early });
      for (let i = 0; i < 3; i++) pool.send(0, 'list', i);
      await started;
      assert.deepEqual(
        [...early.values()].map((worker) => worker.threadId),
        ids,
      );
      assert.deepEqual((await heardAtLeast(pool, 0, 3)).heard, [0, 1, 2]);
      pool.send(1, 'relay', { to: 0, body: 'from a loop' });
      assert.equal((await heardAtLeast(pool, 0, 4)).heard[3], 'from a loop');
      const again = new Promise<number>((done) => pool.onReady((_address, generation) => done(generation)));
      pool.replace(0);
      await until(() => timers.size > 0);
      timers.advance(0);
      assert.equal(await again, 1);
      assert.equal((await heardBy(pool, 0)).generation, 1);
    } finally {
      await pool.stop(0);
    }
  });

  test('a thread that was begun early and has ended is passed over', async () => {
    const early = begun([0]);
    const ended = early.get(0)!;
    await once(ended, 'online');
    await ended.terminate();
    const pool = new LoopPool({ timers: new ManualTimers(), clock: { mono: () => 1 } });
    try {
      await pool.start({ name: 'test', count: 1, entry: new URL(import.meta.url), data: {}, begun: early });
      assert.equal((await heardBy(pool, 0)).self, 0);
    } finally {
      await pool.stop(0);
    }
  });

  test('ten thousand messages arrive once each and in order, from main and from loop to loop', async () => {
    await withPool(2, {}, async (pool) => {
      for (let i = 0; i < 10_000; i++) {
        assert.equal(pool.send(0, 'list', i), true);
        assert.equal(pool.send(1, 'relay', { to: 'writer', body: i }), true);
      }
      assert.deepEqual(
        (await heardBy(pool, 0)).heard,
        Array.from({ length: 10_000 }, (_, i) => i),
      );
      await pool.request(1, 'heard', 0, 1000);
      const written = (await heardAtLeast(pool, 'writer', 10_000)).heard;
      assert.deepEqual(
        written,
        Array.from({ length: 10_000 }, (_, i) => i),
      );
    });
  });

  test('every pair of loops has a direct port: a loop asks another one and hears its answer', async () => {
    await withPool(3, {}, async (pool) => {
      assert.deepEqual(await pool.request(2, 'ask-peer', { to: 0, room: 'echo' }, 1000), { message: 'from peer', from: 2 });
      assert.deepEqual(await pool.request(0, 'ask-peer', { to: 2, room: 'echo' }, 1000), { message: 'from peer', from: 0 });
    });
  });

  test('a request that is not answered fails at its deadline and names the loop', async () => {
    await withPool(2, {}, async (pool, timers) => {
      const asked = pool.request(1, 'silence', 0, 500);
      await heardBy(pool, 1);
      timers.advance(499);
      timers.advance(1);
      await assert.rejects(
        asked,
        (e) =>
          e instanceof LoopsError &&
          e.code === 'no-answer' &&
          e.from === 1 &&
          /loop 1 did not answer "silence" within 500 ms/.test(e.message),
      );
      assert.equal(timers.size, 0);
    });
  });

  test('asking all loops says which loop did not answer, and why', async () => {
    await withPool(3, {}, async (pool, timers) => {
      const asked = pool.requestAll('echo', 'all', 500);
      assert.deepEqual([...(await asked).replies.keys()].sort(), [0, 1, 2]);
      const silent = pool.requestAll('silence', 0, 500);
      for (let i = 0; i < 3; i++) await heardBy(pool, i);
      timers.advance(500);
      assert.deepEqual([...(await silent).silent.keys()], [0, 1, 2]);
      const refused = await pool.requestAll('refuse', 0, 500);
      assert.match(String(refused.silent.get(1)?.message), /not today/);
    });
  });

  test('a handler that throws refuses the request, loses no other message of the batch and kills nobody', async () => {
    await withPool(1, {}, async (pool) => {
      pool.send(0, 'list', 'before');
      pool.send(0, 'die', 'throw');
      pool.send(0, 'list', 'after');
      await assert.rejects(pool.request(0, 'throw', 0, 1000), /handler of "throw" in loop 0 threw: broken/);
      const { heard, generation } = await heardBy(pool, 0);
      assert.deepEqual([heard, generation], [['before', 'after'], 0]);
    });
  });

  test('a message that cannot be copied is dropped alone and reported; a request with it fails, so does such a reply', async () => {
    await withPool(1, {}, async (pool) => {
      const faults: LoopFault[] = [];
      pool.onFault((f) => faults.push(f));
      pool.send(0, 'list', 'a');
      pool.send(0, 'list', () => {});
      pool.send(0, 'list', 'b');
      await assert.rejects(
        pool.request(0, 'echo', () => {}, 1000),
        (e) => e instanceof LoopsError && e.code === 'not-cloneable',
      );
      await assert.rejects(pool.request(0, 'function', 0, 1000), (e) => e instanceof LoopsError && e.code === 'not-cloneable');
      assert.deepEqual((await heardBy(pool, 0)).heard, ['a', 'b']);
      assert.equal(faults.length, 1);
      await assert.rejects(pool.request(0, 'no such room', 0, 1000), (e) => e instanceof LoopsError && e.code === 'no-such-room');
      await assert.rejects(pool.request(7, 'echo', 0, 1000), (e) => e instanceof LoopsError && e.code === 'no-such-loop');
    });
  });

  test('a loop that dies is restarted with new ports; requests to it fail at once, the others keep running, held mail reaches the successor', async () => {
    await withPool(3, {}, async (pool, timers) => {
      const deaths: LoopDeath[] = [];
      const born: unknown[] = [];
      pool.onDeath((d) => deaths.push(d));
      pool.onReady((address, generation) => born.push([address, generation]));
      const open = pool.request(1, 'silence', 0, 60_000);
      pool.send(1, 'crash', 0);
      await assert.rejects(open, (e) => e instanceof LoopsError && e.code === 'loop-died' && e.from === 1 && e.temporary);
      assert.equal(deaths[0]?.address, 1);
      assert.equal(deaths[0]?.error?.message, 'uncaught in the loop');
      assert.equal(deaths[0]?.restartInMs, 0);
      assert.deepEqual((await heardBy(pool, 0)).losses, [1]);
      pool.send(1, 'list', 'from main while down');
      pool.send(0, 'relay', { to: 1, body: 'from loop 0 while down' });
      pool.send(2, 'relay', { to: 1, body: 'from loop 2 while down' });
      await heardBy(pool, 0);
      timers.advance(0);
      await until(() => born.length === 1);
      assert.deepEqual(born, [[1, 1]]);
      const successor = await heardAtLeast(pool, 1, 3);
      assert.equal(successor.generation, 1);
      assert.deepEqual([...successor.heard].sort(), ['from loop 0 while down', 'from loop 2 while down', 'from main while down']);
      assert.deepEqual(await pool.request(2, 'ask-peer', { to: 1, room: 'echo' }, 1000), { message: 'from peer', from: 2 });
      assert.deepEqual(await pool.request(1, 'ask-peer', { to: 2, room: 'echo' }, 1000), { message: 'from peer', from: 1 });
    });
  });

  test('the writer is restarted too, and an exit code is reported', async () => {
    await withPool(1, {}, async (pool, timers) => {
      const deaths: LoopDeath[] = [];
      let born = 0;
      pool.onDeath((d) => deaths.push(d));
      pool.onReady(() => born++);
      pool.send('writer', 'die', 'exit');
      await until(() => deaths.length === 1);
      assert.deepEqual([deaths[0]?.address, deaths[0]?.exitCode], ['writer', 3]);
      timers.advance(0);
      await until(() => born === 1);
      pool.send(0, 'relay', { to: 'writer', body: 'again' });
      assert.deepEqual((await heardAtLeast(pool, 'writer', 1)).heard, ['again']);
    });
  });

  test('a pool whose loop cannot begin fails to start, names the loop, and leaves no thread behind', async () => {
    await assert.rejects(
      withPool(2, { failBeforeReady: 1 }, async () => {}),
      (e) => e instanceof LoopsError && e.code === 'start-failed' && /loop 1 did not start: cannot begin/.test(e.message),
    );
  });

  test('a stop has three steps: loops finish, loops close having heard each other, the writer closes having heard all', async () => {
    const timers = new ManualTimers();
    const pool = new LoopPool({ timers, clock: { mono: () => 1 } });
    const entry = new URL(import.meta.url);
    let written: unknown[] = [];
    pool.onMessage('written', (message) => (written = message as unknown[]));
    await pool.start({ name: 'test', count: 3, entry, data: {}, writer: { entry, data: {} } });
    const stopped = pool.stop(10_000);
    assert.equal(pool.stop(0), stopped, 'a second stop waits for the same end');
    assert.deepEqual(await stopped, []);
    assert.deepEqual(written.map(String).sort(), [
      'last words of 0 after note of 2',
      'last words of 1 after note of 0',
      'last words of 2 after note of 1',
    ]);
    assert.equal(timers.size, 0);
  });

  test('a thread that does not stop in time is told to close, named, and ended; requests to it fail', async () => {
    const timers = new ManualTimers();
    const pool = new LoopPool({ timers, clock: { mono: () => 1 } });
    const entry = new URL(import.meta.url);
    let written: unknown[] = [];
    pool.onMessage('written', (message) => (written = message as unknown[]));
    await pool.start({ name: 'test', count: 2, entry, data: { silent: true }, writer: { entry, data: {} } });
    const open = pool.request(0, 'silence', 0, 60_000);
    open.catch(() => {});
    const stopped = pool.stop(10_000);
    await heardAtLeast(pool, 0, 1);
    await pool.request(1, 'echo', 0, 60_000);
    timers.advance(7_000);
    assert.deepEqual(await stopped, [0]);
    assert.equal(written.length, 2);
    await assert.rejects(open, (e) => e instanceof LoopsError && e.code === 'stopped');
  });

  test('a full queue refuses, counts, and says when it has drained', async () => {
    const timers = new ManualTimers();
    const pool = new LoopPool({ timers, clock: { mono: () => 1 } });
    const entry = new URL(import.meta.url);
    try {
      await pool.start({ name: 'test', count: 1, entry, data: {}, bounds: { queue: 10, window: 4 } });
      const taken = Array.from({ length: 12 }, (_, i) => pool.send(0, 'list', i));
      assert.deepEqual(taken, [...Array.from({ length: 10 }, () => true), false, false]);
      assert.deepEqual(pool.broadcast('list', 'x'), [0]);
      await assert.rejects(pool.request(0, 'echo', 0, 1000), (e) => e instanceof LoopsError && e.code === 'queue-full');
      await turn();
      pool.send(0, 'list', 'next');
      assert.deepEqual((await heardAtLeast(pool, 0, 11)).heard, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 'next']);
    } finally {
      await pool.stop(0);
    }
  });

  test('the writer acknowledges what it has heard, so that a sender knows how far behind it is', async () => {
    await withPool(1, {}, async (pool) => {
      const before = pool.backlog('writer');
      for (let i = 0; i < 5; i++) pool.send('writer', 'list', i);
      assert.equal(pool.backlog('writer'), before + 5);
      await until(() => pool.backlog('writer') === 0);
      assert.equal((await heardBy(pool, 'writer')).heard.length, 5);
    });
  });

  test('a buffer that owns its memory is handed over, one from the shared pool of Node is copied', async () => {
    await withPool(1, {}, async (pool) => {
      const own = new Uint8Array(100_000).fill(7);
      pool.send(0, 'list', own, transferable([own]));
      await turn();
      assert.equal(own.byteLength, 0, 'handed over');
      const small = Buffer.from('pooled');
      const back = (await pool.request(0, 'buffer', small, 1000)) as Uint8Array;
      assert.equal(Buffer.from(back).toString(), 'pooled');
      assert.equal(small.toString(), 'pooled');
    });
  });

  test('a typed mailbox speaks for one room over a pool', async () => {
    await withPool(1, {}, async (pool) => {
      const box = new Mailbox<number | 'writer', never, string, { message: string; from: string }>(pool, 'echo');
      assert.deepEqual(await box.ask(0, 'hello', 1000), { message: 'hello', from: 'main' });
    });
  });

  test('restarts in a row wait 0, 100, 200 ms and so on, at most 30 s', () => {
    assert.deepEqual([1, 2, 3, 4, 20, 1000].map(restartDelayMs), [0, 100, 200, 400, 30_000, 30_000]);
  });

  test('a thread that no pool started has no link', () => {
    assert.throws(
      () => LoopLink.here(),
      (e) => e instanceof LoopsError && e.code === 'not-a-loop',
    );
  });
}
