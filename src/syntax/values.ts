/**
 * Parses values: words, quoted texts, arrays `( a b )` and dictionaries `[ k = v ]`.
 *
 * The rule to know: each method starts at the first byte of what it parses and never fails; what it cannot read becomes a problem and the
 * reading goes on at the likeliest place. A closing bracket that is missing is looked for no further than the next brace.
 * Commas between items are tolerated. Unquoted values may hold `/` (paths and networks stand bare in the manual's examples), but no other
 * character that CFG-04 lists.
 * Truth: CFG-04, CFG-06.
 */
import { MAX_VALUE_DEPTH } from './errors.ts';
import type { ProblemList } from './problem-list.ts';
import type { Mark, Scanner } from './scanner.ts';
import { decodeText, unescapeQuoted } from './text.ts';
import type { ArrayValue, DictionaryEntry, DictionaryValue, NoValue, Place, Value, Word } from './tree.ts';

// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0e-\x1f\x7f]/;
const CURLY_QUOTE = /\xe2\x80[\x98-\x9f]/;

type Open<T> = { -readonly [K in keyof T]: T[K] };

export class ValueParser {
  private readonly scanner: Scanner;
  private readonly problems: ProblemList;
  /** Texts that end before this offset were read a second time already, see `quoted`. */
  private reread = 0;

  constructor(scanner: Scanner, problems: ProblemList) {
    this.scanner = scanner;
    this.problems = problems;
  }

  /** The value that begins here, or undefined (nothing moved, nothing reported) if none does. */
  value(isInList: boolean, depth: number): Value | undefined {
    const scanner = this.scanner;
    if (scanner.isAtQuote()) return this.quoted();
    const char = scanner.source[scanner.pos];
    if (char === '(') return this.array();
    if (char === '[') return this.dictionary(depth);
    return this.bareWord(isInList);
  }

  /** An unquoted word, or undefined if there is none here. */
  bareWord(isInList: boolean): Word | undefined {
    const offset = this.scanner.pos;
    const end = this.scanner.skipWord(isInList);
    return end === offset ? undefined : this.wordAt(offset, end);
  }

  /** The unquoted word between two offsets of the current line. */
  wordAt(offset: number, end: number): Word {
    const at = this.scanner.placeHere(offset, end);
    const raw = this.scanner.source.slice(offset, end);
    if (!this.scanner.ascii) this.checkTypography(raw, at);
    if (raw.length > 1 && raw.endsWith(';')) {
      this.problems.add('semicolon', this.scanner.placeHere(end - 1, end), `unexpected ';' after "${decodeText(raw.slice(0, -1))}"`);
    }
    return { kind: 'word', text: decodeText(raw), quoted: false, at };
  }

  /** Reports typographic quotes, which word processors put where plain ones belong. */
  checkTypography(raw: string, at: Place): void {
    const curly = raw.search(CURLY_QUOTE);
    if (curly >= 0)
      this.problems.add('curly-quote', this.scanner.placeHere(at.offset + curly, at.offset + curly + 3), 'typographic quotation mark');
  }

  /**
   * A quoted text, which may span lines. If the mark that closes it stands on a later line and is glued to a word, it is more likely the
   * opening mark of another text: then the missing mark is reported here, and reading goes on after the first line. Each byte is
   * read a second time at most once.
   */
  quoted(): Word {
    const scanner = this.scanner;
    const start = scanner.mark();
    const at: Open<Place> = scanner.placeHere(start.pos, start.pos);
    const range = scanner.skipQuoted();
    let isClosed = range.isClosed;
    if (range.spansLines && start.pos >= this.reread && this.isGlued()) {
      this.reread = range.end;
      scanner.reset(start);
      scanner.pos = scanner.trimmedEndOfLine(start.pos);
      isClosed = false;
    }
    at.end = scanner.pos;
    const raw = scanner.source.slice(start.pos + 1, isClosed ? at.end - 1 : at.end);
    if (!isClosed) this.problems.add('unterminated-string', at, `the text that begins with ${scanner.source[start.pos]} is never closed`);
    else if (CONTROL.test(raw)) this.problems.add('control-character', at, 'a control character stands between quotation marks');
    return { kind: 'word', text: decodeText(unescapeQuoted(raw)), quoted: true, at };
  }

