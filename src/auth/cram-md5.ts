/**
 * CRAM-MD5: the client proves that it knows the password by hashing our challenge with it.
 *
 * The one rule: a challenge is random, used once, and dies with its exchange, so a response heard before is worth nothing (A42).
 * The back end must have the clear password. Truth: RFC 2195; rule AUTH-03.
 */
import { createHmac } from 'node:crypto';
import type { CredentialSource } from '#hooks';
import { isSameSecret } from './equal.ts';
import { isField, MALFORMED, textOf, type SaslAnswer, type SaslExchange } from './exchange.ts';

export class CramMd5Exchange implements SaslExchange {
  readonly #source: CredentialSource;
  readonly #challenge: string;

  constructor(o: { readonly source: CredentialSource; readonly nonce: string; readonly now: number; readonly hostname: string }) {
    this.#source = o.source;
    this.#challenge = `<${o.nonce}.${o.now}@${o.hostname}>`;
  }

  begin(initial: Buffer | undefined, answer: SaslAnswer): void {
    // The server speaks first: a response before the challenge cannot be right.
    answer(initial === undefined ? { kind: 'challenge', text: this.#challenge } : MALFORMED);
  }

  next(response: Buffer, answer: SaslAnswer): void {
    const match = /^(.+) ([0-9a-f]{32})$/.exec(textOf(response) ?? '');
    if (match === null) {
      answer(MALFORMED);
      return;
    }
    const [, user = '', proof = ''] = match;
    if (!isField(user)) {
      answer({ kind: 'fail', user: '' });
      return;
    }
    this.#source.find(user, '', (found) => {
      if (found.kind === 'trouble') {
        answer({ kind: 'trouble', user, cause: found.cause });
        return;
      }
      const password = found.kind === 'password' ? found.text : '';
      const expected = createHmac('md5', password).update(this.#challenge).digest('hex');
      answer({ kind: isSameSecret(expected, proof) && password !== '' ? 'pass' : 'fail', user });
    });
  }
}
