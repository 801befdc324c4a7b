/**
 * A connection's turns, holds and clocks, over a pair of streams in memory.
 */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import {
  Connection,
  LINGER_BYTES_MAX,
  LINGER_MS,
  OUTPUT_HIGH_BYTES,
  WRITE_STALL_MS,
  type CloseReason,
  type ConnectionOwner,
} from './connection.ts';

class Wire extends Duplex {
  said = '';
  writes = 0;
  isStuck = false;

  constructor() {
    super({ allowHalfOpen: true });
  }

  override _read(): void {
    // The test pushes.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.said += chunk.toString('latin1');
    this.writes++;
    if (!this.isStuck) done();
  }
}

class Owner implements ConnectionOwner {
  readonly chunks: string[] = [];
  idles = 0;
  ends = 0;
  drains = 0;
  reason: CloseReason | undefined;
  onData: (chunk: Buffer) => void = () => undefined;

  data(chunk: Buffer): void {
    this.chunks.push(chunk.toString('latin1'));
    this.onData(chunk);
  }

  ended(): void {
    this.ends++;
  }

  drained(): void {
    this.drains++;
  }

  idle(): void {
    this.idles++;
  }

  closed(reason: CloseReason): void {
    this.reason = reason;
  }
}

function make(idleMs = 0): { wire: Wire; owner: Owner; connection: Connection; clock: ManualClock; wheel: TimerWheel } {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const wire = new Wire();
  const owner = new Owner();
  const connection = new Connection({ stream: wire, wheel, mono: () => clock.mono(), idleMs });
  connection.start(owner);
  return { wire, owner, connection, clock, wheel };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('All that is said in one read turn, or in one turn(), leaves in one write', async () => {
  const { wire, owner, connection } = make();
  await turn();
  owner.onData = () => {
    connection.write('a');
    connection.turn(() => connection.write('b'));
    connection.write('c');
  };
  wire.push('x');
  assert.deepEqual([wire.said, wire.writes], ['abc', 1]);
  connection.turn(() => {
    connection.write('d');
    connection.write('e');
  });
  connection.write('f');
  assert.deepEqual([wire.said, wire.writes], ['abcdef', 3]);
});

test('Holds are counted: reading goes on after the last one is given back', async () => {
  const { wire, owner, connection } = make();
  await turn();
  connection.pause();
  connection.pause();
  wire.push('one');
  connection.resume();
  await turn();
  assert.deepEqual(owner.chunks, []);
  connection.resume();
  await turn();
  assert.deepEqual(owner.chunks, ['one']);
  connection.resume();
  connection.pause();
  assert.ok(wire.isPaused(), 'one resume too many is not owed to the next hold');
});

test('A peer that does not read is not read either, and closed after the stall time (A60)', async () => {
  const { wire, owner, connection, clock, wheel } = make();
  await turn();
  wire.isStuck = true;
  connection.write('r'.repeat(OUTPUT_HIGH_BYTES * 5));
  assert.ok(connection.isCongested);
  assert.ok(wire.isPaused());
  clock.advance(WRITE_STALL_MS + 100);
  wheel.advance();
  await turn();
  assert.equal(owner.reason, 'stalled');
  assert.equal(wheel.size, 0);
});

test('An owner that stopped for its own output is called again when the system took all of it', async () => {
  const { wire, owner, connection } = make();
  await turn();
  owner.onData = () => connection.write('r'.repeat(OUTPUT_HIGH_BYTES + 1));
  wire.push('x');
  await turn();
  assert.ok(owner.drains >= 1);
  assert.equal(connection.isCongested, false);
});

test('Idle time begins anew with progress only, and again when the owner lets it pass (LSN-09, A58)', async () => {
  const { wire, owner, connection, clock, wheel } = make(1000);
  await turn();
  const pass = (ms: number): void => {
    clock.advance(ms);
    wheel.advance();
  };
  pass(900);
  wire.push('byte');
  pass(150);
  assert.equal(owner.idles, 1, 'bytes alone are no progress');
  pass(900);
  connection.progress();
  pass(900);
  assert.equal(owner.idles, 1);
  pass(200);
  assert.equal(owner.idles, 2);
  connection.setIdle(0);
  pass(1_000_000);
  assert.equal(owner.idles, 2);
});

test('end() says what is waiting, then closes; nothing can be said afterwards; a peer that lingers is cut', async () => {
  const { wire, owner, connection, clock, wheel } = make(60_000);
  await turn();
  owner.onData = () => {
    connection.write('bye');
    connection.end();
    connection.write('more');
    assert.equal(connection.isOpen, false);
  };
  wire.push('quit');
  wire.push('ignored');
  await turn();
  assert.equal(wire.said, 'bye');
  assert.deepEqual(owner.chunks, ['quit']);
  assert.ok(wire.writableEnded);
  clock.advance(LINGER_MS + 100);
  wheel.advance();
  await turn();
  assert.equal(owner.reason, 'local');
  assert.equal(wheel.size, 0);
});

test('A peer that took its leave is not waited for once its last reply is with the system; one that has it not yet is', async () => {
  const quick = make();
  quick.connection.write('bye');
  quick.connection.end(true);
  await turn();
  assert.equal(quick.wire.said, 'bye');
  assert.equal(quick.wire.writableEnded, false, 'no half-close: the whole of it is closed');
  assert.equal(quick.owner.reason, 'local');
  assert.equal(quick.wheel.size, 0);
  const slow = make();
  slow.wire.isStuck = true;
  slow.connection.write('bye');
  slow.connection.end(true);
  await turn();
  assert.equal(slow.owner.reason, undefined);
  slow.clock.advance(LINGER_MS + 100);
  slow.wheel.advance();
  await turn();
  assert.equal(slow.owner.reason, 'local');
});

test('A peer that sends on and on behind our end is cut after a bounded amount, not read for the whole time (A17, A60)', async () => {
  const { wire, owner, connection } = make();
  await turn();
  connection.write('bye');
  connection.end();
  for (let sent = 0; sent < LINGER_BYTES_MAX; sent += 1024 * 1024) wire.push(Buffer.alloc(1024 * 1024));
  await turn();
  assert.equal(wire.destroyed, false, 'what may have been on its way is read');
  wire.push('more');
  await turn();
  assert.ok(wire.destroyed);
  await turn();
  assert.equal(owner.reason, 'local');
  assert.deepEqual(owner.chunks, []);
});

test('A peer that does not read its replies is closed by the idle time without a last word, and nothing more is read from it (A60)', async () => {
  const { wire, owner, connection, clock, wheel } = make(1000);
  await turn();
  clock.advance(500);
  wire.isStuck = true;
  connection.write('r'.repeat(OUTPUT_HIGH_BYTES * 5));
  assert.ok(connection.isCongested);
  clock.advance(600);
  wheel.advance();
  await turn();
  assert.equal(owner.reason, 'stalled');
  assert.equal(owner.idles, 0);
});

test('The end of the peer is told, replies can still be said, and closing is the owner’s', async () => {
  const { wire, owner, connection } = make();
  await turn();
  wire.push(null);
  await turn();
  assert.equal(owner.ends, 1);
  connection.write('still');
  assert.equal(wire.said, 'still');
  connection.end();
  await turn();
  assert.equal(owner.reason, 'local');
});

test('An error of the network closes with its reason', async () => {
  const { wire, owner } = make();
  await turn();
  wire.destroy(new Error('ECONNRESET'));
  await turn();
  assert.equal(owner.reason, 'error');
});
