/**
 * The sink of syslog://: each line is one datagram to /dev/log, as syslog(3) would send it.
 *
 * The one rule: sending never waits. While syslog does not listen or keep up, lines wait, up to LINES_MAX, then the oldest go and are
 * counted. A line is cut at LINE_MAX bytes, which every syslog takes. `socket` (ours) names another socket than /dev/log.
 * Truth: LOG-22, RFC 3164 and 5424 for the numbers of facilities and priorities.
 */
import { strftime, type LogScheme, type LogSink, type SinkPorts } from '#observe';
import { openDatagramSocket, type DatagramSocket } from '#system';

const LINES_MAX = 20_000;
const LINE_MAX = 8000;
const retryMs = 1000;
/** ECONNREFUSED of Linux. */
const REFUSED = 111;

const facilities =
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp security console solaris-cron local0 local1 local2 local3 local4 local5 local6 local7'.split(
    ' ',
  );
const priorities: Readonly<Record<string, number>> = {
  emerg: 0,
  panic: 0,
  alert: 1,
  crit: 2,
  err: 3,
  error: 3,
  warning: 4,
  warn: 4,
  notice: 5,
  info: 6,
  debug: 7,
};

export interface SyslogSettings {
  readonly ident: string;
  readonly facility: string;
}

class SyslogSink implements LogSink {
  readonly path: string;
  lost = 0;
  problem: string | undefined;
  readonly #o: { readonly socket: string; readonly ident: string; readonly level: number; readonly ports: SinkPorts };
  #lines: string[] = [];
  #connection: DatagramSocket | undefined;
  #retryAt = -Infinity;
  #lostBefore = 0;

  constructor(path: string, o: { socket: string; ident: string; level: number; ports: SinkPorts }) {
    this.path = path;
    this.#o = o;
    this.#connect();
  }

  add(line: string): void {
    if (this.#lines.length === 0) this.#o.ports.dirty();
    const stamp = strftime('%b %e %H:%M:%S', this.#o.ports.clock.now());
    this.#lines.push(`<${this.#o.level}>${stamp} ${this.#o.ident}[${process.pid}]: ${line}`);
    if (this.#lines.length > LINES_MAX) {
      this.#lines.shift();
      this.lost += 1;
    }
  }

  flush(): boolean {
    if (this.#connection === undefined && !this.#connect()) return this.#lines.length === 0;
    let sent = 0;
    for (const line of this.#lines) {
      const result = this.#connection?.send(Buffer.from(line).subarray(0, LINE_MAX));
      if (result === 'full') break;
      if (result !== undefined) {
        this.#fail(result.errno === REFUSED ? `nobody listens on ${this.#o.socket} any more` : `error ${result.errno}`);
        break;
      }
      sent += 1;
    }
    this.#lines.splice(0, sent);
    if (sent > 0 && this.problem !== undefined) this.#recovered();
    return this.#lines.length === 0;
  }

  reopen(): string | undefined {
    this.flush();
    this.#connection?.close();
    this.#connection = undefined;
    this.#retryAt = -Infinity;
    this.#connect();
    return this.problem;
  }

  close(): void {
    this.#retryAt = -Infinity;
    this.flush();
    this.#connection?.close();
    this.#connection = undefined;
  }

  #connect(): boolean {
    const { clock } = this.#o.ports;
    if (clock.mono() < this.#retryAt) return false;
    const opened = openDatagramSocket(this.#o.socket);
    if (typeof opened === 'string') {
      this.#fail(opened);
      return false;
    }
    this.#connection = opened;
    return true;
  }

  #fail(why: string): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#retryAt = this.#o.ports.clock.mono() + retryMs;
    if (this.problem === undefined) this.#o.ports.trouble(`${this.path}: ${why}; lines are kept meanwhile, at most ${LINES_MAX}`);
    this.problem = `${this.path}: ${why}`;
  }

  #recovered(): void {
    this.problem = undefined;
    this.#o.ports.trouble(`${this.path} is written again; ${this.lost - this.#lostBefore} lines were lost`);
    this.#lostBefore = this.lost;
  }
}

export function syslogSettings(options: Readonly<Record<string, unknown>>): SyslogSettings {
  const { ident, defaultFacility } = options;
  return {
    ident: typeof ident === 'string' && ident !== '' ? ident : 'ecelerity',
    facility: typeof defaultFacility === 'string' && defaultFacility !== '' ? defaultFacility : 'mail',
  };
}

export function syslogScheme(settings: SyslogSettings): LogScheme {
  return {
    schemes: ['syslog'],
    open(rest, _mode, ports) {
      const query = new URLSearchParams(rest.slice(rest.indexOf('?') + 1));
      const facility = facilities.indexOf(query.get('facility') ?? settings.facility);
      const priority = priorities[query.get('priority') ?? 'error'];
      if (facility < 0 || priority === undefined) {
        throw new Error(`syslog://${rest}: expected facility=mail, daemon, local0, ... and priority=emerg, ..., error, ..., debug`);
      }
      const socket = query.get('socket') ?? '/dev/log';
      return new SyslogSink(`syslog://${rest}`, { socket, ident: settings.ident, level: facility * 8 + priority, ports });
    },
  };
}
