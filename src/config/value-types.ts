/**
 * Reads a value as its option's type wants it: booleans, numbers, octal modes, rates, lists, dictionaries, enumerations.
 *
 * The one rule: a value is either read whole or refused with the form that would be right; nothing is guessed or rounded.
 * A single word is taken where a list is expected, and words are compared without case in booleans and enumerations.
 * Truth: CFG-07 (booleans), CFG-08 (octal), CFG-09 (rates), semantics section 29.7.
 */
import { parseCidr, parseIp } from '#base';
import type { Value, Word } from '#syntax';
import type { ValueType } from './declaration.ts';
import type { Bounds, OptionValue, Rate } from './values.ts';

/** What was read, or what would have been right ("a whole number from 0"). `word` is the item at fault inside a list. */
type Parsed = { readonly ok: true; readonly value: OptionValue } | { readonly ok: false; readonly expected: string; readonly word?: Word };

const TRUE_WORDS = new Set(['true', 'on', 'enabled', 'yes', '1']);
const FALSE_WORDS = new Set(['false', 'off', 'disabled', 'no', '0']);
const HIGHEST_MODE = 0o7777;

/** Values are read for themselves: which scope they stand in does not matter here. */
export function parseValue(type: ValueType, value: Value): Parsed {
  switch (type.kind) {
    case 'array':
      return parseArray(type, value);
    case 'dictionary':
      return parseDictionary(value);
    case 'bounds':
      return parseBounds(value);
    case 'any':
      return parseAny(value);
    case 'boolean':
      // The bare 2.x statement says yes.
      return value.kind === 'none' ? accept(true) : parseWord(type, value);
    default:
      return parseWord(type, value);
  }
}

/** The form that a type wants, as a noun phrase for error messages. */
export function expectedForm(type: ValueType): string {
  switch (type.kind) {
    case 'boolean':
      return 'true or false (or on/off, enabled/disabled, 1/0, yes/no)';
    case 'integer':
      return `a whole number${rangeOf(type.min, type.max)}`;
    case 'number':
      return `a number${rangeOf(type.min, type.max)}`;
    case 'seconds':
      return `a whole number of seconds from ${type.min ?? 0}`;
    case 'bytes':
      return 'a whole number of bytes from 0';
    case 'percent':
      return 'a percentage from 0 to 100';
    case 'octal':
      return 'a mode in octal digits, e.g. 0640';
    case 'rate':
      return '"N" (N each second) or "N/S" (N each S seconds), whole numbers';
    case 'string':
      return 'one word, in quotation marks where it holds spaces';
    case 'address':
      return 'an IP address, e.g. 192.0.2.1 or 2001:db8::1 ("" for none)';
    case 'enum':
      return `one of ${type.values.join(', ')}${type.orNumber === undefined ? '' : ', or a number'}`;
    case 'array':
      return 'a list ( a b c )';
    case 'dictionary':
      return 'a dictionary [ key = value ]';
    case 'bounds':
      return 'two numbers "low,high"';
    case 'any':
      return 'a word, a list or a dictionary';
  }
}

function rangeOf(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` from ${min}`;
  return max === undefined ? '' : ` up to ${max}`;
}

function accept(value: OptionValue): Parsed {
  return { ok: true, value };
}

function parseWord(type: ValueType, value: Value): Parsed {
  const word = value.kind === 'array' && value.items.length === 1 ? value.items[0] : value;
  if (word?.kind !== 'word') return { ok: false, expected: expectedForm(type) };
  const read = readText(type, word.text);
  return read === undefined ? { ok: false, expected: expectedForm(type), word } : accept(read);
}

function readText(type: ValueType, text: string): OptionValue | undefined {
  switch (type.kind) {
    case 'boolean':
      return parseBoolean(text);
    case 'integer':
      return wholeNumber(text, type.min, type.max);
    case 'number':
      return decimal(text, type.min, type.max);
    case 'seconds':
      return wholeNumber(text, type.min ?? 0, undefined);
    case 'bytes':
      return wholeNumber(text, 0, undefined);
    case 'percent':
      return decimal(text.endsWith('%') ? text.slice(0, -1) : text, 0, 100);
    case 'octal':
      return octal(text);
    case 'rate':
      return parseRate(text);
    case 'address':
      return text === '' || parseIp(text.replace(/^\[(.*)\]$/, '$1')) !== undefined ? text : undefined;
    case 'enum':
      return enumerated(type, text);
    default:
      return text;
  }
}

