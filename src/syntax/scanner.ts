/**
 * The lexer: walks over a byte string, knows line and column, and cuts out white space, comments, words and quoted texts.
 *
 * The rule to know: linear time. Every byte is looked at a bounded number of times, whatever the input; `steps` counts the bytes looked at
 * and the tests hold it to that. A search for a closing mark that failed once is never repeated.
 *
 * There is no token object and no token list: the parser asks for what may come next at `pos`. That is what lets a pattern such as
 * /a(b|c)$/ stand unquoted where an instance name may come and nowhere else (FB-12).
 * A line ends at LF; a CR before it is white space. Comments: `#` to the end of the line and C style, not nested (CFG-02).
 */
import { MAX_PROBLEMS } from './errors.ts';
import { isAscii } from './text.ts';
import type { Place } from './tree.ts';

const LF = 10;
const QUOTE = 34;
const HASH = 35;
const APOSTROPHE = 39;
const STAR = 42;
const COMMA = 44;
const SLASH = 47;
const BACKSLASH = 92;
const OPEN_BRACE = 123;
/** A no-break space (U+00A0) is these two bytes. */
const ODD_SPACE_FIRST = 0xc2;
const ODD_SPACE_SECOND = 0xa0;

const SPACE_CLASS = 1;
const STOP_CLASS = 2;
const DOUBTFUL_CLASS = 3;
/** What each byte is: white space, a byte that ends a word, one that may (it depends on the next), or (0) part of a word. */
const CLASS = new Uint8Array(256);
for (let code = 0; code < 32; code++) CLASS[code] = STOP_CLASS;
CLASS[127] = STOP_CLASS;
for (const char of '#"\'={}[]()') CLASS[char.charCodeAt(0)] = STOP_CLASS;
CLASS[COMMA] = DOUBTFUL_CLASS;
CLASS[SLASH] = DOUBTFUL_CLASS;
CLASS[ODD_SPACE_FIRST] = DOUBTFUL_CLASS;
for (const code of [9, LF, 11, 12, 13, 32]) CLASS[code] = SPACE_CLASS;

/** A quoted text: the range with its marks. `isClosed` is false if the closing mark is missing (then it ends with its first line). */
interface QuotedRange {
  readonly offset: number;
  readonly end: number;
  readonly isClosed: boolean;
  /** True if the closing mark stands on a later line than the opening one. */
  readonly spansLines: boolean;
}

/** A position to go back to. */
export interface Mark {
  readonly pos: number;
  readonly line: number;
  readonly lineStart: number;
}

export class Scanner {
  readonly source: string;
  readonly file: string;
  readonly length: number;
  pos = 0;
  line = 1;
  lineStart = 0;
  /** Bytes looked at so far. */
  steps = 0;
  /** The opening mark of the comment that never ends, if there is one. */
  openComment: Place | undefined;
  /** No-break spaces between tokens: read as white space, and reported; the first MAX_PROBLEMS of them. */
  readonly oddSpaces: Place[] = [];
  readonly ascii: boolean;
  /** The next line feed at or after `lineFeedFrom`, so that no stretch without one is searched twice. */
  private lineFeedFrom = 0;
  private lineFeedAt = -1;
  /** The last column that was worked out on this line, to count on from there. */
  private columnLineStart = -1;
  private columnOffset = 0;
  private columnNumber = 1;
  private quoteIsHopeless = false;
  private apostropheIsHopeless = false;

  constructor(source: string, file: string) {
    this.source = source;
    this.file = file;
    this.length = source.length;
    this.ascii = isAscii(source);
    if (source.startsWith('\xef\xbb\xbf')) {
      this.pos = 3;
      this.lineStart = 3;
    }
  }

  /** The byte at `pos`, or NaN at the end. */
  peek(): number {
    return this.source.charCodeAt(this.pos);
  }

  isAtEnd(): boolean {
    return this.pos >= this.length;
  }

  mark(): Mark {
    return { pos: this.pos, line: this.line, lineStart: this.lineStart };
  }

  reset(mark: Mark): void {
    this.pos = mark.pos;
    this.line = mark.line;
    this.lineStart = mark.lineStart;
  }

  /** Moves over white space and comments. */
  skipTrivia(): void {
    const source = this.source;
    const from = this.pos;
    let pos = from;
    for (;;) {
      const code = source.charCodeAt(pos);
      if (code === LF) {
        pos++;
        this.line++;
        this.lineStart = pos;
      } else if (CLASS[code] === SPACE_CLASS) pos++;
      else if (code === HASH) pos = this.endOfLine(pos);
      else if (code === SLASH && source.charCodeAt(pos + 1) === STAR) pos = this.endOfComment(pos);
      else if (code === ODD_SPACE_FIRST && source.charCodeAt(pos + 1) === ODD_SPACE_SECOND) pos = this.endOfOddSpace(pos);
      else break;
    }
    this.steps += pos - from + 1;
    this.pos = pos;
  }

  /** Offset of the line feed that ends the line of `from`, or of the end of the text. */
  endOfLine(from: number): number {
    if (from < this.lineFeedFrom || from > this.lineFeedAt) {
      const at = this.source.indexOf('\n', from);
      this.lineFeedFrom = from;
      this.lineFeedAt = at < 0 ? this.length : at;
      this.steps += this.lineFeedAt - from;
    }
    return this.lineFeedAt;
  }

  private endOfComment(from: number): number {
    const close = this.source.indexOf('*/', from + 2);
    if (close < 0) this.openComment = this.placeHere(from, from + 2);
    const end = close < 0 ? this.length : close + 2;
    this.countLines(from, end);
    return end;
  }

