/*
 * The last lines of each level, for the console's `paniclog`, and how a panic line is shown to a person.
 *
 * Ten lines a level are kept, so that a flood of one level does not push out the others.
 * Truth: the `paniclog` reply of section 5.1 and TimestampFormat. The format of the file is the logger module's.
 */
import { levels, rank, type Level } from './debug-flags.ts';
import { escapeText } from './escape.ts';
import type { PanicLine } from './repeat-gate.ts';
import { strftime } from './strftime.ts';

const keptPerLevel = 10;

export const defaultTimestampFormat = '[%a %d %b %Y %H:%M:%S]';

export class PanicHistory {
  #kept: PanicLine[][] = levels.map(() => []);

  add(line: PanicLine): void {
    const list = this.#kept[rank(line.level)] as PanicLine[];
    list.push(line);
    if (list.length > keptPerLevel) list.shift();
  }

  /** All that is kept, oldest first. */
  lines(): PanicLine[] {
    return this.#kept.flat().sort((a, b) => a.at - b.at);
  }
}

/** `[Sun 30 Nov 2003 10:31:37] [error] text`, for the console and stderr; one line, whatever the text holds. */
export function formatPanic(line: PanicLine, timestampFormat: string): string {
  const stamp = strftime(timestampFormat, line.at);
  const gap = stamp === '' || /\s$/.test(stamp) ? '' : ' ';
  return `${stamp}${gap}[${levelWord(line.level)}] ${line.isModule ? `${line.source}: ` : ''}${escapeText(line.text)}`;
}

function levelWord(level: Level): string {
  return level.toLowerCase();
}
