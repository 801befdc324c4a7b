/**
 * Bytes and text: how a file becomes a string and back, and what a backslash means between quotation marks.
 *
 * The rule to know: the source is held as a "byte string", one character from 0 to 255 for each byte, so any byte survives and every
 * offset is a byte offset. Only the text of names and values is decoded: as UTF-8 if the bytes are valid UTF-8, else left as they are.
 *
 * Backslashes between quotation marks (single or double, no difference): \\ \" \' \n \r \t mean backslash, quote, quote, LF, CR, TAB;
 * before any other character the backslash stays, so patterns such as "\d+\.\d+" need no doubling. Outside of quotation marks a backslash
 * is an ordinary character. The public manual never states this; it is what its examples need (patterns with single and with doubled
 * backslashes, a banner that ends in \r\n, texts that hold quotes).
 */
import { Buffer, isUtf8 } from 'node:buffer';

/** The byte string of a file; a JavaScript string is encoded as UTF-8 first (a lone surrogate becomes U+FFFD there). */
export function toSource(text: Buffer | string): string {
  return typeof text === 'string' ? encodeText(text) : text.toString('latin1');
}

/** The bytes of a byte string. */
export function toBytes(source: string): Buffer {
  return Buffer.from(source, 'latin1');
}

// eslint-disable-next-line no-control-regex
const NON_ASCII = /[^\x00-\x7f]/;

/** True if a byte string holds only ASCII: then characters and bytes are the same thing. */
export function isAscii(source: string): boolean {
  return !NON_ASCII.test(source);
}

/** Byte string to text: UTF-8 if valid, else unchanged (every byte stays one character). */
export function decodeText(raw: string): string {
  if (isAscii(raw)) return raw;
  const bytes = toBytes(raw);
  return isUtf8(bytes) ? bytes.toString('utf8') : raw;
}

/** Text to byte string, as UTF-8. */
export function encodeText(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', '"': '"', "'": "'", n: '\n', r: '\r', t: '\t' };

/** The text between quotation marks with its escapes resolved; `inner` is without the marks. */
export function unescapeQuoted(inner: string): string {
  if (!inner.includes('\\')) return inner;
  return inner.replace(/\\([\\"'nrt])/g, (_whole, letter: string) => ESCAPES[letter] ?? letter);
}

/** The opposite of `unescapeQuoted` for text that will stand between `quote` marks. */
export function escapeQuoted(text: string, quote: '"' | "'"): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === quote) out += `\\${char}`;
    else if (char === '\n') out += '\\n';
    else if (char === '\r') out += '\\r';
    else if (char === '\\') out += mustDouble(text[i + 1]) ? '\\\\' : '\\';
    else out += char;
  }
  return out;
}

/** A backslash is doubled only where it would be read as an escape, so that patterns keep the look their author gave them. */
function mustDouble(next: string | undefined): boolean {
  return next === undefined || next === '\n' || next === '\r' || next in ESCAPES;
}