  private isGlued(): boolean {
    const next = this.scanner.source[this.scanner.pos];
    return next !== undefined && !/[\s#,;/)\]{}]/.test(next);
  }

  array(): ArrayValue {
    const scanner = this.scanner;
    const at: Open<Place> = scanner.placeHere(scanner.pos, scanner.pos + 1);
    const items: Word[] = [];
    let last: Mark | undefined;
    scanner.pos++;
    for (;;) {
      scanner.skipTrivia();
      const char = scanner.source[scanner.pos];
      if (char === ')') {
        scanner.pos++;
        break;
      }
      if (char === ',') scanner.pos++;
      else if (char === undefined || char === '{' || char === '}') {
        this.unclosed('unclosed-array', at, ')');
        break;
      } else if (char === '=' && last !== undefined && this.beginsLine(last)) {
        items.pop();
        scanner.reset(last);
        this.unclosed('unclosed-array', at, ')');
        break;
      } else if (scanner.isAtQuote()) {
        last = undefined;
        items.push(this.quoted());
      } else {
        const mark = scanner.mark();
        const word = this.bareWord(true);
        last = word === undefined ? undefined : mark;
        if (word !== undefined) items.push(word);
        else this.strayInList('list');
      }
    }
    at.end = scanner.pos;
    return { kind: 'array', items, at };
  }

  /** True if the word at the mark is the first thing on its line: then `word =` there is a statement and not an item. */
  private beginsLine(mark: Mark): boolean {
    const now = this.scanner.mark();
    this.scanner.reset(mark);
    const isFirst = this.scanner.isFirstOnLine(mark.pos);
    this.scanner.reset(now);
    return isFirst;
  }

  dictionary(depth: number): DictionaryValue {
    const scanner = this.scanner;
    const at: Open<Place> = scanner.placeHere(scanner.pos, scanner.pos + 1);
    const entries: DictionaryEntry[] = [];
    scanner.pos++;
    for (;;) {
      scanner.skipTrivia();
      const char = scanner.source[scanner.pos];
      if (char === ']') {
        scanner.pos++;
        break;
      }
      if (char === ',') scanner.pos++;
      else if (char === undefined || char === '{' || char === '}') {
        this.unclosed('unclosed-dictionary', at, ']');
        break;
      } else {
        const mark = scanner.mark();
        const key = scanner.isAtQuote() ? this.quoted() : this.bareWord(true);
        if (key === undefined) this.strayInList('dictionary');
        else if (!key.quoted && this.isScopeHead()) {
          scanner.reset(mark);
          this.unclosed('unclosed-dictionary', at, ']');
          break;
        } else entries.push(this.entry(key, depth));
      }
    }
    at.end = scanner.pos;
    return { kind: 'dictionary', entries, at };
  }

  /** True if what follows a bare word makes it the head of a scope: `{`, or an instance and `{`. */
  private isScopeHead(): boolean {
    const scanner = this.scanner;
    const mark = scanner.mark();
    scanner.skipTrivia();
    if (scanner.isAtQuote()) scanner.skipQuoted();
    else scanner.skipWord(true);
    scanner.skipTrivia();
    const isHead = scanner.source[scanner.pos] === '{';
    scanner.reset(mark);
    return isHead;
  }

  private entry(key: Word, depth: number): DictionaryEntry {
    const scanner = this.scanner;
    scanner.skipTrivia();
    let value: Value | undefined;
    if (scanner.source[scanner.pos] !== '=') {
      this.problems.add('missing-equals', key.at, `no '=' after the key "${key.text}"`, `write '${key.text} = value'`);
    } else {
      scanner.pos++;
      scanner.skipTrivia();
      if (scanner.source[scanner.pos] === '[' && depth + 1 >= MAX_VALUE_DEPTH) this.skipTooDeep();
      else value = this.value(true, depth + 1) ?? this.missingValue(key);
    }
    value ??= this.noValue(key.at);
    return { key: key.text, value, at: { ...key.at, end: Math.max(key.at.end, value.at.end) } };
  }

  private missingValue(key: Word): undefined {
    this.problems.add('missing-value', key.at, `no value after '${key.text} ='`, `write '${key.text} = value'`);
  }

  /** At the `[` of a dictionary that nests too deep: moves behind its `]`, or to the next brace. */
  private skipTooDeep(): void {
    const scanner = this.scanner;
    const at = scanner.placeHere(scanner.pos, scanner.pos + 1);
    this.problems.add('too-deep', at, `dictionaries nest more than ${MAX_VALUE_DEPTH} deep`, 'close the inner dictionaries');
    let depth = 0;
    for (; !scanner.isAtEnd(); scanner.skipTrivia()) {
      const char = scanner.source[scanner.pos] ?? '';
      if (char === '{' || char === '}') return;
      if (char === '[') depth++;
      scanner.skipToken();
      if (char === ']' && --depth === 0) return;
    }
  }

  noValue(after: Place): NoValue {
    return { kind: 'none', at: { ...after, offset: after.end, column: after.column + (after.end - after.offset) } };
  }

  private unclosed(code: 'unclosed-array' | 'unclosed-dictionary', at: Place, close: string): void {
    this.problems.add(
      code,
      at,
      `the ${code === 'unclosed-array' ? 'list' : 'dictionary'} that begins here is never closed with '${close}'`,
    );
  }

  /** Something that may not stand in a list: reported and left out. */
  private strayInList(what: string): void {
    const scanner = this.scanner;
    const at = scanner.placeHere(scanner.pos, scanner.pos + 1);
    const char = scanner.source[scanner.pos] ?? '';
    if (CONTROL.test(char)) this.problems.add('control-character', at, `control character in a ${what}`);
    else this.problems.add('needs-quotes', at, `unexpected '${char}' in a ${what}`);
    scanner.pos++;
  }
}
