/**
 * Text that somebody else chose, made safe to stand in one line of a log, a header or a report.
 *
 * The one rule: what comes out has no control characters (C0, C1, DEL), no line or paragraph separators and no marks that
 * turn the direction of writing, is whole UTF-8 and not longer than asked (attack A75). Each such run becomes one blank.
 * It does not escape anything for a certain format: quoting of log fields is done where the format is known.
 */

// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
// oxlint-disable-next-line no-control-regex
const UNSAFE_RUNS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const HIGH_SURROGATE_LAST = /[\ud800-\udbff]$/;

/** @param max characters kept; a cut text ends in `...` within that number */
export function oneLine(text: string, max = 1024): string {
  let clean = text.isWellFormed() ? text : text.toWellFormed();
  if (UNSAFE.test(clean)) clean = clean.replace(UNSAFE_RUNS, ' ');
  if (clean.length <= max) return clean;
  return `${clean.slice(0, Math.max(0, max - 3)).replace(HIGH_SURROGATE_LAST, '')}...`.slice(0, max);
}

/** Bytes as one line: UTF-8 where they are, else every byte above ASCII becomes `?`. */
export function oneLineOfBytes(bytes: Uint8Array, max = 1024): string {
  // Three octets a character at most, and one to see that more follows.
  const part = bytes.length > max * 4 + 4 ? bytes.subarray(0, max * 4 + 4) : bytes;
  try {
    return oneLine(UTF8.decode(part, { stream: false }), max);
  } catch {
    return oneLine(
      Buffer.from(part)
        .toString('latin1')
        .replace(/[\u0080-\u00ff]/g, '?'),
      max,
    );
  }
}

/** One line of printable ASCII: everything else becomes `?`. */
export function asciiLine(text: string, max = 1024): string {
  return oneLine(text, max).replace(/[^ -~]/g, '?');
}
