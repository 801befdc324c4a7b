/*
 * observe: what happened. Typed mail records, counters in shared memory, diagnostics, and the writer thread's side.
 *
 * The rule to know: nothing here waits for a disk on the path of mail; records and panic lines are handed to a transport
 * that is given, and every queue on the way has a bound and says when it drops.
 * Not here: the formats of log lines (logger modules), the thread (main), the transport (loops), per-domain numbers (queue).
 */
export type { AccountingRecord } from './accounting.ts';
export { bounceHeartbeat, bounceLine } from './bounce-line.ts';
export { contextPairs, contextPairsMax, contextValueMax, flatten, unflatten } from './records.ts';
export type {
  DeliveryRecord,
  FeedbackRecord,
  FlatRecords,
  FlowRecord,
  ImportRecord,
  MailRecord,
  OutOfBandRecord,
  PermanentRecord,
  ReceptionRecord,
  RecordSink,
  RejectionRecord,
  TransientRecord,
} from './records.ts';
export { RecordBatcher, type FlushTimers, type RecordBatcherOptions } from './record-batcher.ts';
export { batchesUnderWayMax, panicsKeptMax, WriterOutlet, type WriterLink } from './outlet.ts';
export { counterNames, Counters, type CounterName } from './counters.ts';
export { defaultDebugFlags, levels, parseDebugFlags, parseLevel, rank, subsystems } from './debug-flags.ts';
export type { DebugFlags, Level, Subsystem } from './debug-flags.ts';
export { PanicLog, type ModuleLog, type PanicLogOptions } from './panic-log.ts';
export { linesKnownMax, linesPerWindowMax, repeatWindowMs, type PanicLine } from './repeat-gate.ts';
export { defaultTimestampFormat, formatPanic } from './panic-history.ts';
export { strftime } from './strftime.ts';
export { escapeControls, escapeField, escapeQuoted, escapeText, fieldMax } from './escape.ts';
export { parseLogTarget, type LogTarget } from './log-target.ts';
export { backlogBytesMax, LogFile, systemLogFs, type LogFileOptions, type LogFs } from './log-file.ts';
export { JlogFolder } from './jlog-folder.ts';
export { LogFiles, type Reopened } from './log-files.ts';
export type { LogScheme, LogSink, SinkPorts } from './log-sink.ts';
export { LoggerSinks } from './logger-sinks.ts';
export { messageIdFact, messageIdOf, refusalOf } from './look-alike.ts';
export { Writer, writerRoom } from './writer.ts';
export type { Classify, LoggerPorts, LogTaker, WriterMessage, WriterOptions, WriterTimers } from './writer.ts';
