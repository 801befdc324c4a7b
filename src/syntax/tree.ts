/**
 * The tree of a configuration file: what the parser builds and what the config room reads.
 *
 * The rule to know: a node stores offsets into the source and never the source itself, and white space and comments are no
 * nodes at all. The source text stays whole inside `ConfFile`, so printing gives every byte back without being stored twice.
 *
 * What it does not do: it gives no meaning. Names keep the spelling of the file (compare them with `foldName`), repeated scopes
 * stay separate statements, numbers and booleans are words.
 * Truth: rules CFG-02 to CFG-06 and FB-12.
 */
import type { ProblemCode } from './errors.ts';

/** A range of a file. `line` and `column` start at 1 and say where the range begins; `column` counts characters, offsets count bytes. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly offset: number;
  /** Offset of the first byte after the range. */
  readonly end: number;
}

/** Something the language does not allow. `near` is the token at fault, as it stands in the file, or "end of file". */
export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly near: string;
  readonly at: Place;
  readonly hint?: string;
}

/** A single value. `text` is without quotes, escapes resolved, decoded from UTF-8 where the bytes are valid UTF-8, else one character a byte. */
export interface Word {
  readonly kind: 'word';
  readonly text: string;
  readonly quoted: boolean;
  readonly at: Place;
}

export interface ArrayValue {
  readonly kind: 'array';
  readonly items: readonly Word[];
  readonly at: Place;
}

export interface DictionaryEntry {
  readonly key: string;
  readonly value: Value;
  readonly at: Place;
}

export interface DictionaryValue {
  readonly kind: 'dictionary';
  readonly entries: readonly DictionaryEntry[];
  readonly at: Place;
}

/** No value: a bare statement (`relay_for_sending_domains`), or an option whose value is missing (then there is also a problem). */
export interface NoValue {
  readonly kind: 'none';
  readonly at: Place;
}

export type Value = Word | ArrayValue | DictionaryValue | NoValue;

/** `Name = value` in all its forms. `at` goes from the name to the end of the value. */
export interface OptionStatement {
  readonly kind: 'option';
  readonly name: string;
  readonly value: Value;
  readonly at: Place;
}

/** `Name { }`, `Name "instance" { }`. `at` goes from the name to the closing brace; `body` is the range between the braces. */
export interface ScopeStatement {
  readonly kind: 'scope';
  readonly name: string;
  /** Undefined for a scope without instance; the empty string for `Name "" { }`. */
  readonly instance: string | undefined;
  readonly statements: readonly Statement[];
  readonly at: Place;
  readonly body: Body;
}

/** Byte offsets: first byte after `{`, and the `}` itself (or where the text ended without it, then `isClosed` is false). */
export interface Body {
  readonly offset: number;
  readonly end: number;
  readonly isClosed: boolean;
}

/** `include "target"` and `readonly_include "target"`. */
export interface IncludeStatement {
  readonly kind: 'include';
  readonly readonly: boolean;
  readonly target: string;
  readonly at: Place;
}

export type Statement = OptionStatement | ScopeStatement | IncludeStatement;

/** A parsed file. After an edit the same object holds the new source, statements and problems; nodes read before the edit are stale. */
export interface ConfFile {
  /** The name given to the parser; it appears in every place and problem. */
  readonly file: string;
  statements: readonly Statement[];
  problems: readonly Problem[];
  /** The whole text, one character (0 to 255) for each byte. */
  source: string;
}

/** The form under which names are equal (CFG-05): option and scope names do not care about case; only ASCII letters have case here. */
export function foldName(name: string): string {
  return name.toLowerCase();
}

const NAME = /^[A-Za-z_][\w.:-]*$/;

/** True for what can be the name of an option or scope. */
export function isName(text: string): boolean {
  return NAME.test(text);
}
