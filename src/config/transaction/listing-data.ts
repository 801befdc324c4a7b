/**
 * Scopes and options as plain data, for programs that ask the console (`json config show`).
 *
 * The one rule: values are what the configuration means (numbers, booleans, lists), names are canonical. Truth: CC-24.
 */
import type { OwnOption, ScopeNode } from '../snapshot/scope-node.ts';
import type { OptionValue } from '../values.ts';

export function valueData(value: OptionValue | undefined): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, valueData(item as OptionValue)]));
  return value;
}

export function optionData(own: OwnOption): { option: string; value: unknown } {
  return { option: own.name, value: valueData(own.value) };
}

/** Own options, and the scopes inside: their names, or all that is in them. */
export function scopeData(node: ScopeNode, isDeep: boolean): Record<string, unknown> {
  const options = Object.fromEntries([...node.options.values()].map((own) => [own.name, valueData(own.value)]));
  const scopes = [...node.children.values()].map((child) => ({
    scope: child.scope,
    ...(child.instance === undefined ? {} : { instance: child.instance }),
    ...(isDeep ? scopeData(child, true) : {}),
  }));
  return { options, scopes };
}
