/**
 * One custom_logger instance at work: each record of a kind that is logged becomes one line in the operator's own form.
 *
 * The one rule: formats are compiled once, and `customFacts` says beforehand what they need, so that records carry just that.
 * Not here: the language of formats (format.ts), files (the writer). Truth: section 15.5 of the rules.
 */
import type { LoggerModule, LoggerScope } from '#hooks';
import { escapeText, LoggerSinks, type LoggerPorts, type LogSink, type MailRecord, type PanicLine } from '#observe';
import { compileFormat, type CompiledFormat, type LoggedRecord } from './format.ts';
import { parseSanitize, type Sanitizer } from './sanitize.ts';
import { readSettings, type Event } from './settings.ts';

interface Route {
  readonly format: CompiledFormat;
  readonly sinks: readonly LogSink[];
}

const eventOf: Readonly<Record<LoggedRecord['kind'], Event>> = {
  R: 'reception',
  D: 'delivery',
  X: 'xfer',
  T: 'transient_failure',
  P: 'permanent_failure',
  J: 'rejection',
};

class CustomLogger implements LoggerModule {
  readonly name = 'custom_logger';
  readonly instance: string;
  readonly #ports: LoggerPorts;
  readonly #sinks: LoggerSinks;
  readonly #routes = new Map<Event, Route>();
  readonly #sanitize: Sanitizer;
  #panic: LogSink | undefined;

  constructor({ instance, options }: LoggerScope, ports: LoggerPorts) {
    this.instance = instance;
    this.#ports = ports;
    this.#sinks = new LoggerSinks(ports, this);
    const settings = readSettings(options);
    const { sanitize, problems } = parseSanitize(settings.sanitize);
    this.#sanitize = sanitize;
    if (!settings.isEnabled) return;
    const told = [...settings.problems, ...problems];
    const main = this.#sinks.open('mainlog', settings.mainlog, settings.mainlogMode);
    for (const { event, format, file, mode } of settings.events) {
      const compiled = compileFormat(format, settings);
      if (compiled.unknown.length > 0)
        told.push(`${event}_format: printed as written, because it is no specifier: ${compiled.unknown.join(' ')}`);
      const own = this.#sinks.open(`${event}_logfile`, file, mode);
      const sinks = own === main ? [own] : [own, main];
      this.#routes.set(event, { format: compiled, sinks: sinks.filter((sink) => sink !== undefined) });
    }
    this.#panic = this.#sinks.open('paniclog', settings.paniclog, settings.paniclogMode);
    this.#sinks.tellUnavailable();
    const who = instance === '' ? this.name : `${this.name} "${instance}"`;
    for (const problem of told) ports.panic.announce('WARNING', 'LOG1', `${who}: ${problem}`);
  }

  record(batch: readonly MailRecord[]): void {
    const ports = { classify: this.#ports.classify, sanitize: this.#sanitize };
    for (const r of batch) {
      if (r.kind === 'B' || r.kind === 'F' || r.kind === 'I' || r.kind === 'C') continue;
      const route = this.#routes.get(eventOf[r.kind]);
      if (route === undefined) continue;
      const line = route.format.line(r, ports);
      for (const sink of route.sinks) sink.add(line);
    }
  }

  panic(line: PanicLine): void {
    this.#panic?.add(`${Math.floor(line.at / 1000)}:${escapeText(line.source)}: ${escapeText(line.text)}`);
  }

  close(): void {
    this.#sinks.close();
    this.#routes.clear();
    this.#panic = undefined;
  }
}

/** Opens the logs of one instance; what cannot be opened is told in the paniclog and tried again. */
export function openCustomLogger(scope: LoggerScope, ports: LoggerPorts): LoggerModule {
  return new CustomLogger(scope, ports);
}

/** The facts that records must carry for an instance with these options. */
export function customFacts(options: Readonly<Record<string, unknown>>): string[] {
  const { isEnabled, events, hasTlsMacros } = readSettings(options);
  return isEnabled ? events.flatMap(({ format }) => compileFormat(format, { hasTlsMacros }).wants) : [];
}
