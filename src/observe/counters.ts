/*
 * Counters and gauges of all threads in one piece of shared memory: one row a thread, summed by the reader.
 *
 * A thread writes its own row only, so adding needs no atomics and never waits. Gauges go up and down; when a thread dies
 * its gauges are cleared by the reader (its connections are gone), its counters stay. `clear` is `summary reset`: it
 * remembers the present totals, the rows are not touched. Numbers are exact up to 2^53.
 * Truth: the summary of section 5.1, SNMP-04, SNMP-05. Numbers per domain and binding are the queue's business.
 */

/** Only ever grow. */
const growing = [
  'receptions',
  'receivedBytes',
  'rejections',
  'deliveries',
  'deliveredBytes',
  'failures',
  'transientFailures',
  'transfers',
  'bounces',
  'inboundConnectionsTotal',
  'outboundConnectionsTotal',
  'outboundConnectionFailures',
  'dnsAQueries',
  'dnsMxQueries',
  'dnsOtherQueries',
  'stuckQueues',
  'spoolErrors',
  'spoolSyncs',
  'recordsDropped',
] as const;

/** Go up and down. */
const gauges = [
  'inboundConnections',
  'outboundConnections',
  'activeDomains',
  'activeQueue',
  'delayedQueue',
  'destagedQueue',
  'totalQueue',
  'residentMessages',
  'residentBytes',
  'pendingDnsQueries',
] as const;

export type CounterName = (typeof growing)[number] | (typeof gauges)[number];

export const counterNames: readonly CounterName[] = [...growing, ...gauges];

const indexOf = Object.freeze(Object.fromEntries(counterNames.map((name, i) => [name, i]))) as Readonly<Record<CounterName, number>>;
const isGauge = new Set<string>(gauges);
/** A row is a whole number of cache lines, so that threads do not slow each other. */
const rowLength = Math.ceil(counterNames.length / 8) * 8;

export class Counters {
  readonly memory: SharedArrayBuffer;
  readonly threads: number;
  #all: Float64Array;
  #own: Float64Array;
  #baseline = new Float64Array(rowLength);

  /** Memory for `threads` threads (1 or more); row 0 is attached. */
  static create(threads: number): Counters {
    return new Counters(new SharedArrayBuffer(threads * rowLength * 8), 0);
  }

  /** The same memory in another thread, writing row `thread`. */
  static attach(memory: SharedArrayBuffer, thread: number): Counters {
    return new Counters(memory, thread);
  }

  private constructor(memory: SharedArrayBuffer, thread: number) {
    this.memory = memory;
    this.#all = new Float64Array(memory);
    this.threads = this.#all.length / rowLength;
    this.#own = this.#row(thread);
  }

  add(name: CounterName, n = 1): void {
    const i = indexOf[name];
    this.#own[i] = (this.#own[i] as number) + n;
  }

  /** For a gauge whose owner knows the number better than the changes. */
  set(name: CounterName, value: number): void {
    this.#own[indexOf[name]] = value;
  }

  /** Over all threads since the last `clear` of this reader; gauges as they are now. */
  total(name: CounterName): number {
    const i = indexOf[name];
    return this.#sum(i) - (this.#baseline[i] as number);
  }

  totals(): Record<CounterName, number> {
    return Object.fromEntries(counterNames.map((name) => [name, this.total(name)])) as Record<CounterName, number>;
  }

  /** Growing counters start again at 0 for this reader. */
  clear(): void {
    for (const name of growing) this.#baseline[indexOf[name]] = this.#sum(indexOf[name]);
  }

  /** The thread of this row has died: nothing of it is open or queued any more. */
  clearGauges(thread: number): void {
    const row = this.#row(thread);
    for (const name of counterNames) if (isGauge.has(name)) row[indexOf[name]] = 0;
  }

  #sum(i: number): number {
    let sum = 0;
    for (let at = i; at < this.#all.length; at += rowLength) sum += this.#all[at] as number;
    return sum;
  }

  #row(thread: number): Float64Array {
    return new Float64Array(this.memory, thread * rowLength * 8, rowLength);
  }
}
