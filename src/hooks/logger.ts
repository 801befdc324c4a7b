/**
 * The contract with a logger module: it sees every mail record and every panic line, in the writer thread and nowhere else.
 *
 * The one rule: a logger turns records into lines of its own format and adds them to files it was given; it never waits,
 * and what it throws is caught by the writer, which goes on with the other loggers.
 * Not here: records, files and the writer itself (observe). Truth: section 15 of the rules; LOG-20, LOG-21.
 */
import type { LoggerPorts, LogTaker } from '#observe';

/** One configured instance of a logger, e.g. `ec_logger "main"`. */
export interface LoggerModule extends LogTaker {
  /** The instance's name in the configuration, '' for an anonymous scope. */
  readonly instance: string;
}

/** One instance as the configuration gives it: its own options by key, parsed, without defaults. */
export interface LoggerScope {
  readonly instance: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** What a logger module's index exports: makes an instance, opens its files. Never throws for a file that cannot be opened. */
export type OpenLogger = (scope: LoggerScope, ports: LoggerPorts) => LoggerModule;
