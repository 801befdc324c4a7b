/**
 * The desk at which a session asks for an exchange: mechanisms and back ends of one event loop.
 *
 * The one rule: back ends are shared by everybody who names the same uri, so that a file is read once. Nothing here knows SMTP.
 * Bound: `SOURCES_MAX` back ends are kept. Truth: rules AUTH-01 to AUTH-05.
 */
import { Lru, type Clock, type IpAddress, type Random } from '#base';
import type { PanicLog } from '#observe';
import type { CredentialSource } from './credentials.ts';
import { CramMd5Exchange } from './cram-md5.ts';
import { DigestMd5Exchange } from './digest-md5.ts';
import type { SaslExchange } from './exchange.ts';
import { FailureGate } from './failure-gate.ts';
import { PasswordFile } from './password-file.ts';
import { LoginExchange, PlainExchange } from './plain.ts';
import { ScramExchange, ScramKeys } from './scram-sha-256.ts';
import { placeOf, type MechanismName, type MechanismSettings } from './settings.ts';

const SOURCES_MAX = 256;
const NONCE_BYTES = 24;

export interface AuthenticatorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly panic: Pick<PanicLog, 'log'>;
  /** The realm where none is configured, and part of challenges. */
  readonly hostname: string;
  /** What DIGEST-MD5 proofs are for; default 'smtp'. */
  readonly service?: string;
}

export class Authenticator {
  readonly gate: FailureGate;
  readonly #o: AuthenticatorOptions;
  readonly #sources = new Lru<string, CredentialSource>({ max: SOURCES_MAX });
  readonly #scram = new Lru<string, ScramKeys>({ max: SOURCES_MAX });

  constructor(o: AuthenticatorOptions) {
    this.#o = o;
    this.gate = new FailureGate(o.clock);
  }

  /** An exchange of its own for one attempt. */
  begin(name: MechanismName, settings: MechanismSettings): SaslExchange {
    const source = this.#source(settings.uri);
    const realm = settings.realm ?? this.#o.hostname;
    const nonce = this.#o.random.bytes(NONCE_BYTES).toString('base64url');
    switch (name) {
      case 'PLAIN':
        return new PlainExchange({ source, realm });
      case 'LOGIN':
        return new LoginExchange({ source, realm });
      case 'CRAM-MD5':
        return new CramMd5Exchange({ source, nonce, now: this.#o.clock.now(), hostname: this.#o.hostname });
      case 'DIGEST-MD5':
        return new DigestMd5Exchange({
          source,
          realm,
          nonce,
          storedCleartext: settings.storedCleartext,
          service: this.#o.service ?? 'smtp',
        });
      case 'SCRAM-SHA-256':
        return new ScramExchange({ source, keys: this.#keys(settings.uri), nonce });
    }
  }

  /** Counts a failure of an address; milliseconds for which the answer is to be held back. */
  failed(ip: IpAddress): number {
    return this.gate.failed(ip);
  }

  #source(uri: string): CredentialSource {
    let source = this.#sources.get(uri);
    if (source === undefined) {
      const place = placeOf(uri);
      source = place === undefined ? nowhere(uri) : new PasswordFile({ ...place, panic: this.#o.panic });
      this.#sources.set(uri, source);
    }
    return source;
  }

  #keys(uri: string): ScramKeys {
    let keys = this.#scram.get(uri);
    if (keys === undefined) this.#scram.set(uri, (keys = new ScramKeys()));
    return keys;
  }
}

/** A checked configuration has none of these; it then refuses nobody for good and lets nobody in. */
function nowhere(uri: string): CredentialSource {
  return { find: (_user, _realm, answer) => answer({ kind: 'trouble', cause: `no back end for "${uri}"` }) };
}
