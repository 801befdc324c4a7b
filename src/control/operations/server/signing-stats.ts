/*
 * `signing_stats`, its reset, and `flush keycache` of the signing modules.
 *
 * The one rule: the figures of all loops, added up, in the manual's layout. Truth: MOD-03, the pages of signing_stats and dkim.
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

/** The rows of all loops added up, by scope. */
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

function block(indent: string, figures: Figures): string[] {
  return [
    `${indent}DKIM`,
    `${indent}\tAccumulatedSigningTime ${(figures.accumulatedMs / 1000).toFixed(4).padStart(9)}`,
    `${indent}\tTotalMessagesSigned    ${String(figures.signed).padStart(9)}`,
    `${indent}\tFailedSigningAttempts  ${String(figures.failed).padStart(9)}`,
    `${indent}\tTotalMessagesProcessed ${String(figures.processed).padStart(9)}`,
  ];
}

function section(title: string, label: string, rows: readonly (readonly [string, Figures])[]): string[] {
  return rows.length === 0 ? [] : [title, ...rows.flatMap(([name, figures]) => [`\t${label}  ${name}`, ...block('\t', figures)])];
}

export const signingStats: Operation = {
  words: ['signing_stats'],
  usage: 'signing_stats',
  about: 'messages that were signed, in all, by domain and by binding',
  async run(server) {
    const { answers, silent } = await server.askLoops('signing.figures', undefined);
    const sum = added(answers.values());
    const named = (kind: string) =>
      [...sum].filter(([name]) => name.startsWith(`${kind} `)).map(([name, figures]) => [name.slice(kind.length + 1), figures] as const);
    const lines = [
      'Signing Statistics',
      '',
      'Global',
      ...block('\t', sum.get('') ?? zero),
      ...section('Per Domain', 'DomainName', named('domain')),
      ...section('Per Binding', 'binding_name', named('binding')),
      ...section('Per Binding Per Domain', 'binding_name, DomainName', named('both')),
      ...silent,
    ];
    return { ...answer(lines.join('\n')), data: { scopes: Object.fromEntries(sum) } };
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
