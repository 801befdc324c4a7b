/**
 * The options of one ec_logger instance with the manual's defaults filled in.
 *
 * The one rule: an option that is not set has its default here, also when a whole instance is empty (LOG-20).
 * Values come parsed from the configuration; anything of another type counts as not set.
 */
import { parseLevel, type Level } from '#observe';

interface LogSettings {
  /** As written: a path or a URI. */
  readonly target: string;
  readonly mode: number;
}

export interface EcLoggerSettings {
  readonly isEnabled: boolean;
  readonly debugLevel: Level;
  readonly mainlog: LogSettings;
  readonly rejectlog: LogSettings;
  readonly paniclog: LogSettings;
  /** Only when it is given (LOG-20). */
  readonly acctlog: LogSettings | undefined;
  readonly importlog: LogSettings | undefined;
  /** Seconds; 0 writes no markers. */
  readonly heartbeat: number;
  readonly logReceptions: boolean;
  readonly logDeliveries: boolean;
  readonly logTransientFailures: boolean;
  readonly logPermanentFailures: boolean;
  readonly logRejections: boolean;
  readonly logErrors: boolean;
}

const directory = '/var/log/ecelerity';

export function readSettings(options: Readonly<Record<string, unknown>>): EcLoggerSettings {
  const isOn = (key: string): boolean => options[key] !== false;
  const text = (key: string): string | undefined => (typeof options[key] === 'string' ? options[key] : undefined);
  const number = (key: string, otherwise: number): number => (typeof options[key] === 'number' ? options[key] : otherwise);
  const log = (name: string, mode: string): LogSettings => ({ target: text(name) ?? `${directory}/${name}.ec`, mode: number(mode, 0o644) });
  return {
    isEnabled: isOn('enabled'),
    debugLevel: parseLevel(text('debugLevel') ?? '') ?? 'ERROR',
    mainlog: log('mainlog', 'mainlogMode'),
    rejectlog: log('rejectlog', 'rejectlogMode'),
    paniclog: log('paniclog', 'paniclogMode'),
    acctlog: (text('acctlog') ?? '') === '' ? undefined : log('acctlog', 'acctlogLogMode'),
    importlog: (text('importlog') ?? '') === '' ? undefined : log('importlog', 'importlogMode'),
    heartbeat: number('heartbeat', 60),
    logReceptions: isOn('logReceptions'),
    logDeliveries: isOn('logDeliveries'),
    logTransientFailures: isOn('logTransientFailures'),
    logPermanentFailures: isOn('logPermanentFailures'),
    logRejections: isOn('logRejections'),
    logErrors: isOn('logErrors'),
  };
}
