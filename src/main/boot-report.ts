/*
 * What a person reads at start: where the server listens, where spool and logs are, and a line to paste for a first message.
 *
 * The one rule: everything said here is true of the running server; nothing is promised. Commands are given with their whole path,
 * so that they can be pasted into any terminal. The last line, "impetus: ready", is said by the server itself, and scripts wait
 * for it.
 */
import { join } from 'node:path';
import type { LoggerStanza } from './loggers.ts';
import { packageRoot } from './identity.ts';

/** More lines about one thing than this are counted, not shown. */
const shownMax = 10;

interface BootFacts {
  readonly configuration: string;
  readonly bound: readonly string[];
  readonly console: readonly string[];
  readonly spool: string;
  readonly isDurable: boolean;
  readonly loops: number;
  readonly loggers: readonly LoggerStanza[];
  /** Folders of mailboxes. */
  readonly stores: readonly string[];
  readonly isFirstRun: boolean;
  readonly warnings: readonly string[];
  /** Guards that the operator accepted although they do not work, with their places. */
  readonly unprotected: readonly string[];
}

export function bootReport(o: BootFacts): string[] {
  const logs = o.loggers.flatMap((stanza) =>
    ['mainlog', 'rejectlog', 'paniclog'].map((key) => stanza.options[key]).filter((path) => typeof path === 'string'),
  );
  const [first] = o.bound;
  return [
    `impetus: conf     ${o.configuration}`,
    ...rows('mail', o.bound, 'no ESMTP_Listener is open'),
    ...rows(
      'console',
      o.console.map((path) => `${commandPath('ec_console')} ${shellWord(path)}`),
      'no Control_Listener is open',
    ),
    `impetus: spool    ${o.spool}${o.isDurable ? ' (durable: on disk before each 250)' : ' (NOT durable: Force_Fsync is false)'}`,
    ...rows('logs', logs, 'no ec_logger is configured'),
    `impetus: loops    ${o.loops}`,
    ...rows('warning', o.warnings),
    ...rows(
      'warning',
      o.unprotected.map((text) => `not enforced, accepted by Accept_Unimplemented: ${text}`),
    ),
    ...(o.isFirstRun && first !== undefined ? firstMessage(first, o.stores, logs) : []),
  ];
}

function rows(name: string, values: readonly string[], otherwise?: string): string[] {
  const shown = values.length === 0 && otherwise !== undefined ? [otherwise] : values.slice(0, shownMax);
  const more = values.length > shownMax ? [`and ${values.length - shownMax} more`] : [];
  return [...shown, ...more].map((value) => `impetus: ${name.padEnd(8)} ${value}`);
}

function firstMessage(address: string, stores: readonly string[], logs: readonly string[]): string[] {
  const places = [...stores.map((folder) => join(folder, 'you/new')), ...logs.slice(0, 1)];
  return [
    '',
    'Send a first message: paste this line into another terminal.',
    '',
    `    printf 'Subject: first\\n\\nHello.\\n' | ${commandPath('ec_sendmail')} --server ${address} you@inbox.test`,
    '',
    `It arrives as a file in ${places.join(', and the log of it is ')}. Ctrl-C stops the server.`,
    '',
  ];
}

function commandPath(name: string): string {
  return shellWord(join(packageRoot, 'bin', name));
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
