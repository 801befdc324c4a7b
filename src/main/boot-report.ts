/*
 * What a person reads at start: where the server listens, where spool and logs are, and a line to paste for a first message.
 *
 * The one rule: everything said here is true of the running server; nothing is promised. The last line, "impetus: ready", is said
 * by the server itself, and scripts wait for it.
 */
import type { LoggerStanza } from './catalog.ts';

export interface BootFacts {
  readonly bound: readonly string[];
  readonly console: readonly string[];
  readonly spool: string;
  readonly isDurable: boolean;
  readonly loops: number;
  readonly loggers: readonly LoggerStanza[];
  readonly isFirstRun: boolean;
  readonly warnings: readonly string[];
}

export function bootReport(o: BootFacts): string[] {
  const logs = o.loggers.flatMap((stanza) =>
    [stanza.options['mainlog'], stanza.options['paniclog']].filter((path) => typeof path === 'string'),
  );
  const lines = [
    `impetus: mail     ${o.bound.length > 0 ? o.bound.join(' ') : 'no ESMTP_Listener is open'}`,
    `impetus: console  ${o.console.length > 0 ? o.console.map((path) => `bin/ec_console ${path === '/tmp/2025' ? 'summary' : `${path} summary`}`).join(' ') : 'no Control_Listener is open'}`,
    `impetus: spool    ${o.spool}${o.isDurable ? ' (durable: synced before each 250)' : ' (NOT durable: Force_Fsync is false)'}`,
    `impetus: logs     ${logs.length > 0 ? logs.join(' ') : 'no ec_logger is configured'}`,
    `impetus: loops    ${o.loops}`,
    ...o.warnings.map((warning) => `impetus: warning  ${warning}`),
  ];
  const [first] = o.bound;
  if (o.isFirstRun && first !== undefined)
    lines.push(
      '',
      'Send a first message with this line, then look into var/mail/you/new and var/log/mainlog.ec:',
      '',
      `    printf 'Subject: first\\n\\nHello.\\n' | bin/ec_sendmail --server ${first} you@inbox.test`,
      '',
    );
  return lines;
}
