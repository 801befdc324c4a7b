/**
 * SCRAM-SHA-256 (ours): neither side learns the other's secret, and both prove that they know it.
 *
 * The one rule: a name that does not exist gets a salt too, always the same for that name, and fails at the end like a wrong password.
 * Salting is costly, so it is done once for each password, off the event loop, and kept (`KEPT_MAX` users); what a guesser can ask
 * for is therefore bounded by the number of users that exist.
 * Not here: channel binding (the -PLUS form). Truth: RFC 5802, RFC 7677.
 */
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { Lru } from '#base';
import type { CredentialSource } from '#hooks';
import { isSameSecret } from './equal.ts';
import { ITERATIONS, keysFrom } from './scram-verifier.ts';
import { isField, MALFORMED, textOf, type SaslAnswer, type SaslExchange } from './exchange.ts';

const KEPT_MAX = 10_000;

interface Keys {
  readonly stored: Buffer;
  readonly server: Buffer;
}

/** Salted keys of one back end, kept between exchanges. */
export class ScramKeys {
  readonly #secret = randomBytes(32);
  readonly #kept = new Lru<string, Keys>({ max: KEPT_MAX });

  /** The salt of a name, whether it exists or not. */
  saltOf(user: string): Buffer {
    return createHmac('sha256', this.#secret).update(user).digest().subarray(0, 16);
  }

  keysOf(user: string, password: string, answer: (keys: Keys | undefined) => void): void {
    // The password is part of the key, as a hash: when it changes, so does what is kept.
    const name = createHmac('sha256', this.#secret).update(`${user}\0${password}`).digest('base64');
    const kept = this.#kept.get(name);
    if (kept !== undefined) {
      answer(kept);
      return;
    }
    pbkdf2(password.normalize('NFKC'), this.saltOf(user), ITERATIONS, 32, 'sha256', (error, salted) => {
      if (error !== null) {
        answer(undefined);
        return;
      }
      const keys = keysFrom(salted);
      this.#kept.set(name, keys);
      answer(keys);
    });
  }
}

export class ScramExchange implements SaslExchange {
  readonly #o: { readonly source: CredentialSource; readonly keys: ScramKeys; readonly nonce: string };
  #user = '';
  #header = '';
  #nonce = '';
  #messages = '';
  #keys: Keys | undefined;
  #stage: 'first' | 'final' | 'last' = 'first';

  constructor(o: { readonly source: CredentialSource; readonly keys: ScramKeys; readonly nonce: string }) {
    this.#o = o;
  }

  begin(initial: Buffer | undefined, answer: SaslAnswer): void {
    if (initial === undefined) answer({ kind: 'challenge', text: '' });
    else this.next(initial, answer);
  }

  next(response: Buffer, answer: SaslAnswer): void {
    const text = textOf(response);
    if (text === undefined) answer(MALFORMED);
    else if (this.#stage === 'first') this.#first(text, answer);
    else if (this.#stage === 'final') this.#final(text, answer);
    else answer(text === '' ? { kind: 'pass', user: this.#user } : MALFORMED);
  }

  #first(text: string, answer: SaslAnswer): void {
    const match = /^((?:n|y),(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(text);
    const user = match === null ? undefined : nameOf(match[4] ?? '');
    if (match === null || user === undefined) {
      answer(MALFORMED);
      return;
    }
    const other = match[2] === undefined ? undefined : nameOf(match[2]);
    if (!isField(user) || (match[2] !== undefined && other !== user)) {
      answer({ kind: 'fail', user: '' });
      return;
    }
    this.#user = user;
    this.#header = match[1] ?? '';
    this.#nonce = `${match[5] ?? ''}${this.#o.nonce}`;
    this.#o.source.find(user, '', (found) => {
      if (found.kind === 'trouble') answer({ kind: 'trouble', user, cause: found.cause });
      else if (found.kind === 'scram') {
        this.#keys = found;
        this.#challenge(match[3] ?? '', answer, found);
      } else if (found.kind !== 'password' || found.text === '') this.#challenge(match[3] ?? '', answer);
      else {
        this.#o.keys.keysOf(user, found.text, (keys) => {
          this.#keys = keys;
          this.#challenge(match[3] ?? '', answer);
        });
      }
    });
  }

  #challenge(firstBare: string, answer: SaslAnswer, kept?: { readonly salt: Buffer; readonly iterations: number }): void {
    const salt = kept?.salt ?? this.#o.keys.saltOf(this.#user);
    const text = `r=${this.#nonce},s=${salt.toString('base64')},i=${kept?.iterations ?? ITERATIONS}`;
    this.#messages = `${firstBare},${text}`;
    this.#stage = 'final';
    answer({ kind: 'challenge', text });
  }

  #final(text: string, answer: SaslAnswer): void {
    const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,[^,]*)*?),p=([A-Za-z0-9+/=]+)$/.exec(text);
    if (match === null) {
      answer(MALFORMED);
      return;
    }
    const message = `${this.#messages},${match[1] ?? ''}`;
    const isOurs = Buffer.from(match[2] ?? '', 'base64').toString() === this.#header && match[3] === this.#nonce;
    const keys = this.#keys ?? { stored: Buffer.alloc(32), server: Buffer.alloc(32) };
    const proof = Buffer.from(match[4] ?? '', 'base64');
    const signature = mac(keys.stored, message);
    const clientKey = Buffer.alloc(32);
    for (let i = 0; i < 32; i++) clientKey[i] = (proof[i] ?? 0) ^ (signature[i] ?? 0);
    const isRight = isSameSecret(createHash('sha256').update(clientKey).digest(), keys.stored);
    if (!isRight || !isOurs || proof.length !== 32 || this.#keys === undefined) {
      answer({ kind: 'fail', user: this.#user });
      return;
    }
    this.#stage = 'last';
    answer({ kind: 'challenge', text: `v=${mac(keys.server, message).toString('base64')}` });
  }
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** A name with `=2C` and `=3D` undone; undefined when another `=` stands in it. */
function nameOf(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined;
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=').normalize('NFKC');
}
