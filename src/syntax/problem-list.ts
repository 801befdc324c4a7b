/**
 * Collects problems while a file is parsed.
 *
 * The rule to know: bounded by MAX_PROBLEMS; the last entry then says how many more there were. Of several problems at one offset only
 * the first is kept, and an unexpected token on a line that has a problem already is left out: both follow from the first.
 * What it does not do: it formats nothing (see problem-text.ts).
 */
import { MAX_NEAR_LENGTH, MAX_PROBLEMS, type ProblemCode } from './errors.ts';
import { decodeText } from './text.ts';
import type { Place, Problem } from './tree.ts';

export class ProblemList {
  private readonly source: string;
  private readonly list: Problem[] = [];
  private left = 0;
  private lastOffset = -1;
  private lastLine = -1;
  private lastPlace: Place | undefined;

  constructor(source: string) {
    this.source = source;
  }

  add(code: ProblemCode, at: Place, message: string, hint?: string): void {
    if (at.offset === this.lastOffset || (code === 'unexpected-token' && at.line === this.lastLine)) return;
    this.lastOffset = at.offset;
    this.lastLine = at.line;
    if (this.list.length >= MAX_PROBLEMS - 1) {
      this.left++;
      this.lastPlace ??= at;
      return;
    }
    const near = nearText(this.source, at);
    this.list.push(hint === undefined ? { code, message, near, at } : { code, message, near, at, hint });
  }

  /** All problems in the order of the file. */
  done(): readonly Problem[] {
    this.list.sort((a, b) => a.at.offset - b.at.offset);
    if (this.lastPlace !== undefined) {
      const message = `and ${this.left} more`;
      this.list.push({ code: 'too-many', message, near: nearText(this.source, this.lastPlace), at: this.lastPlace });
    }
    return this.list;
  }
}

/** The token at fault, shortened to MAX_NEAR_LENGTH characters and to its first line. */
function nearText(source: string, at: Place): string {
  if (at.offset >= source.length) return 'end of file';
  const raw = source.slice(at.offset, Math.min(Math.max(at.end, at.offset + 1), at.offset + 4 * MAX_NEAR_LENGTH));
  const line = decodeText(raw.split('\n', 1)[0] ?? '').replace(/[ \t\r]+$/, '');
  const characters = [...line];
  return characters.length > MAX_NEAR_LENGTH ? `${characters.slice(0, MAX_NEAR_LENGTH).join('')}...` : line;
}
