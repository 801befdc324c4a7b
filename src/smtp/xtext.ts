/**
 * xtext: how printable ASCII travels inside an ESMTP parameter value.
 *
 * The one rule: decoding is strict. Anything but xchar and `+` with two upper-case hex digits is refused, and so is a
 * decoded control character or 8-bit byte: a newline can never come out of an ENVID, ORCPT or AUTH value (attack A30).
 * Truth: RFC 3461 section 4. UTF-8 address types of RFC 6533 are checked by their own rule in parameters.ts.
 */

const XTEXT = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/;
const PRINTABLE = /^[\x20-\x7e]*$/;
const ESCAPE = /\+([0-9A-F]{2})/g;
const NEEDS_ESCAPE = /[^!-*,-<>-~]/g;

/** The decoded text, or undefined when the value is not xtext or decodes to anything but printable ASCII and blanks. */
export function decodeXtext(value: string): string | undefined {
  if (!XTEXT.test(value)) return undefined;
  if (!value.includes('+')) return value;
  const text = value.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return PRINTABLE.test(text) ? text : undefined;
}

/** The xtext form of a text; every UTF-8 byte outside xchar becomes `+` and two upper-case hex digits. */
export function encodeXtext(text: string): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return bytes.replace(NEEDS_ESCAPE, (char: string) => `+${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
