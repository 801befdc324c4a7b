/**
 * PLAIN (RFC 4616) and LOGIN: the client says its password, we look whether it is the right one.
 *
 * The one rule: an unknown user costs the same comparison as a known one. An authorization identity that differs from the name is
 * refused: nobody acts for somebody else here. LOGIN asks for name and password with the words that clients know.
 * Truth: rules AUTH-03, AUTH-05; attack A41.
 */
import { isSameSecret, md5 } from './equal.ts';
import { isField, MALFORMED, textOf, type SaslAnswer, type SaslExchange } from './exchange.ts';
import { matchesVerifier } from './scram-verifier.ts';
import type { CredentialSource } from '#hooks';

interface PasswordCheck {
  readonly source: CredentialSource;
  readonly realm: string;
}

/** Compares a password with what is stored. */
function check(o: PasswordCheck, login: { user: string; password: string }, answer: SaslAnswer): void {
  const { user, password } = login;
  if (!isField(user) || !isField(password)) {
    answer({ kind: 'fail', user: '' });
    return;
  }
  if (o.source.check !== undefined) {
    o.source.check(user, password, (result) => answer({ ...result, user }));
    return;
  }
  o.source.find(user, o.realm, (found) => {
    if (found.kind === 'trouble') {
      answer({ kind: 'trouble', user, cause: found.cause });
      return;
    }
    if (found.kind === 'scram') {
      matchesVerifier(password, found, (isRight) =>
        answer(
          isRight === undefined ? { kind: 'trouble', user, cause: 'no random bits or memory' } : { kind: isRight ? 'pass' : 'fail', user },
        ),
      );
      return;
    }
    const isHash = found.kind === 'ha1';
    const given = isHash ? md5(`${user}:${found.realm}:${password}`) : password;
    const stored = found.kind === 'none' ? '' : isHash ? found.hex.toLowerCase() : found.text;
    const isRight = isSameSecret(given, stored);
    answer({ kind: isRight && stored !== '' ? 'pass' : 'fail', user });
  });
}

export class PlainExchange implements SaslExchange {
  readonly #check: PasswordCheck;

  constructor(o: PasswordCheck) {
    this.#check = o;
  }

  begin(initial: Buffer | undefined, answer: SaslAnswer): void {
    if (initial === undefined) answer({ kind: 'challenge', text: '' });
    else this.next(initial, answer);
  }

  next(response: Buffer, answer: SaslAnswer): void {
    const parts = textOf(response)?.split('\0');
    if (parts === undefined || parts.length !== 3) {
      answer(MALFORMED);
      return;
    }
    const [other, user, password] = parts as [string, string, string];
    if (other !== '' && other !== user) answer({ kind: 'fail', user: '' });
    else check(this.#check, { user, password }, answer);
  }
}

export class LoginExchange implements SaslExchange {
  readonly #check: PasswordCheck;
  #user: string | undefined;

  constructor(o: PasswordCheck) {
    this.#check = o;
  }

  begin(initial: Buffer | undefined, answer: SaslAnswer): void {
    if (initial === undefined) answer({ kind: 'challenge', text: 'Username:' });
    else this.next(initial, answer);
  }

  next(response: Buffer, answer: SaslAnswer): void {
    const text = textOf(response);
    if (text === undefined || text.includes('\0')) answer(MALFORMED);
    else if (this.#user === undefined) {
      this.#user = text;
      answer({ kind: 'challenge', text: 'Password:' });
    } else check(this.#check, { user: this.#user, password: text }, answer);
  }
}
