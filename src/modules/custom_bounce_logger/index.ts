/**
 * One custom_bounce_logger instance at work: the lines of bounce_logger, and behind the reply a field of the operator's own.
 *
 * The one rule: `user_string` is text with `%{vctx_conn:key}` and `%{vctx_mess:key}` in it, read once; records carry just these keys
 * (`userStringFacts`). Other macros are Sieve's and are told at start. A bounce that came as mail has no contexts of ours: its values
 * are empty. Not here: what counts as a bounce (queue). Truth: LOG-02, LOG-21.
 */
import type { LoggerModule, LoggerScope } from '#hooks';
import { bounceHeartbeat, bounceLine, escapeField, LoggerSinks, type LoggerPorts, type LogSink, type MailRecord } from '#observe';

const subscribe = 80;
const defaultPath = '/var/log/ecelerity/bouncelog.ec';
const heartbeatSeconds = 60;
const macro = /%\{([^{}]*)\}/g;

/** Literal text, and the facts between. */
function partsOf(userString: string): { parts: { text: string; fact: string | undefined }[]; unknown: string[] } {
  const parts: { text: string; fact: string | undefined }[] = [];
  const unknown: string[] = [];
  let from = 0;
  for (const match of userString.matchAll(macro)) {
    const [, where, key] = /^(vctx_conn|vctx_mess):(.+)$/.exec(match[1] ?? '') ?? [];
    if (key === undefined) {
      unknown.push(match[0]);
      continue;
    }
    parts.push({ text: userString.slice(from, match.index), fact: `${where === 'vctx_conn' ? 'conn' : 'mess'}:${key}` });
    from = match.index + match[0].length;
  }
  return { parts: [...parts, { text: userString.slice(from), fact: undefined }], unknown };
}

class CustomBounceLogger implements LoggerModule {
  readonly name = 'custom_bounce_logger';
  readonly instance: string;
  readonly #ports: LoggerPorts;
  readonly #sinks: LoggerSinks;
  readonly #parts: readonly { readonly text: string; readonly fact: string | undefined }[];
  #log: LogSink | undefined;

  constructor({ instance, options }: LoggerScope, ports: LoggerPorts) {
    this.instance = instance;
    this.#ports = ports;
    this.#sinks = new LoggerSinks(ports, this);
    const { bouncelog, userString } = options;
    const { parts, unknown } = partsOf(typeof userString === 'string' ? userString : '');
    this.#parts = parts;
    if (options['enabled'] === false) return;
    this.#log = this.#sinks.open('bouncelog', typeof bouncelog === 'string' ? bouncelog : defaultPath, 0o644);
    this.#sinks.tellUnavailable();
    this.#sinks.every(heartbeatSeconds, (now) => this.#log?.add(bounceHeartbeat(now)));
    if (unknown.length > 0)
      ports.panic.announce(
        'WARNING',
        'LOG1',
        `${this.name}: user_string: printed as written, because it is no macro: ${unknown.join(' ')}`,
      );
  }

  record(batch: readonly MailRecord[]): void {
    if (this.#log === undefined) return;
    for (const r of batch) {
      if (r.kind === 'B' && r.bounceClass !== subscribe) this.#log.add(`${bounceLine(r, r.bounceClass)}@${this.#field([])}`);
      else if ((r.kind === 'P' || r.kind === 'T') && r.isBounce) {
        this.#log.add(`${bounceLine(r, this.#ports.classify(r.reply, r.domain).code)}@${this.#field(r.facts)}`);
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

  #field(facts: readonly string[]): string {
    let text = '';
    for (const part of this.#parts) text += part.text + (part.fact === undefined ? '' : valueOf(facts, part.fact));
    return escapeField(text);
  }
}

function valueOf(facts: readonly string[], key: string): string {
  for (let i = 0; i + 1 < facts.length; i += 2) if (facts[i] === key) return facts[i + 1] as string;
  return '';
}

/** Opens the log of one instance; what cannot be opened is told in the paniclog and tried again. */
export function openCustomBounceLogger(scope: LoggerScope, ports: LoggerPorts): LoggerModule {
  return new CustomBounceLogger(scope, ports);
}

/** The facts that records must carry for an instance with these options. */
export function userStringFacts(options: Readonly<Record<string, unknown>>): string[] {
  const { enabled, userString } = options;
  if (enabled === false || typeof userString !== 'string') return [];
  return partsOf(userString).parts.flatMap(({ fact }) => fact ?? []);
}
