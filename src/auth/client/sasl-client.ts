/**
 * SASL from the client's side: proves to a server that we know a password, by the best of the mechanisms it offers.
 *
 * The one rule: a server that should prove itself and does not is refused, whatever it says; the password goes over the wire only with PLAIN and
 * LOGIN, which the caller must ask for. Used by the console's client and by outbound SMTP AUTH.
 * Not here: frames, base64, replies (the callers). Truth: RFC 4616, RFC 2195, RFC 2831, RFC 5802, RFC 7677.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { MechanismName } from '../settings.ts';

export interface SaslIdentity {
  readonly user: string;
  readonly password: string;
  /** 'smtp', 'control', ...: part of DIGEST-MD5's proof. */
  readonly service: string;
  readonly host: string;
  /** Random text without commas and quotation marks. */
  readonly nonce: string;
}

export interface SaslClient {
  readonly mechanism: MechanismName;
  /** What to send with the mechanism's name; undefined when the server speaks first. */
  initial(): string | undefined;
  /** The answer to a challenge; later where it takes long to find. Throws an Error with a sentence when the server is not what it should be. */
  answer(challenge: string): string | Promise<string>;
  /** Throws when the server says yes without having proven itself. */
  finish(): void;
}

/** The order of preference: what proves most and tells least. */
const preference: readonly MechanismName[] = ['SCRAM-SHA-256', 'DIGEST-MD5', 'CRAM-MD5', 'PLAIN', 'LOGIN'];

/** The best of what is offered; `clear`: mechanisms that show the password may be used. */
export function bestMechanism(offered: readonly string[], o: { readonly clear: boolean }): MechanismName | undefined {
  return preference.find((name) => offered.includes(name) && (o.clear || (name !== 'PLAIN' && name !== 'LOGIN')));
}

export function saslClient(mechanism: MechanismName, identity: SaslIdentity): SaslClient {
  switch (mechanism) {
    case 'PLAIN':
      return steps('PLAIN', `\0${identity.user}\0${identity.password}`, []);
    case 'LOGIN':
      return steps('LOGIN', undefined, [identity.user, identity.password]);
    case 'CRAM-MD5':
      return {
        ...silent('CRAM-MD5'),
        answer: (challenge) => `${identity.user} ${hmac('md5', identity.password, challenge).toString('hex')}`,
      };
    case 'DIGEST-MD5':
      return digestClient(identity);
    case 'SCRAM-SHA-256':
      return scramClient(identity);
  }
}

function silent(mechanism: MechanismName): SaslClient {
  return { mechanism, initial: () => undefined, answer: () => '', finish: () => undefined };
}

function steps(mechanism: MechanismName, initial: string | undefined, answers: readonly string[]): SaslClient {
  let at = 0;
  return {
    ...silent(mechanism),
    initial: () => initial,
    answer() {
      const next = answers[at];
      at += 1;
      if (next === undefined) throw new Error(`the server asks more than ${mechanism} has`);
      return next;
    },
  };
}

function digestClient({ user, password, service, host, nonce: cnonce }: SaslIdentity): SaslClient {
  let expected: string | undefined;
  let isProven = false;
  return {
    ...silent('DIGEST-MD5'),
    answer(challenge) {
      if (expected !== undefined) {
        if (challenge !== `rspauth=${expected}`) throw new Error('the server does not know the password');
        isProven = true;
        return '';
      }
      const words = directives(challenge);
      const [realm, nonce] = [words.get('realm') ?? '', words.get('nonce')];
      if (nonce === undefined) throw new Error('the challenge of DIGEST-MD5 has no nonce');
      const uri = `${service}/${host}`;
      const ha1 = createHash('md5').update(`${user}:${realm}:${password}`).digest();
      const session = createHash('md5').update(ha1).update(`:${nonce}:${cnonce}`).digest('hex');
      const proof = (method: string) => md5(`${session}:${nonce}:00000001:${cnonce}:auth:${md5(`${method}:${uri}`)}`);
      expected = proof('');
      const text = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`;
      return [
        `username=${text(user)}`,
        `realm=${text(realm)}`,
        `nonce=${text(nonce)}`,
        `cnonce=${text(cnonce)}`,
        'nc=00000001',
        'qop=auth',
        `digest-uri=${text(uri)}`,
        `response=${proof('AUTHENTICATE')}`,
        'charset=utf-8',
      ].join(',');
    },
    finish() {
      if (!isProven) throw new Error('the server has not proven that it knows the password');
    },
  };
}

const stretch = promisify(pbkdf2);

/** Iterations of PBKDF2 beyond which a server wants to keep us busy rather than safe. */
const ITERATIONS_MAX = 600_000;

function scramClient({ user, password, nonce }: SaslIdentity): SaslClient {
  const first = `n=${user.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  let serverSignature: Buffer | undefined;
  let isProven = false;
  return {
    ...silent('SCRAM-SHA-256'),
    initial: () => `n,,${first}`,
    answer(challenge) {
      if (serverSignature !== undefined) {
        const said = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(challenge)?.[1] ?? '', 'base64');
        if (said.length !== serverSignature.length || !timingSafeEqual(said, serverSignature))
          throw new Error('the server does not know the password');
        isProven = true;
        return '';
      }
      const [, whole = '', salt = '', count = ''] = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})(?:,.*)?$/.exec(challenge) ?? [];
      const iterations = Number(count);
      if (!whole.startsWith(nonce) || whole.length === nonce.length)
        throw new Error('the challenge of SCRAM-SHA-256 is not an answer to us');
      if (iterations < 1 || iterations > ITERATIONS_MAX)
        throw new Error(`the server wants ${count} iterations: expected 1 to ${ITERATIONS_MAX}`);
      const final = `c=biws,r=${whole}`;
      const message = `${first},${challenge},${final}`;
      // In a thread of its own: other mail does not wait for it.
      return stretch(password.normalize('NFKC'), Buffer.from(salt, 'base64'), iterations, 32, 'sha256').then((salted) => {
        const clientKey = hmac('sha256', salted, 'Client Key');
        const signature = hmac('sha256', createHash('sha256').update(clientKey).digest(), message);
        serverSignature = hmac('sha256', hmac('sha256', salted, 'Server Key'), message);
        return `${final},p=${Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))).toString('base64')}`;
      });
    },
    finish() {
      if (!isProven) throw new Error('the server has not proven that it knows the password');
    },
  };
}

function hmac(kind: 'md5' | 'sha256', key: string | Buffer, text: string): Buffer {
  return createHmac(kind, key).update(text).digest();
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function directives(text: string): Map<string, string> {
  const found = text.matchAll(/([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))/g);
  return new Map([...found].map(([, name = '', quoted, plain]) => [name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '']));
}
