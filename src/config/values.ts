/**
 * What a value is after it was read by its type, and what was written.
 *
 * The one rule: both forms are plain data that `postMessage` can copy; a value is never changed after it was made.
 * Reading words into values is in value-types.ts; which option has which type is in declared/.
 * Truth: rules CFG-07 to CFG-09 (forms), CC-04 and CC-09 (listings print what was written).
 */
import type { Value } from '#syntax';

/** `count` events in each period of `periodSeconds` (CFG-09). */
export interface Rate {
  readonly count: number;
  readonly periodSeconds: number;
}

/** A low and a high clip. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

export type OptionValue = boolean | number | string | readonly string[] | ReadonlyMap<string, string> | Rate | Bounds;

/** The text of a value as it stood in the file, without places: what a listing prints. */
export type Written =
  | { readonly kind: 'word'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'array'; readonly items: readonly { readonly text: string; readonly quoted: boolean }[] }
  | { readonly kind: 'dictionary'; readonly entries: readonly { readonly key: string; readonly value: Written }[] }
  | { readonly kind: 'none' };

export function writtenOf(value: Value): Written {
  switch (value.kind) {
    case 'word':
      return { kind: 'word', text: value.text, quoted: value.quoted };
    case 'array':
      return { kind: 'array', items: value.items.map((item) => ({ text: item.text, quoted: item.quoted })) };
    case 'dictionary':
      return { kind: 'dictionary', entries: value.entries.map((entry) => ({ key: entry.key, value: writtenOf(entry.value) })) };
    case 'none':
      return { kind: 'none' };
  }
}

/** One line for a person: words as they are, lists in round, dictionaries in square brackets. */
export function formatValue(value: OptionValue | undefined): string {
  if (value === undefined) return '(not set)';
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? '( )' : `( ${value.map(quoteWord).join(' ')} )`;
  if (value instanceof Map) return `[ ${[...value].map(([key, text]) => `${quoteWord(key)} = ${quoteWord(String(text))}`).join(' ')} ]`;
  if ('periodSeconds' in value) return value.periodSeconds === 1 ? String(value.count) : `${value.count}/${value.periodSeconds}`;
  if ('low' in value) return `${value.low},${value.high}`;
  return '';
}

/** A word as it may stand in a file: in quotes where it needs them (CFG-04). */
export function quoteWord(text: string): string {
  if (text !== '' && !/[\s#/"'={}[\](),;\\]/.test(text)) return text;
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
