/**
 * Which fields of a message a signature holds, in the order of h=, and their canonical form.
 *
 * The one rule: fields of one name are taken from the bottom up, each at most once, however often rules name it; a name without a field
 * left is an assertion that there is none (RFC 6376 section 5.4.2). Cost is linear in fields and rules (A47).
 * Bound: SIGNED_FIELDS_MAX names in h=, From first of all; further fields of a message stay unsigned. Truth: RFC 6376 sections 3.4.1, 3.4.2, 3.7, 5.4.
 */
import type { HeaderField } from '#mail';
import type { Canonicalization, HeaderRule } from './plan.ts';

export const SIGNED_FIELDS_MAX = 500;

export interface SignedField {
  readonly name: string;
  /** Undefined for an assertion. */
  readonly field: HeaderField | undefined;
}

export function signedFields(fields: readonly HeaderField[], rules: readonly HeaderRule[]): SignedField[] {
  const left = new Map<string, HeaderField[]>();
  for (const field of fields) {
    const key = field.name.toLowerCase();
    const stack = left.get(key);
    if (stack === undefined) left.set(key, [field]);
    else stack.push(field);
  }
  const signed: SignedField[] = [];
  const add = (name: string, field: HeaderField | undefined): void => {
    if (signed.length < SIGNED_FIELDS_MAX) signed.push({ name, field });
  };
  for (const { name, key, isEvery, asserts } of rules) {
    const stack = left.get(key);
    const had = stack?.length ?? 0;
    for (let n = isEvery ? had : Math.min(1, had); n > 0; n--) add(name, stack?.pop());
    if (asserts === 'always' || (asserts === 'missing' && had === 0)) add(name, undefined);
  }
  return signed;
}

/** The same for a signature of ours. A list may name From behind fields of which there are thousands: without it a signature is none. */
export function fieldsToSign(fields: readonly HeaderField[], rules: readonly HeaderRule[]): SignedField[] {
  const signed = signedFields(fields, rules);
  const isFrom = ({ key }: HeaderRule): boolean => key === 'from';
  if (signed.length < SIGNED_FIELDS_MAX) return signed;
  return signedFields(fields, [...rules.filter(isFrom), ...rules.filter((rule) => !isFrom(rule))]);
}

/** A field as it is hashed, its CRLF included; lone line ends of a stored field count as what the wire makes of them. */
export function canonicalField(field: HeaderField, canonicalization: Canonicalization): string {
  const raw = field.raw.toString('latin1');
  return canonicalization === 'simple' ? (raw.endsWith('\r\n') ? raw : `${raw}\r\n`) : `${relaxedField(raw)}\r\n`;
}

/** Name in lower case, no folds, one blank for a run of them, none around the colon nor at the end. */
export function relaxedField(raw: string): string {
  const colon = raw.indexOf(':');
  const name = raw.slice(0, colon).trimEnd().toLowerCase();
  const line = raw.slice(colon + 1, raw.endsWith('\r\n') ? -2 : undefined);
  const value = line.includes('\r\n') ? line.replaceAll('\r\n', '') : line;
  return `${name}:${trimBlanks(singleBlanks(value))}`;
}

/** Runs of blanks become one; most texts have none, and are what they were. */
export function singleBlanks(text: string): string {
  return text.includes('\t') || text.includes('  ') ? text.replace(/[ \t]+/g, ' ') : text;
}

/** Only blanks: trim() would take octets away that are spaces in latin1 alone. */
function trimBlanks(text: string): string {
  const from = text.startsWith(' ') ? 1 : 0;
  return text.slice(from, text.endsWith(' ') && text.length > from ? text.length - 1 : text.length);
}
