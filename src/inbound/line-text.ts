/**
 * A command line as text for contexts and logs.
 *
 * The one rule: bytes that are UTF-8 become their characters, any other line keeps a character for each byte, so that
 * nothing is lost and nothing fails. Escaping for a log is the log's business.
 */
import { isUtf8 } from 'node:buffer';

const BEYOND_ASCII = /[\u0080-\u00ff]/;

/** @param line latin1, one character a byte */
export function textOfLine(line: string): string {
  if (!BEYOND_ASCII.test(line)) return line;
  const bytes = Buffer.from(line, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : line;
}
