/*
 * loops: event-loop threads, their start, death and restart, and the typed mail between them.
 *
 * Main owns a LoopPool; each thread has one LoopLink. Other rooms never touch postMessage: they send to an address
 * (a loop's number, 'main', 'writer') and a room name, and hear what is sent to their own room name.
 * Not here: what the messages mean (each room's messages.ts), shared counters (observe), shared limits (limits).
 */
export { LoopPool, restartDelayMs, type Answers, type BegunThreads, type LoopDeath, type PoolOptions } from './loop-pool.ts';
export { LoopLink, type PeerLossHandler, type StopHandler } from './loop-link.ts';
export { Mailbox, type Post, type TypedAnswer } from './mailbox.ts';
export { defaultBounds, transferable, type ChannelBounds } from './channel.ts';
export { entryBeside, workerFlags } from './entry.ts';
export { LoopsError, loopsErrorCodes, type LoopsErrorCode } from './errors.ts';
export {
  label,
  type Answer,
  type LoopFault,
  type MessageHandler,
  type ReplyHandler,
  type RequestHandler,
  type Timers,
} from './switchboard.ts';
export type { Address } from './messages.ts';
