/** The store under the queues: order of retries, memory, and finding any message, with many of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { seededRandom } from '#base';
import { delivered, recipient, Surroundings, transient } from './fixtures.test.ts';
import { RetryHeap } from './retry-heap.ts';

test('the heap hands out rows in the order of their times, whatever is added and removed meanwhile', () => {
  const due = new Float64Array(60_000);
  const place = new Int32Array(60_000).fill(-1);
  const heap = new RetryHeap({
    dueOf: (row) => due[row] ?? 0,
    heapPlaceOf: (row) => place[row] ?? -1,
    setHeapPlace: (row, at) => void (place[row] = at),
  });
  const random = seededRandom(4);
  for (let row = 0; row < due.length; row += 1) {
    due[row] = random.int(10_000);
    heap.add(row);
    if (row % 3 === 0) heap.remove(random.int(row + 1));
  }
  let last = -1;
  let count = 0;
  for (let left = heap.size; left > 0; left -= 1) {
    const row = heap.first;
    assert.ok((due[row] ?? 0) >= last);
    last = due[row] ?? 0;
    heap.remove(row);
    assert.equal(place[row], -1);
    count += 1;
    if (count % 5 === 0 && row > 0) {
      due[row] = last + random.int(100);
      heap.add(row);
      left += 1;
    }
  }
  assert.deepEqual([heap.size, heap.first], [0, -1]);
});

test('SPL-09: 100,000 messages of one recipient wait in at most 130 octets each, and any of them is found and tried at once', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const s = new Surroundings();
  s.options = { maxResidentActiveQueue: 0 };
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  const some: string[] = [];
  const count = 100_000;
  for (let n = 0; n < count; n += 1) {
    const envelope = s.envelope([recipient(`customer.${n}@d${n % 100}.test`)], { sender: `bounce-${n}@mail.sender.test` });
    s.queues.accepted(envelope, undefined);
    if (n % 2 === 0) s.attempt(`d${n % 100}.test`, transient);
    if (n % 10_007 === 0) some.push(envelope.batchId);
    s.notes.length = s.records.length = s.announced.length = 0;
  }
  assert.equal(s.queues.waiting, count);
  // Columns, pieces and hash by the sizes in which they were allocated: the same in every run.
  const each = s.queues.waitingBytes / count;
  assert.ok(each <= 100, `${each.toFixed(1)} octets each`);
  // And no object of their own, of which the smallest is 400 octets; 11 are measured, and the collector may leave two megabytes.
  const objects = (heap() - before) / count;
  assert.ok(objects <= 30, `${objects.toFixed(1)} octets of objects each`);
  for (const id of some) {
    const view = s.queues.findMessage(id);
    assert.ok(view);
    assert.ok(view.queue.retryNow(view) || view.state === 'underway');
    const { queue } = view;
    while (queue.ready > 0 && s.queues.findMessage(id) !== undefined) s.attempt(queue.domain, delivered);
    assert.equal(s.queues.findMessage(id), undefined);
  }
});

test('Q-02: ten thousand messages that fall due together become ready in the order of their times, a bounded number in a turn', () => {
  const s = new Surroundings();
  s.options = { maxResidentActiveQueue: 0 };
  for (let n = 0; n < 10_000; n += 1) s.accept([`${n}@a.test`]);
  const queue = s.queue('a.test');
  for (let n = 0; n < 10_000; n += 1) {
    if (n % 1000 === 0) s.clock.advance(1);
    s.attempt('a.test', transient);
  }
  assert.equal(queue.delayed, 10_000);
  s.clock.advance(1_200_010);
  s.wheel.advance();
  assert.ok(queue.ready > 0 && queue.ready < 10_000, `${queue.ready} at once`);
  for (let i = 0; i < 6; i += 1) s.pass(0.02);
  assert.equal(queue.ready, 10_000);
  for (let n = 0; n < 10_000; n += 1) {
    const [first] = queue.take()?.recipients ?? [];
    assert.equal(
      Math.floor(Number.parseInt(first?.address ?? '', 10) / 1000),
      Math.floor(n / 1000),
      'a thousand of them failed at each moment',
    );
  }
});
