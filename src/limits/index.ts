// limits: what several event loops must agree on, in shared memory, without messages: how many at once, and how many in a time.
//
// The rule to know: a limit holds for all loops together, survives the death of one (its share is given back), and never blocks a
// thread: a refusal is an answer, with a wake-up or a time to ask again. What is limited, by which option and what happens to the
// refused is decided in the rooms that ask. Limits over several machines belong to the cluster room.

export { ConcurrencyCell } from './concurrency-cell.ts';
export { LimitTable } from './limit-table.ts';
export type { NamedConcurrency, NamedRate, SharedLimits } from './limit-table.ts';
export { SharedRate } from './shared-rate.ts';
export type { RateLimit } from './shared-rate.ts';
