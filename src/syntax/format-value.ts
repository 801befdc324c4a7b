/**
 * Values as text: words with quotation marks where they need them, lists and dictionaries.
 *
 * The rule to know: what is written here is read back as the same value. A word stands bare only if it is plain beyond doubt; CFG-04 allows
 * more bare than this, but quoted is always right.
 * What it does not do: it knows no types, so a boolean or a number comes as the text it shall have.
 */
import { escapeQuoted } from './text.ts';

/** A new value for an option: a word, an array or a dictionary. */
export type NewValue = string | readonly string[] | ReadonlyMap<string, string>;

const PLAIN = /^[A-Za-z0-9_.:%@+*-]+$/;

/** A list longer than this is written with one item a line. */
const MAX_LINE_LENGTH = 100;

/** A word, quoted if it needs it, or always with the given mark. */
export function formatWord(text: string, quote?: '"' | "'"): string {
  if (quote === undefined && PLAIN.test(text)) return text;
  const mark = quote ?? '"';
  return mark + escapeQuoted(text, mark) + mark;
}

/** `( a "b c" )`. A list too long for one line gets one item a line, each at `indent`, the closing bracket at `outer`. */
export function formatArray(items: readonly string[], layout?: Layout): string {
  return formatList(
    '(',
    items.map((item) => formatWord(item)),
    ')',
    layout,
  );
}

/** `[ key = value ]`, laid out as `formatArray` does. */
export function formatDictionary(entries: ReadonlyMap<string, string>, layout?: Layout): string {
  return formatList(
    '[',
    [...entries].map(([key, value]) => `${formatWord(key)} = ${formatWord(value)}`),
    ']',
    layout,
  );
}

/** How a list of several lines is laid out. */
export interface Layout {
  readonly outer: string;
  readonly indent: string;
  readonly newline: string;
}

/** Any new value; `quote` is the mark that a word shall have in any case. */
export function formatValue(value: NewValue, layout?: Layout, quote?: '"' | "'"): string {
  if (typeof value === 'string') return formatWord(value, quote);
  return isArray(value) ? formatArray(value, layout) : formatDictionary(value, layout);
}

function isArray(value: readonly string[] | ReadonlyMap<string, string>): value is readonly string[] {
  return Array.isArray(value);
}

function formatList(open: string, parts: readonly string[], close: string, layout: Layout | undefined): string {
  if (parts.length === 0) return open + close;
  const line = `${open} ${parts.join(' ')} ${close}`;
  if (layout === undefined || line.length <= MAX_LINE_LENGTH) return line;
  const { outer, indent, newline } = layout;
  return open + parts.map((part) => newline + indent + part).join('') + newline + outer + close;
}
