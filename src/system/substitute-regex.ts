// What stands in for PCRE where the library is missing: V8's own expressions, only for patterns both read alike.
//
// The rule to know: only what can be matched in bounded time is taken. Lookaround, backreferences, atomic groups, possessive
// quantifiers, recursion and verbs are refused with a plain word, as are PCRE escapes that V8 would read differently; a
// guard must not match something else than the operator wrote. Bytes are matched as latin1 characters.
// The launcher runs V8 with its linear engine for patterns that backtrack too much, which is what bounds the time.

import type { PcreRegex, PcreResult } from './regex.ts';

const posixClasses: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`{-~',
  xdigit: '0-9A-Fa-f',
  word: '\\w',
};

interface Translation {
  source: string;
  flags: string;
}

class Refusal extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Reads a PCRE pattern (latin1 characters for bytes) into V8's language, or throws a Refusal. */
function translate(pattern: string, caseless: boolean): Translation {
  let flags = caseless ? 'i' : '';
  let at = 0;
  const leading = /^\(\?([ims]+)\)/.exec(pattern);
  if (leading !== null) {
    flags = [...new Set(flags + (leading[1] ?? ''))].join('');
    at = leading[0].length;
  }
  let source = '';
  while (at < pattern.length) {
    const c = pattern.charAt(at);
    let piece = c;
    let taken = 1;
    if (c === '\\') [piece, taken] = escape(pattern, at);
    else if (c === '[') [piece, taken] = classOf(pattern, at);
    else if (c === '(') [piece, taken] = group(pattern, at);
    else if (/[*+?}]/.test(c) && pattern.charAt(at + 1) === '+') throw new Refusal('possessive quantifiers need the PCRE library', at);
    else if (c === '$' && !flags.includes('m')) piece = '(?:$|(?=\\n$))';
    source += piece;
    at += taken;
  }
  return { source, flags };
}

function escape(pattern: string, at: number): [string, number] {
  const c = pattern.charAt(at + 1);
  if (c === 'x') {
    const hex = /^\\x[\dA-Fa-f]{2}/.exec(pattern.slice(at, at + 4));
    if (hex !== null) return [hex[0], 4];
  } else if (c === 'A') return ['^', 2];
  else if (c === 'z') return ['$', 2];
  else if (c === 'e') return ['\\x1b', 2];
  else if (c === 'h') return ['[ \\t\\xa0]', 2];
  else if (/[dDwWsSbBnrtfv]/.test(c) && c !== 'v') return [`\\${c}`, 2];
  else if (c !== '' && /[^A-Za-z0-9]/.test(c)) return [/[/^$\\.*+?()[\]{}|-]/.test(c) ? `\\${c}` : c, 2];
  throw new Refusal(`the escape \\${c} needs the PCRE library`, at);
}

function group(pattern: string, at: number): [string, number] {
  if (pattern.charAt(at + 1) === '*') throw new Refusal('verbs need the PCRE library', at);
  if (pattern.charAt(at + 1) !== '?') return ['(', 1];
  if (pattern.startsWith('(?:', at)) return ['(?:', 3];
  const name = /^\(\?P?<([A-Za-z_]\w*)>/.exec(pattern.slice(at, at + 70));
  if (name !== null) return [`(?<${name[1]}>`, name[0].length];
  throw new Refusal('lookaround, atomic groups, recursion and inner options need the PCRE library', at);
}

function classOf(pattern: string, from: number): [string, number] {
  let at = from + 1;
  let out = '[';
  if (pattern.charAt(at) === '^') {
    out += '^';
    at += 1;
  }
  for (let isFirst = true; at < pattern.length; isFirst = false) {
    const c = pattern.charAt(at);
    if (c === ']' && !isFirst) return [`${out}]`, at + 1 - from];
    const posix = /^\[:([a-z]+):\]/.exec(pattern.slice(at, at + 12));
    if (posix !== null) {
      const inside = posixClasses[posix[1] ?? ''];
      if (inside === undefined) throw new Refusal(`the class [:${posix[1]}:] needs the PCRE library`, at);
      out += inside;
      at += posix[0].length;
    } else if (c === '\\') {
      const isBackspace = pattern.charAt(at + 1) === 'b';
      const [piece, taken] = isBackspace ? (['\\b', 2] as const) : escape(pattern, at);
      if (piece.startsWith('[') || piece === '^' || piece === '$') throw new Refusal('this escape in a class needs the PCRE library', at);
      out += piece;
      at += taken;
    } else {
      out += c === ']' || c === '[' ? `\\${c}` : c;
      at += 1;
    }
  }
  throw new Refusal('missing terminating ] for character class', pattern.length);
}

/** @param pattern bytes as latin1 characters. */
export function compileSubstitute(
  pattern: string,
  o: { caseless: boolean; encoding: 'utf8' | 'latin1'; longestSubject: number },
): PcreResult {
  let regex: RegExp;
  try {
    const { source, flags } = translate(pattern, o.caseless);
    regex = new RegExp(source, flags);
  } catch (error) {
    const offset = error instanceof Refusal ? error.offset : 0;
    return { ok: false, message: error instanceof Error ? error.message : String(error), offset };
  }
  return { ok: true, regex: new SubstituteRegex(regex, o) };
}

class SubstituteRegex implements PcreRegex {
  readonly exhausted = 0;
  readonly #encoding: 'utf8' | 'latin1';
  readonly #longest: number;
  #regex: RegExp | undefined;

  constructor(regex: RegExp, o: { encoding: 'utf8' | 'latin1'; longestSubject: number }) {
    this.#regex = regex;
    this.#encoding = o.encoding;
    this.#longest = o.longestSubject;
  }

  test(subject: string | Buffer): boolean {
    return this.#regex?.test(this.#bytes(subject)) === true;
  }

  exec(subject: string | Buffer): string[] | undefined {
    const found = this.#regex?.exec(this.#bytes(subject));
    if (found === null || found === undefined) return undefined;
    return Array.from(found, (group: string | undefined) => Buffer.from(group ?? '', 'latin1').toString(this.#encoding));
  }

  close(): void {
    this.#regex = undefined;
  }

  #bytes(subject: string | Buffer): string {
    const bytes = typeof subject === 'string' ? Buffer.from(subject, this.#encoding) : subject;
    return bytes.toString('latin1', 0, this.#longest);
  }
}
