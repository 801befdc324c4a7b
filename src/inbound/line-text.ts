/**
 * A command line as text for contexts and logs.
 *
 * The one rule: bytes that are UTF-8 become their characters, any other line keeps a character for each byte, so that
 * nothing is lost and nothing fails. Escaping for a log is the log's business.
 */
import { isAscii, isUtf8 } from 'node:buffer';

/** @param line latin1, one character a byte */
export function textOfLine(line: string): string {
  const bytes = Buffer.from(line, 'latin1');
  return isAscii(bytes) || !isUtf8(bytes) ? line : bytes.toString('utf8');
}
