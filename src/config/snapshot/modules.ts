/**
 * The stanzas of a module with their options in force: own values over the module's defaults.
 *
 * The one rule: a module reads its options here, by the key of its manifest; nothing falls back to other scopes.
 * Instances come in the order of the text. Truth: CFG-13, CFG-14.
 */
import { moduleKind } from '../catalogue.ts';
import type { OptionValue } from '../values.ts';
import { childrenNamed, type ScopeNode, type Snapshot } from './scope-node.ts';

export interface ModuleInstance {
  /** Canonical module name. */
  readonly module: string;
  /** Undefined where the stanza has no name. */
  readonly instance: string | undefined;
  /** CFG-14: false is passive mode. */
  readonly isEnabled: boolean;
  /** CFG-14: the least level the module writes; undefined means ERROR. */
  readonly debugLevel: string | undefined;
  /** By key. */
  readonly options: Readonly<Record<string, OptionValue | undefined>>;
  /** The stanza itself: its scopes and where it stands. */
  readonly node: ScopeNode;
}

export function moduleInstances(snapshot: Snapshot, module: string): readonly ModuleInstance[] {
  return childrenNamed(snapshot.root, module).map((node) => {
    const options: Record<string, OptionValue | undefined> = {};
    for (const option of moduleKind(module)?.module?.options ?? []) options[option.key] = option.default as OptionValue | undefined;
    for (const option of node.options.values()) options[option.key] = option.value;
    const level = options['debugLevel'];
    return {
      module: node.scope,
      instance: node.instance,
      isEnabled: options['enabled'] !== false,
      debugLevel: typeof level === 'string' ? level : undefined,
      options: Object.freeze(options),
      node,
    };
  });
}
