/**
 * dkim_validate: the DKIM signatures of received mail are checked, and what came out is written where policy and readers find it.
 *
 * The one rule: it refuses nothing. A message without a signature gets no field. `dkim_status` is the best result (pass where one signature holds, else
 * that of the first whose domain is not testing: one that is counts as not signed then), `dkim_domains` the domains whose signatures hold.
 * Not here: the checks (trust), what a domain wants done with mail that fails (dmarc). Truth: the module's page; RFC 6376, 8601.
 */
import type { Clock } from '#base';
import { CONTINUE, type HookView, type LaterAnswer, type Phase, type PhaseHook, type ValidationModule, type Verdict } from '#hooks';
import type { ModuleLog } from '#observe';
import {
  beginScan,
  inTime,
  lookupBy,
  resultsValue,
  type DkimVerdict,
  type MessageScan,
  type MethodResult,
  type Query,
  type Timers,
} from '#trust';

export interface DkimValidateSettings {
  readonly name: string;
  readonly debugLevel: string | undefined;
}

export function dkimValidateSettings(stanza: {
  readonly instance: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
}): DkimValidateSettings {
  const { debugLevel } = stanza.options;
  return {
    name: stanza.instance === undefined || stanza.instance === '' ? 'dkim_validate' : `dkim_validate "${stanza.instance}"`,
    debugLevel: typeof debugLevel === 'string' ? debugLevel : undefined,
  };
}

interface DkimPorts {
  readonly query: Query;
  readonly clock: Pick<Clock, 'now'>;
  readonly wheel: Timers;
  readonly log: ModuleLog;
}

export class DkimValidateModule implements ValidationModule {
  readonly name = 'dkim_validate';
  readonly reader = beginScan;
  readonly hooks: Partial<Record<Phase, PhaseHook>>;
  readonly #o: DkimPorts;

  constructor(o: DkimPorts) {
    this.#o = o;
    this.hooks = { data_spool: (view, answer) => this.#check(view, answer) };
  }

  #check(view: HookView, answer: LaterAnswer): Verdict | 'later' {
    const scan = view.message?.readBy(beginScan);
    if (scan === undefined) return CONTINUE;
    const { query, clock, wheel } = this.#o;
    inTime<readonly DkimVerdict[]>(scan.verdicts({ lookup: lookupBy(query), now: Math.floor(clock.now() / 1000) }), {
      timers: wheel,
      otherwise: (reason) => {
        this.#o.log.log('WARNING', `${reason}`);
        return [{ result: 'temperror', reason, domain: '', selector: '', identity: '', algorithm: '', mark: '', isTesting: false }];
      },
      done: (verdicts) => {
        this.#tell(view, scan, verdicts);
        answer(CONTINUE);
      },
    });
    return 'later';
  }

  #tell({ connection, context, message }: HookView, scan: MessageScan, verdicts: readonly DkimVerdict[]): void {
    const [first] = verdicts;
    if (first === undefined) {
      context.setMessage('dkim_status', 'none');
      return;
    }
    const valid = verdicts.filter(({ result }) => result === 'pass');
    const serious = verdicts.find(({ isTesting }) => !isTesting);
    context.setMessage('dkim_status', valid.length > 0 ? 'pass' : (serious?.result ?? 'none'));
    if (valid.length > 0) context.setMessage('dkim_domains', [...new Set(valid.map(({ domain }) => domain))].join(' '));
    const { log } = this.#o;
    if (log.wants('INFO'))
      for (const { result, domain, selector, reason } of verdicts)
        log.log('INFO', `${message?.batchId ?? ''}: ${selector} of ${domain}: ${result}${reason === '' ? '' : ` (${reason})`}`);
    const results = verdicts.map(clauseOf);
    if (scan.ignored > 0)
      results.push({ method: 'dkim', result: 'policy', reason: `${scan.ignored} more signatures were not looked at`, properties: [] });
    const value = resultsValue(connection.localName ?? '', results);
    if (message?.edit([{ kind: 'add', name: 'Authentication-Results', value }]) === false)
      log.log('WARNING', `message ${message.batchId} is too large for its header to be changed`);
  }
}

function clauseOf({ result, reason, domain, selector, identity, algorithm, mark, isTesting }: DkimVerdict): MethodResult {
  return {
    method: 'dkim',
    result,
    reason: isTesting ? [reason, 'the domain is testing'].filter((text) => text !== '').join('; ') : reason,
    properties: [
      ['header.d', domain],
      ['header.i', identity],
      ['header.s', selector],
      ['header.a', algorithm],
      ['header.b', mark],
    ],
  };
}
