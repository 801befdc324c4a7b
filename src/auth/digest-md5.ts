/**
 * DIGEST-MD5: like CRAM-MD5 with a realm, so that the back end may keep hashes instead of passwords.
 *
 * The one rule: everything that we said must come back as we said it (nonce, realm, first use), else the response is not one to our
 * challenge. Only `qop=auth` is spoken: integrity and confidentiality are TLS's work. The server proves itself too (rspauth).
 * Truth: RFC 2831; rules AUTH-03, AUTH-04; attack A42.
 */
import { createHash } from 'node:crypto';
import type { Credential, CredentialSource } from '#hooks';
import { isSameSecret, md5 } from './equal.ts';
import { isField, MALFORMED, textOf, type SaslAnswer, type SaslExchange } from './exchange.ts';

interface DigestMd5Options {
  readonly source: CredentialSource;
  readonly realm: string;
  readonly nonce: string;
  /** The first part of the digest-uri: what the proof is for. */
  readonly service: string;
  /** The back end has clear passwords. */
  readonly storedCleartext: boolean;
}

interface DigestResponse {
  readonly user: string;
  readonly cnonce: string;
  readonly uri: string;
  readonly proof: string;
  readonly authzid: string | undefined;
}

export class DigestMd5Exchange implements SaslExchange {
  readonly #o: DigestMd5Options;
  /** Set when the response was right and only the client's last word is awaited. */
  #passed: string | undefined;

  constructor(o: DigestMd5Options) {
    this.#o = o;
  }

  begin(initial: Buffer | undefined, answer: SaslAnswer): void {
    const { realm, nonce } = this.#o;
    const text = `realm="${quoted(realm)}",nonce="${nonce}",qop="auth",charset=utf-8,algorithm=md5-sess`;
    answer(initial === undefined ? { kind: 'challenge', text } : MALFORMED);
  }

  next(response: Buffer, answer: SaslAnswer): void {
    if (this.#passed !== undefined) {
      answer(response.length === 0 ? { kind: 'pass', user: this.#passed } : MALFORMED);
      return;
    }
    const said = this.#read(textOf(response) ?? response.toString('latin1'));
    if (said === undefined) answer(MALFORMED);
    else if (!isField(said.user) || (said.authzid !== undefined && said.authzid !== said.user)) answer({ kind: 'fail', user: '' });
    else this.#o.source.find(said.user, this.#o.realm, (found) => this.#judge(said, found, answer));
  }

  #judge(said: DigestResponse, found: Credential, answer: SaslAnswer): void {
    if (found.kind === 'trouble') {
      answer({ kind: 'trouble', user: said.user, cause: found.cause });
      return;
    }
    const stored = this.#secret(said.user, found);
    const key = stored ?? md5('');
    const isRight = isSameSecret(this.#proof(said, key, 'AUTHENTICATE'), said.proof);
    if (!isRight || stored === undefined) {
      answer({ kind: 'fail', user: said.user });
      return;
    }
    this.#passed = said.user;
    answer({ kind: 'challenge', text: `rspauth=${this.#proof(said, key, '')}` });
  }

  /** md5(user:realm:password) in hex, whatever form the back end has. */
  #secret(user: string, found: Credential): string | undefined {
    if (found.kind === 'ha1') return hashOf(found.hex);
    if (found.kind !== 'password' || found.text === '') return undefined;
    if (!this.#o.storedCleartext) return hashOf(found.text);
    return md5(Buffer.concat([bytesOf(user), Buffer.from(':'), bytesOf(this.#o.realm), Buffer.from(':'), bytesOf(found.text)]));
  }

  #proof(said: DigestResponse, secret: string, method: string): string {
    const { nonce } = this.#o;
    const session = createHash('md5').update(Buffer.from(secret, 'hex')).update(`:${nonce}:${said.cnonce}`);
    if (said.authzid !== undefined) session.update(`:${said.authzid}`);
    return md5(`${session.digest('hex')}:${nonce}:00000001:${said.cnonce}:auth:${md5(`${method}:${said.uri}`)}`);
  }

  #read(text: string): DigestResponse | undefined {
    const words = directives(text);
    const user = words?.get('username');
    const cnonce = words?.get('cnonce');
    const uri = words?.get('digest-uri');
    const proof = words?.get('response');
    if (words === undefined || user === undefined || cnonce === undefined || cnonce === '' || uri === undefined || proof === undefined)
      return undefined;
    const isOurs =
      words.get('nonce') === this.#o.nonce &&
      (words.get('realm') ?? this.#o.realm) === this.#o.realm &&
      words.get('nc') === '00000001' &&
      (words.get('qop') ?? 'auth') === 'auth' &&
      uri.toLowerCase().startsWith(`${this.#o.service}/`);
    return isOurs ? { user, cnonce, uri, proof: proof.toLowerCase(), authzid: words.get('authzid') } : undefined;
  }
}

/** `name=value,name="value"`; undefined when it is not that, or names one twice. */
function directives(text: string): Map<string, string> | undefined {
  const words = new Map<string, string>();
  const item = /\s*([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))\s*(,|$)/y;
  while (item.lastIndex < text.length) {
    const match = item.exec(text);
    if (match === null) return undefined;
    const name = (match[1] ?? '').toLowerCase();
    if (words.has(name)) return undefined;
    words.set(name, match[2] === undefined ? (match[3] ?? '') : match[2].replace(/\\(.)/g, '$1'));
  }
  return words;
}

function quoted(text: string): string {
  return text.replace(/["\\]/g, '\\$&');
}

function hashOf(text: string): string | undefined {
  return /^[0-9a-f]{32}$/i.test(text) ? text.toLowerCase() : undefined;
}

/** RFC 2831 section 2.1.2.1: ISO 8859-1 where that can say it, UTF-8 otherwise. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text, /[^\u0020-\u00ff]/.test(text) ? 'utf8' : 'latin1');
}
