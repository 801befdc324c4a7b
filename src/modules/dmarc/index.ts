/**
 * dmarc (ours): the author's domain is asked what it wants done with mail that nobody of it stands behind, and that is told, or done.
 *
 * The one rule: clients who may relay hand in mail of our own side and are not judged. With `action = context` nothing is refused: policy decides by
 * `dmarc_status` and `dmarc_policy`. With `action = reject` mail that fails is refused when its domain says so, and mail without one author whatever domains say, since
 * nobody could judge it; a failure of DNS refuses nothing. What the domain wants is set aside for mail that `trusted_sealers` vouch for.
 * Not here: the judgement (trust); reports to domains are not sent. Truth: RFC 9989; RFC 7372 for the reply.
 */
import { foldDomain, parseIp, toAsciiDomain, unmapIp, type Clock } from '#base';
import { CONTINUE, type HookView, type LaterAnswer, type Phase, type PhaseHook, type ValidationModule, type Verdict } from '#hooks';
import { authorDomains } from '#mail';
import type { ModuleLog } from '#observe';
import {
  beginScan,
  checkSpf,
  evaluateDmarc,
  inTime,
  lookupBy,
  resultsValue,
  spfIdentity,
  vouchingProblem,
  type DmarcVerdict,
  type MessageScan,
  type Query,
  type Timers,
} from '#trust';

export interface DmarcSettings {
  readonly name: string;
  readonly refuses: boolean;
  /** In lower case. */
  readonly trustedSealers: ReadonlySet<string>;
  readonly debugLevel: string | undefined;
}

export function dmarcSettings(stanza: {
  readonly instance: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
}): DmarcSettings {
  const { action, debugLevel, trustedSealers } = stanza.options;
  return {
    name: 'dmarc',
    refuses: action === 'reject',
    trustedSealers: sealersOf(trustedSealers),
    debugLevel: typeof debugLevel === 'string' ? debugLevel : undefined,
  };
}

function sealersOf(value: unknown): ReadonlySet<string> {
  const names = Array.isArray(value) ? value.map(String) : [];
  return new Set(
    names.map((name) => {
      const domain = toAsciiDomain(name, { allowUnderscore: true });
      if (domain === undefined) throw new Error(`dmarc: cannot use "${name}" in Trusted_Sealers: expected a domain`);
      return domain;
    }),
  );
}

interface DmarcPorts {
  readonly query: Query;
  readonly clock: Pick<Clock, 'now'>;
  readonly wheel: Timers;
  readonly log: ModuleLog;
}

/** With those who vouch for mail that failed. */
interface Judgement extends DmarcVerdict {
  readonly sealers?: string;
}

const STRENGTH = { none: 0, quarantine: 1, reject: 2 } as const;

export class DmarcModule implements ValidationModule {
  readonly name = 'dmarc';
  readonly reader = beginScan;
  readonly hooks: Partial<Record<Phase, PhaseHook>>;
  readonly #settings: DmarcSettings;
  readonly #o: DmarcPorts;

  constructor(settings: DmarcSettings, o: DmarcPorts) {
    this.#settings = settings;
    this.#o = o;
    this.hooks = { data_spool: (view, answer) => this.#check(view, answer) };
  }

  #check(view: HookView, answer: LaterAnswer): Verdict | 'later' {
    const scan = view.message?.readBy(beginScan);
    if (scan === undefined || view.context.connection.get('can_relay') === 'true') return CONTINUE;
    inTime<Judgement>(this.#judge(view, scan), {
      timers: this.#o.wheel,
      otherwise: (reason) => ({ result: 'temperror', reason, domain: '', policy: 'none' }),
      done: (verdict) => answer(this.#act(view, verdict)),
    });
    return 'later';
  }

  /** Of several authors the one for whom most is wanted counts. */
  async #judge({ connection, transaction }: HookView, scan: MessageScan): Promise<Judgement> {
    const domains = authorDomains(scan.header);
    if (typeof domains === 'string')
      return { result: 'permerror', reason: domains, domain: '', policy: this.#settings.refuses ? 'reject' : 'none' };
    const { query, clock } = this.#o;
    const lookup = lookupBy(query);
    const now = Math.floor(clock.now() / 1000);
    const address = parseIp(connection.remoteIp);
    const about = { sender: transaction?.sender ?? '', helo: connection.helo };
    const [dkim, spf] = await Promise.all([
      scan.verdicts({ lookup, now }),
      address === undefined ? undefined : checkSpf({ ...about, ip: unmapIp(address), receiver: connection.localName ?? '', now }, lookup),
    ]);
    const found = { dkim, spf: spf === undefined ? undefined : { domain: foldDomain(spfIdentity(about).domain), result: spf.result } };
    const verdicts = await Promise.all(
      domains.map(async (domain) => this.#vouched(await evaluateDmarc(domain, found, lookup), scan, { lookup, now })),
    );
    const [worst] = verdicts.sort(
      (a, b) => STRENGTH[b.policy] - STRENGTH[a.policy] || Number(a.result === 'pass') - Number(b.result === 'pass'),
    );
    return worst as Judgement;
  }

  /** The chain is asked about only where it could change something. */
  async #vouched(verdict: DmarcVerdict, scan: MessageScan, o: Parameters<MessageScan['arc']>[0]): Promise<Judgement> {
    const { trustedSealers } = this.#settings;
    const { result, policy, domain, reason } = verdict;
    if (trustedSealers.size === 0 || result !== 'fail' || policy === 'none') return verdict;
    const arc = await scan.arc(o);
    const problem = vouchingProblem(arc, domain, trustedSealers);
    if (problem !== undefined) return { ...verdict, reason: `${reason}, and ${problem}` };
    const sealers = arc.sealers.join(', ');
    return { ...verdict, policy: 'none', sealers, reason: `${reason}; ${policy} is set aside: sealed by ${sealers}` };
  }

  #act({ connection, context, message, transaction }: HookView, verdict: Judgement): Verdict {
    const { result, reason, domain, policy, sealers } = verdict;
    context.setMessage('dmarc_status', result);
    context.setMessage('dmarc_policy', policy);
    if (domain !== '') context.setMessage('dmarc_domain', domain);
    if (sealers !== undefined) context.setMessage('dmarc_sealers', sealers);
    const { log } = this.#o;
    log.log(
      'INFO',
      `${message?.batchId ?? ''} from ${domain} by ${connection.remoteIp}, ${transaction?.sender ?? ''}: ${result} (${reason}), ${policy}`,
    );
    if (this.#settings.refuses && policy === 'reject')
      return {
        kind: 'reject',
        reply: { code: 550, enhanced: '5.7.1', text: `rejected by DMARC policy${domain === '' ? '' : ` of ${domain}`}: ${reason}` },
      };
    const properties = [
      ['header.from', domain],
      ['policy.dmarc', result === 'fail' ? policy : ''],
    ] as const;
    const value = resultsValue(connection.localName ?? '', [{ method: 'dmarc', result, reason, properties }]);
    if (message?.edit([{ kind: 'add', name: 'Authentication-Results', value }]) === false)
      log.log('WARNING', `message ${message.batchId} is too large for its header to be changed`);
    return CONTINUE;
  }
}
