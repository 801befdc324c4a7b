/**
 * A back end of a module, held to its contract: answered once, in time, without exceptions.
 *
 * The one rule: silence, an exception and a crowd count as trouble (454), never as a wrong password; a second answer is not heard.
 * Bounds: `ANSWER_MS` for an answer, `WAITING_MAX` questions at a time for each back end. Not here: files (password-file.ts), which keep
 * the contract by themselves. Truth: rules AUTH-05, AUTH-23; attack A44.
 */
import type { TimerWheel } from '#base';
import type { Credential, CredentialSource, PasswordAnswer, TokenAnswer, VerifyToken } from '#hooks';

/** Milliseconds for an answer. */
const ANSWER_MS = 10_000;

/** Questions without an answer at a time. */
const WAITING_MAX = 1_000;

type Wheel = Pick<TimerWheel, 'schedule' | 'cancel'>;
interface Trouble {
  readonly kind: 'trouble';
  readonly cause: string;
}

/** Asks, and makes one answer in time out of whatever comes. */
class Patience {
  readonly #wheel: Wheel;
  readonly #name: string;
  #waiting = 0;

  constructor(name: string, wheel: Wheel) {
    this.#name = name;
    this.#wheel = wheel;
  }

  ask<T>(work: (answer: (result: T) => void) => void, answer: (result: T | Trouble) => void): void {
    if (this.#waiting >= WAITING_MAX) {
      answer(this.#trouble('too many questions wait for an answer'));
      return;
    }
    this.#waiting++;
    const wait = { isOpen: true, timer: 0 };
    const settle = (result: T | Trouble): void => {
      if (!wait.isOpen) return;
      wait.isOpen = false;
      this.#waiting--;
      this.#wheel.cancel(wait.timer);
      answer(result);
    };
    wait.timer = this.#wheel.schedule(ANSWER_MS, () => settle(this.#trouble(`no answer within ${ANSWER_MS} ms`)));
    try {
      work(settle);
    } catch (error) {
      settle(this.#trouble(error instanceof Error ? error.message : String(error)));
    }
  }

  #trouble(cause: string): Trouble {
    return { kind: 'trouble', cause: `${this.#name}: ${cause}` };
  }
}

/** The back end of a module for one uri. */
export function patientSource(uri: string, source: CredentialSource, wheel: Wheel): CredentialSource {
  const patience = new Patience(`back end "${uri.replace(/\/\/[^/@]*@/, '//')}"`, wheel);
  const { check } = source;
  return {
    find: (user, realm, answer) => patience.ask<Credential>((settle) => source.find(user, realm, settle), answer),
    ...(check === undefined
      ? {}
      : {
          check: (user, password, answer) => patience.ask<PasswordAnswer>((settle) => check.call(source, user, password, settle), answer),
        }),
  };
}

export function patientVerifier(verify: VerifyToken, wheel: Wheel): VerifyToken {
  const patience = new Patience('verifier of tokens', wheel);
  return (question, answer) => patience.ask<TokenAnswer>((settle) => verify(question, settle), answer);
}
