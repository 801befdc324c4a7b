/*
 * The running server as the console's commands see it.
 *
 * The one rule: figures come from shared memory, queues by asking every loop with a deadline; nothing here waits for mail.
 */
import type { Clock } from '#base';
import type { NamedCounters, ServerPort, SmtpTraces } from '#control';
import { formatPanic, type CounterName, type Counters, type PanicLine } from '#observe';

interface ServerPortOptions {
  readonly counters: Counters;
  readonly namedCounters: NamedCounters;
  readonly smtpTraces: SmtpTraces;
  readonly clock: Clock;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  readonly resetAt: () => number;
  readonly reset: () => void;
  readonly identity: ServerPort['identity'];
  readonly warnings: () => readonly string[];
  readonly openConfig: ServerPort['openConfig'];
  readonly commitSaved: ServerPort['commitSaved'];
  readonly shutdown: () => void;
  readonly reopenLogs: ServerPort['reopenLogs'];
  readonly reloadBounceRules: ServerPort['reloadBounceRules'];
  readonly rekeyTickets: ServerPort['rekeyTickets'];
  readonly bounceClass: ServerPort['bounceClass'];
  readonly lastPanics: () => Promise<readonly PanicLine[]>;
  readonly askLoops: ServerPort['askLoops'];
  readonly restartThread: ServerPort['restartThread'];
  readonly modules: ServerPort['modules'];
  readonly whereSet: ServerPort['whereSet'];
  readonly simulate: ServerPort['simulate'];
  readonly timestampFormat: () => string;
}

export function serverPort(o: ServerPortOptions): ServerPort {
  return {
    identity: o.identity,
    pid: process.pid,
    total: (name) => o.counters.total(name as CounterName),
    now: () => o.clock.now(),
    uptimeSeconds: () => (o.clock.mono() - o.startedAt) / 1000,
    secondsSinceReset: () => (o.clock.mono() - o.resetAt()) / 1000,
    resetStatistics: o.reset,
    openConfig: o.openConfig,
    commitSaved: o.commitSaved,
    shutdown: o.shutdown,
    reopenLogs: o.reopenLogs,
    reloadBounceRules: o.reloadBounceRules,
    rekeyTickets: o.rekeyTickets,
    bounceClass: o.bounceClass,
    panicLines: async () => (await o.lastPanics()).map((line) => formatPanic(line, o.timestampFormat())),
    askLoops: o.askLoops,
    restartThread: o.restartThread,
    modules: o.modules,
    whereSet: o.whereSet,
    simulate: o.simulate,
    namedCounters: o.namedCounters,
    smtpTraces: o.smtpTraces,
    warnings: o.warnings,
  };
}
