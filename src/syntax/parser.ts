/**
 * The parser of ecelerity.conf: statements and scopes. Bytes in, tree and problems out.
 *
 * The rules to know: it never throws and takes linear time; scopes are kept on a stack of its own, so depth costs no call stack. After a
 * problem it goes on at the next line or brace, so that one run finds all problems.
 *
 * White space separates and nothing more (CFG-03), so a line break has a voice only where the text is doubtful: in telling a value that is
 * missing from a value on the next line, and where reading goes on after a problem.
 * Tolerated as the manual's examples need it (CFG-06): a dictionary without `=`, `Scope = { }`, patterns as bare instance names (FB-12),
 * and the option of 2.x that stands without a value. What is no tolerated variant is a problem, never a guess.
 */
import type { Buffer } from 'node:buffer';
import { MAX_SCOPE_DEPTH } from './errors.ts';
import { ProblemList } from './problem-list.ts';
import { Scanner, type Mark } from './scanner.ts';
import { decodeText, toSource } from './text.ts';
import {
  foldName,
  isName,
  type Body,
  type ConfFile,
  type Place,
  type ScopeStatement,
  type Statement,
  type Value,
  type Word,
} from './tree.ts';
import { ValueParser } from './values.ts';

/** Options that may stand without a value; in 2.x this one opened the relay for the domains that have a binding. */
const BARE_STATEMENTS: ReadonlySet<string> = new Set(['relay_for_sending_domains']);

const EMPHASIS_HINT = 'asterisks around a word look like emphasis that came along from a document: remove them';

type Open<T> = { -readonly [K in keyof T]: T[K] };

/** A scope that is still open; `scope` is undefined for the file itself and for a brace without a name. */
interface Frame {
  readonly scope: Open<ScopeStatement> | undefined;
  readonly statements: Statement[];
  /** Where the name, or the stray brace, stands. */
  readonly at: Open<Place> | undefined;
  readonly bodyOffset: number;
  /** True if the scope's name is the first thing on its line; then its column is its indentation. */
  readonly isFirstOnLine: boolean;
}

/** A name that was read, and where. */
interface Name {
  readonly text: string;
  readonly at: Open<Place>;
  readonly isFirstOnLine: boolean;
}

class Parser {
  readonly scanner: Scanner;
  private readonly problems: ProblemList;
  private readonly values: ValueParser;
  private readonly frames: Frame[] = [];
  private frame: Frame;
  /** The line on which the last `Name = word` ended, and that name: for the hint about values of several words. */
  private lastWordLine = 0;
  private lastWordName = '';
  /** The first closing brace that does not stand under the scope it closes. */
  private crooked: { line: number; name: string; openLine: number } | undefined;

  constructor(scanner: Scanner) {
    this.scanner = scanner;
    this.problems = new ProblemList(scanner.source);
    this.values = new ValueParser(scanner, this.problems);
    this.frame = { scope: undefined, statements: [], at: undefined, bodyOffset: 0, isFirstOnLine: false };
    this.frames.push(this.frame);
  }

  run(): ConfFile {
    const scanner = this.scanner;
    const statements = this.frame.statements;
    for (scanner.skipTrivia(); !scanner.isAtEnd(); scanner.skipTrivia()) this.statement();
    this.closeRest();
    return { file: scanner.file, statements, problems: this.problems.done(), source: scanner.source };
  }

  private statement(): void {
    const scanner = this.scanner;
    const char = scanner.source[scanner.pos];
    if (char === '}') return this.closeScope();
    if (char === '{') return this.strayBrace();
    const offset = scanner.pos;
    const isFirstOnLine = scanner.isFirstOnLine(offset);
    const end = scanner.skipWord(false);
    if (end === offset) return this.strayToken();
    const at = scanner.placeHere(offset, end);
    const name: Name = { text: decodeText(scanner.source.slice(offset, end)), at, isFirstOnLine };
    if (name.text === ';') return this.problems.add('semicolon', at, "unexpected ';'");
    this.checkName(name);
    scanner.skipTrivia();
    const folded = foldName(name.text);
    if (folded === 'include' || folded === 'readonly_include') return this.include(name, folded !== 'include');
    this.afterName(name);
  }