  private endOfOddSpace(from: number): number {
    const last = this.oddSpaces.at(-1);
    const isNew = last === undefined || last.offset < from;
    if (isNew && this.oddSpaces.length < MAX_PROBLEMS) this.oddSpaces.push(this.placeHere(from, from + 2));
    return from + 2;
  }

  private countLines(from: number, end: number): void {
    for (let at = this.endOfLine(from); at < end; at = this.endOfLine(at + 1)) {
      this.line++;
      this.lineStart = at + 1;
    }
  }

  /** Moves over an unquoted word and returns its end (equal to its start if there is none). In lists a comma ends a word too. */
  skipWord(isInList: boolean): number {
    const source = this.source;
    const from = this.pos;
    let pos = from;
    for (; pos < this.length; pos++) {
      const code = source.charCodeAt(pos);
      if (CLASS[code] === 0) continue;
      if (CLASS[code] !== DOUBTFUL_CLASS) break;
      if (code === COMMA) {
        if (isInList) break;
      } else if (source.charCodeAt(pos + 1) === (code === SLASH ? STAR : ODD_SPACE_SECOND)) break;
    }
    this.steps += pos - from + 1;
    this.pos = pos;
    return pos;
  }

  /**
   * Moves over an unquoted instance name: a word, or a pattern between slashes without white space in it (FB-12). The pattern ends at a
   * slash that is followed by white space, `{` or the end; without such a slash on the line it is an ordinary word (a path).
   */
  skipInstance(): number {
    return this.peek() === SLASH ? (this.skipPattern() ?? this.skipWord(false)) : this.skipWord(false);
  }

  private skipPattern(): number | undefined {
    const source = this.source;
    const from = this.pos;
    let pos = from + 1;
    for (; pos < this.length; pos++) {
      const code = source.charCodeAt(pos);
      if (CLASS[code] === SPACE_CLASS) break;
      if (code === BACKSLASH) pos++;
      else if (code === SLASH) {
        const next = source.charCodeAt(pos + 1);
        if (pos + 1 < this.length && next !== OPEN_BRACE && CLASS[next] !== SPACE_CLASS) continue;
        this.steps += pos - from;
        return (this.pos = pos + 1);
      }
    }
    this.steps += pos - from;
    return undefined;
  }

  /** True if a quoted text begins here. */
  isAtQuote(): boolean {
    const code = this.peek();
    return code === QUOTE || code === APOSTROPHE;
  }

  /** Moves over a quoted text; one that is never closed ends with its line, so that the rest of the file can still be read. */
  skipQuoted(): QuotedRange {
    const offset = this.pos;
    const isQuote = this.peek() === QUOTE;
    const firstLine = this.line;
    const isHopeless = isQuote ? this.quoteIsHopeless : this.apostropheIsHopeless;
    const close = isHopeless ? this.closeOnThisLine(offset) : this.findClose(offset, this.length);
    if (close < 0) {
      if (isQuote) this.quoteIsHopeless = true;
      else this.apostropheIsHopeless = true;
      this.pos = this.trimmedEndOfLine(offset);
      return { offset, end: this.pos, isClosed: false, spansLines: false };
    }
    this.countLines(offset, close);
    this.pos = close + 1;
    return { offset, end: this.pos, isClosed: true, spansLines: this.line !== firstLine };
  }

  private closeOnThisLine(offset: number): number {
    return this.findClose(offset, this.endOfLine(offset));
  }

  /** Offset of the mark that closes the text opened at `offset`, or -1 if there is none before `limit`. */
  private findClose(offset: number, limit: number): number {
    const source = this.source;
    const mark = source.charCodeAt(offset);
    let pos = offset + 1;
    for (; pos < limit; pos++) {
      const code = source.charCodeAt(pos);
      if (code === mark) break;
      if (code === BACKSLASH) pos++;
    }
    this.steps += pos - offset;
    return pos < limit ? pos : -1;
  }

  /** Moves over one token, whatever it is; at least over one byte. */
  skipToken(): void {
    const from = this.pos;
    if (this.isAtQuote()) this.skipQuoted();
    else if (this.skipWord(false) === from) this.pos++;
  }

  /** The end of the line of `offset` without the white space before it. */
  trimmedEndOfLine(offset: number): number {
    let end = this.endOfLine(offset);
    while (end > offset + 1 && CLASS[this.source.charCodeAt(end - 1)] === SPACE_CLASS) end--;
    return end;
  }

  /** True if only blanks stand between the start of the current line and `offset`, which is on that line. */
  isFirstOnLine(offset: number): boolean {
    for (let pos = offset - 1; pos >= this.lineStart; pos--) {
      this.steps++;
      if (CLASS[this.source.charCodeAt(pos)] !== SPACE_CLASS) return false;
    }
    return true;
  }

  /** The place of the range `offset`..`end`, which begins on the current line. */
  placeHere(offset: number, end: number): Place {
    return { file: this.file, line: this.line, column: this.columnOf(offset), offset, end };
  }

  /** The column, in characters from 1, of an offset on the current line. */
  columnOf(offset: number): number {
    if (this.ascii) return offset - this.lineStart + 1;
    if (this.columnLineStart !== this.lineStart) {
      this.columnLineStart = this.lineStart;
      this.columnOffset = this.lineStart;
      this.columnNumber = 1;
    }
    const change = offset >= this.columnOffset ? this.characters(this.columnOffset, offset) : -this.characters(offset, this.columnOffset);
    this.columnNumber += change;
    this.columnOffset = offset;
    return this.columnNumber;
  }

  private characters(from: number, to: number): number {
    let count = 0;
    for (let pos = from; pos < to; pos++) if ((this.source.charCodeAt(pos) & 0xc0) !== 0x80) count++;
    this.steps += to - from;
    return count;
  }
}
