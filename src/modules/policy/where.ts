/**
 * An error of a policy as one line that begins with file, line and column of the policy.
 *
 * The one rule: the first frame inside one of the policy's files counts, since the error may come from deeper. The parser of types puts
 * the place into the first line of the stack. An error without a place says only what it says. Never throws.
 */
import { fileURLToPath } from 'node:url';

const FRAME = /(file:\/\/[^\s)]+?):(\d+)(?::(\d+))?\)?\s*$/;
const TEXT_MAX = 1000;

/** `files`: URLs of the policy's files. */
export function sayWhere(error: unknown, files: { has(url: string): boolean }): string {
  if (!(error instanceof Error)) return `threw ${typeof error === 'string' ? error : typeof error}`.slice(0, TEXT_MAX);
  const what = `${error.name}: ${error.message}`.replace(/\s+/g, ' ').slice(0, TEXT_MAX);
  for (const line of (error.stack ?? '').split('\n')) {
    const [, url, row, column] = FRAME.exec(line) ?? [];
    if (url === undefined || row === undefined || !files.has(url)) continue;
    return `${pathOf(url)}:${row}${column === undefined ? '' : `:${column}`}: ${what}`;
  }
  return what;
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}
