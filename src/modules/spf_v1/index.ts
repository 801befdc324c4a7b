/**
 * spf_v1: SPF of the sender at MAIL FROM (or at the first RCPT TO), its result in a context variable and in two header fields.
 *
 * The one rule: it never refuses mail: what becomes of a failure is for policy to say, by the context variable. The null sender is judged by
 * its HELO. A client on a Unix socket has no address, so nothing is asked.
 * Bound: the time of any judgement (RFC 7208 section 4.6.4), then temperror; what is asked is bounded by the check itself.
 * Not here: the judgement (trust). Truth: MOD-02, LSN-13; the module's page.
 */
import { parseIp, unmapIp, type Clock } from '#base';
import {
  CONTINUE,
  type HeaderEdit,
  type HookView,
  type LaterAnswer,
  type Phase,
  type PhaseHook,
  type ValidationModule,
  type Verdict,
} from '#hooks';
import type { ModuleLog } from '#observe';
import { checkSpf, inTime, lookupBy, receivedSpfValue, resultsValue, spfIdentity, type Query, type SpfVerdict, type Timers } from '#trust';
import { spfSettings, type SpfSettings } from './settings.ts';

export { spfSettings };

export interface SpfPorts {
  readonly query: Query;
  readonly clock: Pick<Clock, 'now'>;
  readonly wheel: Timers;
  readonly log: ModuleLog;
}

/** What was found out about the transaction in hand. */
interface Finding {
  readonly verdict: SpfVerdict;
  readonly sender: string;
  readonly helo: string;
}

export class SpfModule implements ValidationModule {
  readonly name = 'spf_v1';
  readonly hooks: Partial<Record<Phase, PhaseHook>>;
  readonly #settings: SpfSettings;
  readonly #o: SpfPorts;
  /** By the message dictionary, which is another one for each transaction. */
  readonly #findings = new WeakMap<object, Finding>();

  constructor(settings: SpfSettings, o: SpfPorts) {
    this.#settings = settings;
    this.#o = o;
    const check: PhaseHook = (view, answer) => this.#check(view, answer);
    this.hooks = { [settings.isDelayed ? 'rcptto' : 'mailfrom']: check, data_spool: (view) => this.#tell(view) };
  }

  #check(view: HookView, answer: LaterAnswer): Verdict | 'later' {
    const { connection, context, transaction } = view;
    const address = parseIp(connection.remoteIp);
    if (address === undefined || transaction === undefined || this.#findings.has(context.message)) return CONTINUE;
    const { sender } = transaction;
    const { helo } = connection;
    const ip = unmapIp(address);
    const question = {
      ip,
      sender,
      helo,
      receiver: connection.localName ?? '',
      now: Math.floor(this.#o.clock.now() / 1000),
      defaultRule: this.#settings.defaultRule,
    };
    inTime<SpfVerdict>(checkSpf(question, lookupBy(this.#o.query)), {
      timers: this.#o.wheel,
      otherwise: (reason) => {
        this.#o.log.log('WARNING', `${ip.text} ${sender}: ${reason}`);
        return { result: 'temperror', reason };
      },
      done: (verdict) => {
        context.setMessage(this.#settings.contextVariable, verdict.result);
        if (verdict.explanation !== undefined) context.setMessage(`${this.#settings.contextVariable}_explanation`, verdict.explanation);
        this.#findings.set(context.message, { verdict, sender, helo });
        this.#o.log.log('INFO', `${ip.text} ${sender === '' ? helo : sender}: ${verdict.result} (${verdict.reason})`);
        answer(CONTINUE);
      },
    });
    return 'later';
  }

  /** Writes what was found on top of the message. */
  #tell({ connection, context, message }: HookView): Verdict {
    const finding = this.#findings.get(context.message);
    if (finding === undefined || message === undefined) return CONTINUE;
    const { verdict, sender, helo } = finding;
    const { domain, kind } = spfIdentity(finding);
    const host = connection.localName ?? '';
    const edits: HeaderEdit[] = [];
    if (this.#settings.addsReceivedSpf) {
      const value = receivedSpfValue({
        result: verdict.result,
        reason: `${host}: ${this.#reason(verdict)}`,
        pairs: [
          ['receiver', host],
          ['client-ip', connection.remoteIp],
          ['envelope-from', sender],
          ['helo', helo],
          ['identity', kind],
        ],
      });
      edits.push({ kind: 'add', name: 'Received-SPF', value });
    }
    if (this.#settings.addsResults) {
      const property = kind === 'helo' ? (['smtp.helo', domain] as const) : (['smtp.mailfrom', sender] as const);
      const result = { method: 'spf', result: verdict.result, reason: this.#reason(verdict), properties: [property] } as const;
      edits.push({ kind: 'add', name: 'Authentication-Results', value: resultsValue(host, [result]) });
    }
    if (edits.length > 0 && !message.edit(edits))
      this.#o.log.log('WARNING', `message ${message.batchId} is too large for its header to be changed`);
    return CONTINUE;
  }

  #reason({ result, reason, explanation }: SpfVerdict): string {
    const { fail, softfail } = this.#settings.texts;
    const text = result === 'fail' ? (explanation ?? fail) : result === 'softfail' ? softfail : undefined;
    return text === undefined ? reason : `${text}: ${reason}`;
  }
}
