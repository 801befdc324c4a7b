/**
 * One bounce_logger instance at work: failures and bounces that came as mail become lines of its bouncelog.
 *
 * The one rule: it formats and adds; the class of a reply is asked here, in the writer, so that no event loop pays for it.
 * Subscribe requests are not logged: they are about no message of ours (BNC-08). Not here: what counts as a bounce (queue, oob_bounces).
 * Truth: rules LOG-21, BNC-08, BNC-09.
 */
import type { LoggerModule, LoggerScope } from '#hooks';
import { bounceHeartbeat, bounceLine, LoggerSinks, type LoggerPorts, type LogSink, type MailRecord } from '#observe';

const subscribe = 80;

class BounceLogger implements LoggerModule {
  readonly name = 'bounce_logger';
  readonly instance: string;
  readonly #ports: LoggerPorts;
  readonly #sinks: LoggerSinks;
  readonly #isWanted: { readonly P: boolean; readonly B: boolean; readonly T: boolean };
  #log: LogSink | undefined;

  constructor({ instance, options }: LoggerScope, ports: LoggerPorts) {
    this.instance = instance;
    this.#ports = ports;
    this.#sinks = new LoggerSinks(ports, this);
    const isOn = (key: string): boolean => options[key] !== false;
    this.#isWanted = { P: isOn('logInbandBounces'), B: isOn('logOutofbandBounces'), T: isOn('logTransientFailures') };
    if (!isOn('enabled')) return;
    const { bouncelog, bouncelogMode, heartbeat } = options;
    const path = typeof bouncelog === 'string' ? bouncelog : '/var/log/ecelerity/bouncelog.ec';
    this.#log = this.#sinks.open('bouncelog', path, typeof bouncelogMode === 'number' ? bouncelogMode : 0o644);
    this.#sinks.tellUnavailable();
    this.#sinks.every(typeof heartbeat === 'number' ? heartbeat : 60, (now) => this.#log?.add(bounceHeartbeat(now)));
  }

  record(batch: readonly MailRecord[]): void {
    if (this.#log === undefined) return;
    for (const r of batch) {
      if (r.kind === 'B') {
        if (this.#isWanted.B && r.bounceClass !== subscribe) this.#log.add(bounceLine(r, r.bounceClass));
      } else if ((r.kind === 'P' || r.kind === 'T') && r.isBounce && this.#isWanted[r.kind]) {
        this.#log.add(bounceLine(r, this.#ports.classify(r.reply, r.domain).code));
      }
    }
  }

  panic(): void {
    // Diagnostics belong to ec_logger.
  }

  close(): void {
    this.#sinks.close();
    this.#log = undefined;
  }
}

/** Opens the log of one instance; what cannot be opened is told in the paniclog and tried again. */
export function openBounceLogger(scope: LoggerScope, ports: LoggerPorts): LoggerModule {
  return new BounceLogger(scope, ports);
}
