/*
 * `signing_stats`, its reset, and `flush keycache` of the signing modules.
 *
 * The one rule: the figures of all loops, added up, in the manual's layout; those of seals (ours) stand beside them where there are any.
 * Truth: MOD-03, the pages of signing_stats and dkim.
 */
import { answer, type Operation } from '../operation.ts';

interface Figures {
  accumulatedMs: number;
  signed: number;
  failed: number;
  processed: number;
}

type Rows = readonly (readonly [string, Figures])[];

const zero: Figures = { accumulatedMs: 0, signed: 0, failed: 0, processed: 0 };

/** By scope; of signatures and of sets of ARC. */
interface Sums {
  readonly dkim: ReadonlyMap<string, Figures>;
  readonly arc: ReadonlyMap<string, Figures>;
}

/** The rows of all loops added up. */
function added(answers: Iterable<unknown>): Map<string, Figures> {
  const sum = new Map<string, Figures>();
  for (const rows of answers)
    for (const [name, figures] of (rows as Rows | undefined) ?? []) {
      const so = sum.get(name) ?? { ...zero };
      for (const key of Object.keys(zero) as (keyof Figures)[]) so[key] += figures[key];
      sum.set(name, so);
    }
  return sum;
}

function block(title: string, indent: string, figures: Figures | undefined): string[] {
  if (figures === undefined) return [];
  return [
    `${indent}${title}`,
    `${indent}\tAccumulatedSigningTime ${(figures.accumulatedMs / 1000).toFixed(4).padStart(9)}`,
    `${indent}\tTotalMessagesSigned    ${String(figures.signed).padStart(9)}`,
    `${indent}\tFailedSigningAttempts  ${String(figures.failed).padStart(9)}`,
    `${indent}\tTotalMessagesProcessed ${String(figures.processed).padStart(9)}`,
  ];
}

function section(title: string, label: string, o: { readonly kind: string; readonly sums: Sums }): string[] {
  const { dkim, arc } = o.sums;
  const names = [...new Set([...dkim.keys(), ...arc.keys()])].filter((name) => name.startsWith(`${o.kind} `));
  if (names.length === 0) return [];
  const of = (name: string): string[] => [
    `\t${label}  ${name.slice(o.kind.length + 1)}`,
    ...block('DKIM', '\t', dkim.get(name)),
    ...block('ARC', '\t', arc.get(name)),
  ];
  return [title, ...names.flatMap(of)];
}

export const signingStats: Operation = {
  words: ['signing_stats'],
  usage: 'signing_stats',
  about: 'messages that were signed (DKIM) and sealed (ARC), in all, by domain and by binding',
  async run(server) {
    const [signed, sealed] = await Promise.all([
      server.askLoops('signing.figures', undefined),
      server.askLoops('signing.seals', undefined),
    ]);
    const sums: Sums = { dkim: added(signed.answers.values()), arc: added(sealed.answers.values()) };
    const lines = [
      'Signing Statistics',
      '',
      'Global',
      ...block('DKIM', '\t', sums.dkim.get('') ?? zero),
      ...block('ARC', '\t', sums.arc.get('')),
      ...section('Per Domain', 'DomainName', { kind: 'domain', sums }),
      ...section('Per Binding', 'binding_name', { kind: 'binding', sums }),
      ...section('Per Binding Per Domain', 'binding_name, DomainName', { kind: 'both', sums }),
      ...new Set([...signed.silent, ...sealed.silent]),
    ];
    return { ...answer(lines.join('\n')), data: { scopes: Object.fromEntries(sums.dkim), seals: Object.fromEntries(sums.arc) } };
  },
};

export const signingStatsReset: Operation = {
  words: ['signing_stats', 'reset'],
  usage: 'signing_stats reset',
  about: 'begin to count signatures anew',
  async run(server) {
    const { silent } = await server.askLoops('signing.reset', undefined);
    return answer(['Signing Statistics are reset', ...silent].join('\n'));
  },
};

function flushKeys(module: string): Operation {
  return {
    words: [module, 'flush', 'keycache'],
    usage: `${module}[:instance] flush keycache`,
    about: 'read private keys anew at their next use',
    isModule: true,
    // All its instances: a key is read again at the cost of a read.
    async run(server) {
      const { answers, silent } = await server.askLoops('signing.flush', module);
      const keys = [...answers.values()].reduce((sum: number, n) => sum + Number(n), 0);
      return { ...answer([`${keys} keys flushed.`, ...silent].join('\n')), data: { keys } };
    },
  };
}

export const keyCacheOperations: readonly Operation[] = ['dkim_sign', 'opendkim'].map(flushKeys);
