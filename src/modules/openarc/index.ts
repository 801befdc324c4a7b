/**
 * openarc: the ARC chain of received mail is checked, and what came out is written where policy and readers find it; with a key it seals what leaves.
 *
 * The one rule: it refuses nothing. `arc_cv` is none, pass or fail; `arc_sealers` (ours) the domains that sealed a chain that holds, from the first to the
 * newest. A message without ARC gets no field. Seals go on when all else is done (sealer.ts).
 * Not here: the checks (trust), whom of the sealers to trust (policy). Truth: the pages of the module and of its verify; RFC 8617, 8601.
 */
import type { Clock } from '#base';
import { CONTINUE, type HookView, type LaterAnswer, type Phase, type PhaseHook, type ValidationModule, type Verdict } from '#hooks';
import type { ModuleLog } from '#observe';
import { beginScan, inTime, lookupBy, resultsValue, type ArcVerdict, type Query, type Timers } from '#trust';
import { sealingSettings, type SealingSettings } from './sealer.ts';

export { ArcSealer } from './sealer.ts';

export interface OpenarcSettings {
  readonly name: string;
  readonly debugLevel: string | undefined;
  /** Undefined: chains are only checked. */
  readonly sealing: SealingSettings | undefined;
}

export function openarcSettings(stanza: { readonly options: Readonly<Record<string, unknown>> }): OpenarcSettings {
  const { debugLevel } = stanza.options;
  return {
    name: 'openarc',
    debugLevel: typeof debugLevel === 'string' ? debugLevel : undefined,
    sealing: sealingSettings(stanza.options),
  };
}

interface ArcPorts {
  readonly query: Query;
  readonly clock: Pick<Clock, 'now'>;
  readonly wheel: Timers;
  readonly log: ModuleLog;
}

export class OpenarcModule implements ValidationModule {
  readonly name = 'openarc';
  readonly reader = beginScan;
  readonly hooks: Partial<Record<Phase, PhaseHook>>;
  readonly #o: ArcPorts;

  constructor(o: ArcPorts) {
    this.#o = o;
    this.hooks = { data_spool: (view, answer) => this.#check(view, answer) };
  }

  #check(view: HookView, answer: LaterAnswer): Verdict | 'later' {
    const scan = view.message?.readBy(beginScan);
    if (scan === undefined) return CONTINUE;
    const { query, clock, wheel, log } = this.#o;
    inTime<ArcVerdict>(scan.arc({ lookup: lookupBy(query), now: Math.floor(clock.now() / 1000) }), {
      timers: wheel,
      otherwise: (reason) => {
        log.log('WARNING', reason);
        return { result: 'fail', reason, sealers: [], results: '' };
      },
      done: (verdict) => {
        this.#tell(view, verdict);
        answer(CONTINUE);
      },
    });
    return 'later';
  }

  #tell({ connection, context, message }: HookView, { result, reason, sealers }: ArcVerdict): void {
    context.setMessage('arc_cv', result);
    if (sealers.length > 0) context.setMessage('arc_sealers', sealers.join(' '));
    if (result === 'none') return;
    const { log } = this.#o;
    const why = result === 'pass' ? `sealed by ${sealers.join(', ')}` : reason;
    log.log('INFO', `${message?.batchId ?? ''}: ${result} (${why})`);
    const value = resultsValue(connection.localName ?? '', [{ method: 'arc', result, reason: why, properties: [] }]);
    if (message?.edit([{ kind: 'add', name: 'Authentication-Results', value }]) === false)
      log.log('WARNING', `message ${message.batchId} is too large for its header to be changed`);
  }
}
