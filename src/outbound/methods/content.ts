/**
 * The content as this next hop is to have it: as it is, or without 8-bit octets where they may not go (Transform_8bitmime_Content).
 *
 * The one rule: what is 7-bit already, and what goes to a server with 8BITMIME, is the same buffer again. `ifneeded` converts what can be converted
 * without loss and breaks no signature, and sends the rest as it is; `strict` fails a message of which anything is left; `strip` clears
 * the eighth bit of every octet, always. Where Momentum's `ifneeded` strips, we encode: see docs/quirks.md.
 * Not here: the encoding (seven-bit.ts). Truth: rule OUT-46; RFC 6152 section 3; A48.
 */
import { isAscii } from 'node:buffer';
import type { SendingOptions } from '#queue';
import type { Capabilities } from '#smtp';
import { toSevenBit } from './seven-bit.ts';

interface Road {
  readonly capabilities: Pick<Capabilities, 'eightBitMime'>;
  readonly options: Pick<SendingOptions, 'transform8bitmimeContent'>;
  /** Its octets are no text; it goes to servers that take them as they are. */
  readonly isBinary: boolean;
}

/** Undefined when the message may not go to this server. */
export function contentFor(body: Buffer, { capabilities, options, isBinary }: Road): Buffer | undefined {
  const way = options.transform8bitmimeContent;
  if (way === 'no' || isBinary || (way !== 'strip' && capabilities.eightBitMime) || isAscii(body)) return body;
  if (way === 'strip') return stripped(body);
  const { message, isClean } = toSevenBit(body, { keepsSigned: way === 'ifneeded' });
  return isClean || way === 'ifneeded' ? message : undefined;
}

/** Reading octets as ASCII clears their highest bit. */
function stripped(body: Buffer): Buffer {
  return Buffer.from(body.toString('ascii'), 'latin1');
}
