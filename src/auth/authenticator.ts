/**
 * The desk at which a session asks for an exchange: mechanisms and back ends of one event loop.
 *
 * The one rule: back ends are shared by everybody who names the same uri, so that a file is read once. Nothing here knows SMTP.
 * Bound: `SOURCES_MAX` back ends are kept. Truth: rules AUTH-01 to AUTH-05.
 */
import { Lru, type Clock, type IpAddress, type Random, type TimerWheel } from '#base';
import type { AuthenticationService, CredentialSource, VerifyToken } from '#hooks';
import type { PanicLog } from '#observe';
import { BearerExchange, type BearerName } from './bearer.ts';
import { patientSource, patientVerifier } from './credentials.ts';
import { CramMd5Exchange } from './cram-md5.ts';
import { DigestMd5Exchange } from './digest-md5.ts';
import type { SaslExchange } from './exchange.ts';
import { FailureGate } from './failure-gate.ts';
import { PasswordFile } from './password-file.ts';
import { LoginExchange, PlainExchange } from './plain.ts';
import { ScramExchange, ScramKeys } from './scram-sha-256.ts';
import { placeOf, schemeOf, type MechanismName, type MechanismSettings } from './settings.ts';

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
  /** What modules bring, as it is now; the same array for as long as nothing changed. */
  readonly modules?: { readonly services: () => readonly AuthenticationService[]; readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'> };
}

export class Authenticator {
  readonly gate: FailureGate;
  readonly #o: AuthenticatorOptions;
  readonly #sources = new Lru<string, CredentialSource>({ max: SOURCES_MAX });
  readonly #scram = new Lru<string, ScramKeys>({ max: SOURCES_MAX });
  #services: readonly AuthenticationService[] = [];
  #verify: VerifyToken | undefined;

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

  /** Whether anybody can judge a token; without that, XOAUTH2 and OAUTHBEARER are not to be offered. */
  get hasVerifier(): boolean {
    this.#renew();
    return this.#verify !== undefined;
  }

  /** An exchange of its own for one token. Undefined when nobody can judge it. */
  beginBearer(name: BearerName, remoteIp: string): SaslExchange | undefined {
    this.#renew();
    return this.#verify === undefined ? undefined : new BearerExchange({ name, verify: this.#verify, remoteIp });
  }

  /** Counts a failure of an address; milliseconds for which the answer is to be held back. */
  failed(ip: IpAddress): number {
    return this.gate.failed(ip);
  }

  #source(uri: string): CredentialSource {
    this.#renew();
    let source = this.#sources.get(uri);
    if (source === undefined) {
      source = this.#open(uri);
      this.#sources.set(uri, source);
    }
    return source;
  }

  #open(uri: string): CredentialSource {
    const { modules } = this.#o;
    const schemes = this.#services.flatMap((service) => service.schemes ?? []);
    const opened = schemeOf(uri, schemes)?.open(uri);
    if (modules !== undefined && typeof opened === 'object') return patientSource(uri, opened, modules.wheel);
    const place = placeOf(uri);
    return place === undefined ? nowhere(uri) : new PasswordFile({ ...place, panic: this.#o.panic });
  }

  /** Modules may have come and gone: what was opened with their help is opened anew. */
  #renew(): void {
    const { modules } = this.#o;
    if (modules === undefined) return;
    const services = modules.services();
    if (services === this.#services) return;
    this.#services = services;
    this.#sources.clear();
    const verify = services.find(({ verifyToken }) => verifyToken !== undefined)?.verifyToken;
    this.#verify = verify === undefined ? undefined : patientVerifier(verify, modules.wheel);
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
