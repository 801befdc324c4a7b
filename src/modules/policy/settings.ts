/**
 * The options of one `policy` stanza, as the module uses them.
 *
 * The one rule: a stanza without a file cannot work and says so. A relative file stands beside the configuration file that names it.
 * Not here: their declaration (config). Truth: POL-03 and docs/policy.md.
 */
import { dirname, resolve } from 'node:path';

export interface PolicySettings {
  /** As paniclog lines call it. */
  readonly name: string;
  readonly file: string;
  /** For an answer, waiting included. */
  readonly timeoutMs: number;
  /** For a function to come back. */
  readonly budgetMs: number;
  readonly bodyBytes: number;
  readonly memoryMb: number;
  readonly debugLevel: string | undefined;
}

/** Options by key. Throws an Error that names the option to correct. */
export function policySettings(stanza: {
  readonly instance: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
  /** The configuration file. */
  readonly writtenIn: string;
}): PolicySettings {
  const { file, timeout, budget, bodySize, memory, debugLevel } = stanza.options;
  const name = stanza.instance === undefined || stanza.instance === '' ? 'policy' : `policy "${stanza.instance}"`;
  if (typeof file !== 'string' || file === '') throw new Error(`${name} has no File: expected the path of a TypeScript or JavaScript file`);
  return {
    name,
    file: resolve(dirname(stanza.writtenIn), file),
    timeoutMs: numberOr(timeout, 10) * 1000,
    budgetMs: numberOr(budget, 1000),
    bodyBytes: numberOr(bodySize, 65_536),
    memoryMb: numberOr(memory, 256),
    debugLevel: typeof debugLevel === 'string' ? debugLevel : undefined,
  };
}

function numberOr(value: unknown, standard: number): number {
  return typeof value === 'number' ? value : standard;
}