  private checkName(name: Name): void {
    if (isName(name.text)) return;
    if (!this.scanner.ascii) this.values.checkTypography(this.scanner.source.slice(name.at.offset, name.at.end), name.at);
    const hint = name.text.includes('**') ? EMPHASIS_HINT : undefined;
    this.problems.add('bad-name', name.at, `"${name.text}" is not a name`, hint);
  }

  private afterName(name: Name): void {
    const scanner = this.scanner;
    switch (scanner.source[scanner.pos]) {
      case '=':
        return this.afterEquals(name);
      case '{':
        return this.openScope(name, undefined);
      case '[':
        return this.option(name, this.values.dictionary(0));
      case '(':
        this.problems.add('missing-equals', name.at, `no '=' between '${name.text}' and '('`, `write '${name.text} = ( ... )'`);
        return this.option(name, this.values.array());
      case '"':
      case "'":
        return this.afterQuotedInstance(name, this.values.quoted());
      default:
        return this.afterWord(name);
    }
  }

  private afterEquals(name: Name): void {
    const scanner = this.scanner;
    const line = scanner.line;
    scanner.pos++;
    scanner.skipTrivia();
    if (scanner.source[scanner.pos] === '{') return this.openScope(name, undefined);
    if (scanner.line !== line && this.isNextStatement()) return this.missingValue(name, `no value after '${name.text} ='`);
    const value = this.values.value(false, 0);
    if (value === undefined) return this.missingValue(name, `no value after '${name.text} ='`);
    this.option(name, value);
    if (value.kind === 'word') {
      this.lastWordLine = scanner.line;
      this.lastWordName = name.text;
    }
  }

  /** True if an unquoted word and `=` stand here. */
  private isNextStatement(): boolean {
    const scanner = this.scanner;
    const mark = scanner.mark();
    const isWord = scanner.skipWord(false) > mark.pos;
    scanner.skipTrivia();
    const isStatement = isWord && scanner.source[scanner.pos] === '=';
    scanner.reset(mark);
    return isStatement;
  }

  /** After `Name "text"`: a scope, or an option whose `=` was forgotten. */
  private afterQuotedInstance(name: Name, instance: Word): void {
    this.scanner.skipTrivia();
    if (this.scanner.source[this.scanner.pos] === '{') return this.openScope(name, instance.text);
    this.missingEquals(name, instance);
  }

  /** After a name that is followed by a word or by nothing that belongs to it. */
  private afterWord(name: Name): void {
    const scanner = this.scanner;
    const mark = scanner.mark();
    const isBare = BARE_STATEMENTS.has(foldName(name.text));
    const isSameLine = scanner.line === name.at.line;
    const end = scanner.skipInstance();
    if (end === mark.pos) return isBare ? this.bareStatement(name) : this.missingValue(name, `'${name.text}' has no value`);
    scanner.skipTrivia();
    const next = scanner.source[scanner.pos];
    scanner.reset(mark);
    if (isBare && (next !== '{' || !isSameLine)) return this.bareStatement(name);
    if (next === '{') return this.openScope(name, this.instanceAt(mark, end));
    if (!isSameLine) return this.missingValue(name, `'${name.text}' has no value`);
    if (next === '=') return this.notOneWord(name, end);
    this.missingEquals(name, this.instanceWord(mark, end));
  }

  /** `Two words = value`, or what is left of a value of several words. */
  private notOneWord(name: Name, end: number): void {
    const second = decodeText(this.scanner.source.slice(this.scanner.pos, end));
    if (this.isAfterWord(name)) return this.needsQuotes(name);
    this.problems.add(
      'missing-equals',
      name.at,
      `'${name.text}' is followed by '${second} ='`,
      'a name is one word; between name and value stands one =',
    );
    this.push(name, this.values.noValue(name.at));
  }

