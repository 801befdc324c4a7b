/**
 * `name=value; name=value`: the lists of tags of DKIM, its keys, ARC and DMARC.
 *
 * The one rule: a list with a tag twice, or with something that is no tag, is no list at all. Folds are blanks. Names are kept in a Map.
 * Bound: TAGS_MAX tags. Truth: RFC 6376 section 3.2.
 */
const TAGS_MAX = 100;

export type Tags = ReadonlyMap<string, string>;

export function parseTags(text: string): Tags | undefined {
  const tags = new Map<string, string>();
  const parts = text.replace(/\r\n(?=[ \t])/g, '').split(';');
  if (parts.at(-1)?.trim() === '') parts.pop();
  if (parts.length === 0 || parts.length > TAGS_MAX) return undefined;
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(0, equals)).trim();
    if (!/^[a-z][a-z0-9_]*$/i.test(name) || tags.has(name)) return undefined;
    tags.set(name, part.slice(equals + 1).trim());
  }
  return tags;
}

/** A value without its blanks. */
export function compact(value: string | undefined): string {
  return (value ?? '').replace(/[ \t\r\n]+/g, '');
}

/** The items of a list between colons, without blanks and in lower case. */
export function items(value: string | undefined): string[] {
  return value === undefined ? [] : compact(value).toLowerCase().split(':');
}
