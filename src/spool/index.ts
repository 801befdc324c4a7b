// spool: where mail is durable. An append-only log of segments for each loop, one group commit for all that waits, recovery, an offline check.
//
// The rule to know: 250 may be said when `commit` calls back without error, and not before. It is not a queue: it knows which messages
// live and what was noted about them, not when they are due. Files and records are described in docs/protocols/spool.md.
// Disk, clock, chance and the lock are handed in. Imports base, system (the lock), mail and observe types only.

export { type BodyOf, type CheckOptions, checkSpool, type Dropped, dropMessage, extractMessage, listSpool, readSpool } from './check.ts';
export { claimSpool, type ClaimOptions, type LockPort, readMarker, type SpoolClaim } from './claim.ts';
export { nodeDisk, type SpoolFs } from './disk.ts';
export type { CommitDone, SpoolDraft } from './draft.ts';
export { SpoolError, type SpoolErrorCode, spoolErrors } from './errors.ts';
export type { Inspection, StoredMessage } from './inspect.ts';
export { InstanceLease, type LeaseOptions } from './instance-lease.ts';
export { Spool, type SpoolOptions } from './spool.ts';
export type { RecipientState, RecoveredBatch, StateNote } from './state.ts';