  private missingEquals(name: Name, value: Word): void {
    if (this.isAfterWord(name)) this.needsQuotes(name);
    else {
      const written = value.quoted ? `"${value.text}"` : value.text;
      const hint = `write '${name.text} = ${written}' for an option, or '${name.text} ${written} { ... }' for a scope`;
      this.problems.add('missing-equals', name.at, `neither '=' nor '{' follows '${name.text} ${written}'`, hint);
    }
    this.option(name, value);
  }

  private isAfterWord(name: Name): boolean {
    return this.lastWordLine === name.at.line && this.lastWordName !== '';
  }

  private needsQuotes(name: Name): void {
    const hint = `if it belongs to the value of '${this.lastWordName}', put that value in quotation marks`;
    this.problems.add('needs-quotes', name.at, `'${name.text}' is not the beginning of a statement`, hint);
  }

  private instanceAt(mark: Mark, end: number): string {
    return this.instanceWord(mark, end).text;
  }

  /** Takes the unquoted instance between the mark and `end`, and moves to what follows it. */
  private instanceWord(mark: Mark, end: number): Word {
    const word = this.values.wordAt(mark.pos, end);
    this.scanner.pos = end;
    this.scanner.skipTrivia();
    return word;
  }

  private missingValue(name: Name, message: string): void {
    if (this.isAfterWord(name)) this.needsQuotes(name);
    else this.problems.add('missing-value', name.at, message, `write '${name.text} = value'`);
    this.push(name, this.values.noValue(name.at));
  }

  private bareStatement(name: Name): void {
    this.push(name, this.values.noValue(name.at));
  }

  private option(name: Name, value: Value): void {
    name.at.end = value.at.end;
    this.push(name, value);
  }

  private push(name: Name, value: Value): void {
    this.frame.statements.push({ kind: 'option', name: name.text, value, at: name.at });
  }

  private include(name: Name, isReadonly: boolean): void {
    const scanner = this.scanner;
    let target: Word | undefined;
    if (scanner.source[scanner.pos] === '=') {
      this.problems.add('missing-target', name.at, `'${name.text}' takes no '='`, `write ${name.text} "path"`);
      scanner.pos++;
      scanner.skipTrivia();
    }
    if (scanner.isAtQuote()) target = this.values.quoted();
    else if (scanner.line === name.at.line) target = this.values.bareWord(false);
    if (target === undefined) return this.problems.add('missing-target', name.at, `'${name.text}' does not say what to include`);
    name.at.end = target.at.end;
    this.frame.statements.push({ kind: 'include', readonly: isReadonly, target: target.text, at: name.at });
  }

  /** At `{`. */
  private openScope(name: Name, instance: string | undefined): void {
    const scanner = this.scanner;
    const bodyOffset = ++scanner.pos;
    const statements: Statement[] = [];
    const body: Body = { offset: bodyOffset, end: bodyOffset, isClosed: false };
    const scope: Open<ScopeStatement> = { kind: 'scope', name: name.text, instance, statements, at: name.at, body };
    this.frame.statements.push(scope);
    const isTooDeep = this.frames.length > MAX_SCOPE_DEPTH;
    this.enter({ scope, statements, at: name.at, bodyOffset, isFirstOnLine: name.isFirstOnLine });
    if (!isTooDeep) return;
    this.problems.add('too-deep', name.at, `scopes nest more than ${MAX_SCOPE_DEPTH} deep`);
    this.skipToClose();
  }

  private enter(frame: Frame): void {
    this.frames.push(frame);
    this.frame = frame;
  }

  /** Moves to the brace that closes the scope just opened, or to the end. */
  private skipToClose(): void {
    const scanner = this.scanner;
    let depth = 0;
    for (scanner.skipTrivia(); !scanner.isAtEnd(); scanner.skipTrivia()) {
      const char = scanner.source[scanner.pos];
      if (char === '}' && depth-- === 0) return;
      if (char === '{') depth++;
      scanner.skipToken();
    }
  }

  /** At `}`. */
  private closeScope(): void {
    const scanner = this.scanner;
    const close = scanner.pos;
    const { scope, at, bodyOffset } = this.frame;
    if (this.frames.length === 1) {
      this.problems.add('unexpected-close', scanner.placeHere(close, close + 1), "this '}' closes nothing");
    } else {
      this.noteCrooked(close);
      if (at !== undefined) at.end = close + 1;
      if (scope !== undefined) scope.body = { offset: bodyOffset, end: close, isClosed: true };
      this.leave();
    }
    scanner.pos = close + 1;
  }

