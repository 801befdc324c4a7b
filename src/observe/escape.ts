/*
 * Text made safe for a log line: whatever bytes a peer sent, one record stays one line and every field can be read back.
 *
 * Escaped everywhere: the backslash, control characters (C0, DEL, C1: terminals obey them), U+2028 and U+2029 (readers
 * split there), characters that turn the reading direction, and lone surrogates (they have no UTF-8 form).
 * In '@' separated logs '@' is escaped too; in a quoted value the quote. Forms: \@ \\ \" \n \r \t \xHH \u{H...}.
 * Truth: LOG-01, which prescribes the leading backslash; a raw line break after it would still break the line.
 */

const unsafe = '\\\\\\p{Cc}\\p{Cs}\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069';
const unsafeInLine = new RegExp(`[${unsafe}]`, 'u');
const unsafeInField = new RegExp(`[@${unsafe}]`, 'u');
const unsafeInQuotes = new RegExp(`["${unsafe}]`, 'u');
const unsafeControls = /[\p{Cc}\p{Cs}\u2028\u2029]/gu;
const allUnsafeInLine = new RegExp(unsafeInLine, 'gu');
const allUnsafeInField = new RegExp(unsafeInField, 'gu');
const allUnsafeInQuotes = new RegExp(unsafeInQuotes, 'gu');

/** Longest field, in UTF-16 units; what is longer is cut and ends in "...". */
export const fieldMax = 4096;

/** For a field of an '@' separated line. */
export function escapeField(text: string): string {
  const bounded = bound(text);
  return unsafeInField.test(bounded) ? bounded.replace(allUnsafeInField, escapeOne) : bounded;
}

/** For text that ends a line. */
export function escapeText(text: string): string {
  const bounded = bound(text);
  return unsafeInLine.test(bounded) ? bounded.replace(allUnsafeInLine, escapeOne) : bounded;
}

/** For text between double quotes; the quotes are not added. */
export function escapeQuoted(text: string): string {
  const bounded = bound(text);
  return unsafeInQuotes.test(bounded) ? bounded.replace(allUnsafeInQuotes, escapeOne) : bounded;
}

/** Only what would break a line or steer a terminal, for formats that are the operator's own: backslashes stay. */
export function escapeControls(text: string): string {
  return bound(text).replace(unsafeControls, escapeOne);
}

function bound(text: string): string {
  return text.length > fieldMax ? `${text.slice(0, fieldMax - 3)}...` : text;
}

function escapeOne(character: string): string {
  switch (character) {
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    case '@':
    case '\\':
    case '"':
      return `\\${character}`;
  }
  const code = character.codePointAt(0) as number;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
