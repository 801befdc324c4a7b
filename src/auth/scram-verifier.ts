/**
 * What a server needs of a password for SCRAM-SHA-256, and nothing with which one could log in: a line of a `file://` file instead of clear text.
 *
 * The one rule: the form is RFC 5803's, `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, base64 inside. All that are made here have the same
 * number of iterations, so that an exchange does not tell which names exist. Truth: RFC 5802, RFC 5803.
 */
import { createHash, createHmac, pbkdf2, pbkdf2Sync } from 'node:crypto';
import type { Credential } from '#hooks';
import { isSameSecret } from './equal.ts';

export const ITERATIONS = 4096;
const ITERATIONS_MAX = 1_000_000;

type ScramCredential = Extract<Credential, { kind: 'scram' }>;

/** Undefined when the text is of another form: a clear password. */
export function parseVerifier(text: string): ScramCredential | undefined {
  const match = /^SCRAM-SHA-256\$(\d{1,7}):([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/.exec(text);
  const iterations = Number(match?.[1]);
  if (match === null || iterations < 1 || iterations > ITERATIONS_MAX) return undefined;
  const bytes = (i: number) => Buffer.from(match[i] ?? '', 'base64');
  return { kind: 'scram', iterations, salt: bytes(2), stored: bytes(3), server: bytes(4) };
}

/** The text to be stored for a password; `salt`: 16 random octets. */
export function verifierOf(password: string, salt: Buffer): string {
  const { stored, server } = keysFrom(pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256'));
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored.toString('base64')}:${server.toString('base64')}`;
}

/** Whether a password is the one of a verifier; computed off the event loop. Undefined when it could not be computed. */
export function matchesVerifier(
  password: string,
  { iterations, salt, stored }: ScramCredential,
  answer: (isRight: boolean | undefined) => void,
): void {
  pbkdf2(password.normalize('NFKC'), salt, iterations, 32, 'sha256', (error, salted) =>
    answer(error === null ? isSameSecret(keysFrom(salted).stored, stored) : undefined),
  );
}

export function keysFrom(salted: Buffer): { stored: Buffer; server: Buffer } {
  const mac = (text: string) => createHmac('sha256', salted).update(text).digest();
  return { stored: createHash('sha256').update(mac('Client Key')).digest(), server: mac('Server Key') };
}
