/*
 * Rows of several threads in one memory, summed by one reader.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { counterNames, Counters } from './counters.ts';

test('the numbers of the summary and of SNMP-04 and SNMP-05 exist under stable names', () => {
  const needed = [
    'receptions',
    'rejections',
    'deliveries',
    'failures',
    'transientFailures',
    'inboundConnections',
    'outboundConnections',
    'activeQueue',
    'delayedQueue',
    'destagedQueue',
    'totalQueue',
    'activeDomains',
    'dnsAQueries',
    'dnsMxQueries',
    'pendingDnsQueries',
  ];
  for (const name of needed) assert.ok((counterNames as readonly string[]).includes(name), name);
});

test('a total is the sum over threads, also of gauges that rise in one thread and fall in another', () => {
  const main = Counters.create(3);
  const loop = Counters.attach(main.memory, 1);
  const other = Counters.attach(main.memory, 2);
  assert.equal(main.threads, 3);
  loop.add('receptions');
  other.add('receptions', 41);
  loop.add('activeQueue', 10);
  other.add('activeQueue', -4);
  other.set('residentMessages', 7);
  assert.deepEqual([main.total('receptions'), main.total('activeQueue'), main.totals().residentMessages], [42, 6, 7]);
});

test('clearing starts growing counters at 0 for the reader and leaves gauges alone', () => {
  const main = Counters.create(2);
  const loop = Counters.attach(main.memory, 1);
  loop.add('deliveries', 5);
  loop.add('inboundConnections', 3);
  main.clear();
  loop.add('deliveries', 2);
  assert.deepEqual([main.total('deliveries'), main.total('inboundConnections')], [2, 3]);
  assert.equal(Counters.attach(main.memory, 0).total('deliveries'), 7);
});

test('the gauges of a dead thread are cleared, its counters stay', () => {
  const main = Counters.create(2);
  const loop = Counters.attach(main.memory, 1);
  loop.add('receptions', 9);
  loop.add('outboundConnections', 4);
  main.clearGauges(1);
  assert.deepEqual([main.total('receptions'), main.total('outboundConnections')], [9, 0]);
});

test('what another thread adds is seen by the reader', async () => {
  const main = Counters.create(2);
  const program = `const { workerData } = require('node:worker_threads'); import(workerData.door).then(({ Counters }) => Counters.attach(workerData.memory, 1).add('bounces', 12));`;
  const door = new URL('./counters.ts', import.meta.url).href;
  const worker = new Worker(program, { eval: true, workerData: { door, memory: main.memory } });
  await new Promise((resolve) => worker.once('exit', resolve));
  assert.equal(main.total('bounces'), 12);
});
