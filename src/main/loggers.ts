/*
 * The loggers of the writer thread, and what logs may be beside files: modules by their names.
 *
 * The one rule: the writer holds the text of what it runs, so this file imports loggers only, not even manifests (they bring all declarations of
 * the language); what needs the configuration is in catalog.ts, and reaches the writer as plain data.
 * Not here: formats (the modules), where lines go (observe).
 */
import type { OptionValue } from '#config';
import type { LoggerModule, LoggerScope } from '#hooks';
import { openBounceLogger } from '#modules/bounce_logger';
import { openChunkLogger } from '#modules/chunk_logger';
import { openCustomBounceLogger } from '#modules/custom_bounce_logger';
import { openCustomLogger } from '#modules/custom_logger';
import { openEcLogger } from '#modules/ec_logger';
import { openEventLogger } from '#modules/event_logger';
import { openEximLogger } from '#modules/exim_logger';
import { openFblLogger } from '#modules/fbl';
import { openPostfixLogger } from '#modules/postfix_logger';
import { openSendmailLogger } from '#modules/sendmail_logger';
import { jlogScheme } from '#modules/jlog';
import { pipeIoScheme, type PipeIoSettings } from '#modules/pipe_io';
import { syslogScheme, type SyslogSettings } from '#modules/syslog_io';
import type { LoggerPorts, LogScheme, LogTaker } from '#observe';

/** One logger of the configuration, as plain data for the writer thread. */
export interface LoggerStanza {
  readonly module: string;
  readonly instance: string;
  readonly options: Readonly<Record<string, OptionValue | undefined>>;
}

const loggerMakers: Readonly<Record<string, (scope: LoggerScope, ports: LoggerPorts) => LoggerModule>> = {
  ec_logger: openEcLogger,
  bounce_logger: openBounceLogger,
  custom_bounce_logger: openCustomBounceLogger,
  custom_logger: openCustomLogger,
  chunk_logger: openChunkLogger,
  event_logger: openEventLogger,
  fbl: openFblLogger,
  exim_logger: openEximLogger,
  postfix_logger: openPostfixLogger,
  sendmail_logger: openSendmailLogger,
};

/** Canonical names, in the order in which loggers are made. */
export const loggerModules: readonly string[] = Object.keys(loggerMakers);

/** What the schemes of log targets are told by their stanzas: plain data for the writer thread. */
export interface SchemeSetup {
  readonly pipe: PipeIoSettings;
  readonly syslog: SyslogSettings;
  /** Switched off by a stanza of theirs. */
  readonly off: readonly string[];
}

/** In the writer thread: what logs may be beside files. */
export function makeSchemes({ pipe, syslog, off }: SchemeSetup): LogScheme[] {
  const schemes = { jlog: jlogScheme(), pipe_io: pipeIoScheme(pipe, process.env), syslog_io: syslogScheme(syslog) };
  return Object.entries(schemes).flatMap(([module, scheme]) => (off.includes(module) ? [] : [scheme]));
}

/** In the writer thread. */
export function makeLoggers(stanzas: readonly LoggerStanza[], ports: LoggerPorts): LogTaker[] {
  return stanzas.map((stanza) => loggerMakers[stanza.module]!({ instance: stanza.instance, options: stanza.options }, ports));
}
