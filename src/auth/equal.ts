/**
 * Comparing secrets.
 *
 * The one rule: the time taken tells nothing about where, or whether, two texts differ, nor about their lengths: both are hashed with
 * a key of this process before they are compared.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const key = randomBytes(32);

export function isSameSecret(a: string | Buffer, b: string | Buffer): boolean {
  const hash = (value: string | Buffer): Buffer => createHmac('sha256', key).update(value).digest();
  return timingSafeEqual(hash(a), hash(b));
}

/** md5 in lower-case hex, for the mechanisms that are made of it. */
export function md5(value: string | Buffer): string {
  return createHash('md5').update(value).digest('hex');
}
