/**
 * The options of one custom_logger instance: for each kind of event its format, its file and whether it is logged.
 *
 * The one rule: a format switches its event on; `log_...` = false switches it off; on without a format is told and logs nothing.
 * An event goes to its own file, to `mainlog` when that is set, to both when both are. Truth: section 15.5 of the rules.
 */

export type Event = 'reception' | 'delivery' | 'xfer' | 'transient_failure' | 'permanent_failure' | 'rejection';

interface EventSettings {
  readonly event: Event;
  readonly format: string;
  readonly file: string | undefined;
  readonly mode: number;
}

interface CustomLoggerSettings {
  readonly isEnabled: boolean;
  readonly events: readonly EventSettings[];
  /** Undefined when every event has a file of its own and none is set. */
  readonly mainlog: string | undefined;
  readonly mainlogMode: number;
  /** Where errors go; undefined when log_errors is off. */
  readonly paniclog: string | undefined;
  readonly paniclogMode: number;
  readonly sanitize: string;
  readonly problems: readonly string[];
  /** The namespace outbound_tls is listed: its macros are specifiers (OUT-64). */
  readonly hasTlsMacros: boolean;
}

const keys: Readonly<Record<Event, { format: string; file: string; mode: string; log: string | undefined }>> = {
  reception: { format: 'receptionFormat', file: 'receptionLogfile', mode: 'receptionLogMode', log: 'logReceptions' },
  delivery: { format: 'deliveryFormat', file: 'deliveryLogfile', mode: 'deliveryLogMode', log: 'logDeliveries' },
  xfer: { format: 'xferFormat', file: 'xferLogfile', mode: 'xferLogMode', log: undefined },
  transient_failure: {
    format: 'transientFailureFormat',
    file: 'transientFailureLogfile',
    mode: 'transientFailureLogMode',
    log: 'logTransientFailures',
  },
  permanent_failure: {
    format: 'permanentFailureFormat',
    file: 'permanentFailureLogfile',
    mode: 'permanentFailureLogMode',
    log: 'logPermanentFailures',
  },
  rejection: { format: 'rejectionFormat', file: 'rejectionLogfile', mode: 'rejectionLogMode', log: 'logRejections' },
};

export function readSettings(options: Readonly<Record<string, unknown>>): CustomLoggerSettings {
  const text = (key: string): string | undefined => (typeof options[key] === 'string' && options[key] !== '' ? options[key] : undefined);
  const mode = (key: string): number => (typeof options[key] === 'number' ? options[key] : 0o644);
  const problems: string[] = [];
  const events: EventSettings[] = [];
  for (const event of Object.keys(keys) as Event[]) {
    const names = keys[event];
    const format = text(names.format);
    const isOn = names.log === undefined ? undefined : options[names.log];
    if (isOn === true && format === undefined) problems.push(`${event}: it is switched on, but ${event}_format is not set`);
    if (format === undefined || isOn === false) continue;
    events.push({ event, format, file: text(names.file), mode: mode(names.mode) });
  }
  const needsMain = events.some(({ file }) => file === undefined);
  const namespaces = (text('namespace') ?? '').split(',').map((name) => name.trim());
  const others = namespaces.filter((name) => !['', 'custom_logger', 'sieve', 'outbound_tls'].includes(name));
  if (others.length > 0) problems.push(`namespace: nothing here brings macros of ${others.join(', ')}`);
  return {
    isEnabled: options['enabled'] !== false,
    events,
    mainlog: text('mainlog') ?? (needsMain ? '/var/log/ecelerity/mainlog.cl' : undefined),
    mainlogMode: mode('mainlogMode'),
    paniclog: options['logErrors'] === true ? (text('paniclog') ?? '/var/log/ecelerity/paniclog.cl') : undefined,
    paniclogMode: mode('paniclogMode'),
    sanitize: text('sanitize') ?? '',
    problems,
    hasTlsMacros: namespaces.includes('outbound_tls'),
  };
}
