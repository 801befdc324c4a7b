/**
 * Base64 as RFC 4954 wants it read: strictly.
 *
 * The one rule: whole groups of four, padding only at the end, no other characters, and only the one encoding of the bytes; Node's own
 * decoder takes anything.
 */
const FORM = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The bytes, or undefined when the text is not base64. */
export function decodeBase64(text: string): Buffer | undefined {
  if (!FORM.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
