/**
 * The printer: a parsed file as bytes again.
 *
 * The rule to know: `printConf(parseConf(x))` equals x for any bytes, and after an edit it differs in the edited range only.
 * It does not pretty-print; nothing here moves a comment or a space.
 */
import type { Buffer } from 'node:buffer';
import { toBytes } from './text.ts';
import type { ConfFile } from './tree.ts';

/** The bytes of the file. */
export function printConf(file: ConfFile): Buffer {
  return toBytes(file.source);
}