/** CFG-07. Undefined when the word is no boolean. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  return FALSE_WORDS.has(word) ? false : undefined;
}

function wholeNumber(text: string, min: number | undefined, max: number | undefined): number | undefined {
  if (!/^[+-]?\d{1,15}$/.test(text)) return undefined;
  return within(Number(text), min, max);
}

function decimal(text: string, min: number | undefined, max: number | undefined): number | undefined {
  if (!/^[+-]?(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})$/.test(text)) return undefined;
  return within(Number(text), min, max);
}

function within(number: number, min: number | undefined, max: number | undefined): number | undefined {
  if (min !== undefined && number < min) return undefined;
  return max !== undefined && number > max ? undefined : number + 0;
}

/** CFG-08: octal with or without the leading zero, up to 07777. */
function octal(text: string): number | undefined {
  if (!/^[0-7]{1,6}$/.test(text)) return undefined;
  const mode = Number.parseInt(text, 8);
  return mode > HIGHEST_MODE ? undefined : mode;
}

/** CFG-09. Undefined when the text is no rate; a period of 0 seconds is none. */
function parseRate(text: string): Rate | undefined {
  const parts = /^(\d{1,12})(?:\s*\/\s*(\d{1,9}))?$/.exec(text);
  if (parts === null) return undefined;
  const periodSeconds = Number(parts[2] ?? '1');
  return periodSeconds === 0 ? undefined : { count: Number(parts[1]), periodSeconds };
}

function enumerated(type: Extract<ValueType, { kind: 'enum' }>, text: string): OptionValue | undefined {
  const word = text.toLowerCase();
  const known = type.values.find((value) => value.toLowerCase() === word);
  if (known !== undefined) return known;
  for (const [alias, meaning] of Object.entries(type.aliases ?? {})) if (alias.toLowerCase() === word) return meaning;
  if (type.orNumber !== undefined) {
    const number = type.orNumber === 'integer' ? wholeNumber(text, 0, undefined) : decimal(text, 0, undefined);
    if (number !== undefined) return number;
  }
  return type.orOther === true ? text : undefined;
}

function parseArray(type: Extract<ValueType, { kind: 'array' }>, value: Value): Parsed {
  if (value.kind === 'dictionary') return { ok: false, expected: expectedForm(type) };
  const words = value.kind === 'array' ? value.items : value.kind === 'word' ? [value] : [];
  if (type.of === 'cidr') {
    const wrong = words.find((word) => word.text.startsWith('[') || parseCidr(word.text) === undefined);
    if (wrong !== undefined)
      return { ok: false, expected: 'a list of addresses and networks, e.g. ( 192.0.2.1 198.51.100.0/24 2001:db8::/32 )', word: wrong };
  }
  return accept(words.map((word) => word.text));
}

function parseDictionary(value: Value): Parsed {
  if (value.kind !== 'dictionary') return { ok: false, expected: expectedForm({ kind: 'dictionary' }) };
  const entries = new Map<string, string>();
  for (const entry of value.entries) {
    if (entry.value.kind === 'dictionary') return { ok: false, expected: 'plain values in the dictionary [ key = value ]' };
    entries.set(entry.key, entry.value.kind === 'array' ? entry.value.items.map((item) => item.text).join(' ') : wordText(entry.value));
  }
  return accept(entries);
}

function wordText(value: Value): string {
  return value.kind === 'word' ? value.text : '';
}

/** `"1,20"`, `"1 20"` or `( 1 20 )`; each side a number or a rate (taken per second). */
function parseBounds(value: Value): Parsed {
  const refused: Parsed = { ok: false, expected: expectedForm({ kind: 'bounds' }) };
  const texts = value.kind === 'array' ? value.items.map((item) => item.text) : wordText(value).split(/[\s,]+/);
  const numbers = texts.map((text) => {
    const rate = /^[+-]/.test(text) ? undefined : parseRate(text);
    return rate === undefined ? decimal(text, undefined, undefined) : rate.count / rate.periodSeconds;
  });
  const [low, high] = numbers;
  if (numbers.length !== 2 || low === undefined || high === undefined) return refused;
  if (low > high) return { ok: false, expected: 'two numbers "low,high", the lower one first' };
  const bounds: Bounds = { low, high };
  return accept(bounds);
}

function parseAny(value: Value): Parsed {
  if (value.kind === 'dictionary') {
    const entries = new Map<string, string>();
    for (const entry of value.entries) entries.set(entry.key, flatText(entry.value));
    return accept(entries);
  }
  if (value.kind === 'array') return accept(value.items.map((item) => item.text));
  return accept(value.kind === 'none' ? true : value.text);
}

function flatText(value: Value): string {
  if (value.kind === 'array') return value.items.map((item) => item.text).join(' ');
  if (value.kind === 'dictionary') return value.entries.map((entry) => `${entry.key}=${flatText(entry.value)}`).join(' ');
  return wordText(value);
}