  private leave(): void {
    this.frames.pop();
    this.frame = this.frames.at(-1) ?? this.frame;
  }

  private noteCrooked(close: number): void {
    const { at, scope, isFirstOnLine } = this.frame;
    if (this.crooked !== undefined || at === undefined || scope === undefined || !isFirstOnLine || at.line === this.scanner.line) return;
    if (!this.scanner.isFirstOnLine(close) || this.scanner.columnOf(close) === at.column) return;
    this.crooked = { line: this.scanner.line, name: scope.name, openLine: at.line };
  }

  private strayBrace(): void {
    const scanner = this.scanner;
    const at = scanner.placeHere(scanner.pos, scanner.pos + 1);
    this.problems.add(
      'unexpected-token',
      at,
      "this '{' follows no name of a scope",
      "write 'Scope { ... }' or 'Scope \"instance\" { ... }'",
    );
    scanner.pos++;
    this.enter({ scope: undefined, statements: [], at, bodyOffset: scanner.pos, isFirstOnLine: false });
  }

  /** Something that begins no statement: reported, then skipped to the next line or brace. */
  private strayToken(): void {
    const scanner = this.scanner;
    const line = scanner.line;
    const at = scanner.placeHere(scanner.pos, scanner.pos + 1);
    const char = scanner.source[scanner.pos] ?? '';
    if (scanner.isAtQuote()) {
      const text = this.values.quoted();
      this.problems.add('unexpected-token', text.at, 'a text in quotation marks begins no statement');
    } else {
      const isControl = char < ' ' || char === '\x7f';
      if (isControl) this.problems.add('control-character', at, 'control character outside of quotation marks');
      else this.problems.add('unexpected-token', at, `unexpected '${char}'`);
      scanner.pos++;
    }
    scanner.skipTrivia();
    while (!scanner.isAtEnd() && scanner.line === line && !'{}'.includes(scanner.source[scanner.pos] ?? '')) {
      scanner.skipToken();
      scanner.skipTrivia();
    }
  }

  /** At the end of the text: everything that is still open. A comment without end swallowed the braces too, so it alone is reported. */
  private closeRest(): void {
    const scanner = this.scanner;
    const comment = scanner.openComment;
    for (const at of scanner.oddSpaces) this.problems.add('odd-space', at, 'a no-break space stands between words');
    if (comment !== undefined) this.problems.add('unterminated-comment', comment, "the comment that begins here is never closed with '*/'");
    for (; this.frames.length > 1; this.leave()) {
      const { scope, at, bodyOffset } = this.frame;
      if (at !== undefined && comment === undefined) this.unclosedScope(scope, { ...at });
      if (at !== undefined) at.end = scanner.length;
      if (scope !== undefined) scope.body = { offset: bodyOffset, end: scanner.length, isClosed: false };
    }
  }

  private unclosedScope(scope: ScopeStatement | undefined, at: Place): void {
    const { crooked } = this;
    const what = scope === undefined ? "the '{' that stands here" : `the scope '${scope.name}' that begins here`;
    const hint =
      crooked &&
      `add the missing '}'; the first one that does not stand under its scope is at line ${crooked.line} and closes '${crooked.name}' of line ${crooked.openLine}`;
    this.problems.add('unclosed-scope', at, `${what} is never closed`, hint);
  }
}

/** Parses the text of a file. Never throws; takes time linear in the length. `file` is the name that places and problems carry. */
export function parseConf(text: Buffer | string, file: string): ConfFile {
  return parseSource(toSource(text), file).conf;
}

/** Parses a byte string; `steps` is the work done, in bytes looked at, for the tests that hold it linear. */
export function parseSource(source: string, file: string): { conf: ConfFile; steps: number } {
  const scanner = new Scanner(source, file);
  const conf = new Parser(scanner).run();
  return { conf, steps: scanner.steps };
}
