/**
 * XOAUTH2 and OAUTHBEARER: the client presents a token, a module says whose it is.
 *
 * The one rule: a token is a secret like a password and goes to the verifier alone. After a refusal the client is told why in a
 * challenge, must answer it, and only then hears 535: that is how both mechanisms end. A verifier that names nobody lets nobody in.
 * Bounds: `TOKEN_MAX` octets, the line length of #smtp. Truth: RFC 7628, RFC 6750 section 2.1; Google's description of XOAUTH2.
 */
import type { TokenAnswer, TokenQuestion, VerifyToken } from '#hooks';
import { isField, MALFORMED, textOf, type SaslAnswer, type SaslExchange } from './exchange.ts';

const BEARER_MECHANISMS = ['XOAUTH2', 'OAUTHBEARER'] as const;
export type BearerName = (typeof BEARER_MECHANISMS)[number];

export function isBearer(name: string): name is BearerName {
  return (BEARER_MECHANISMS as readonly string[]).includes(name);
}

const TOKEN_MAX = 8192;
/** RFC 6750: what a token is made of. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

const refusals: Readonly<Record<BearerName, string>> = {
  XOAUTH2: '{"status":"401","schemes":"bearer","scope":""}',
  OAUTHBEARER: '{"status":"invalid_token"}',
};

interface Presented {
  readonly user: string;
  readonly token: string;
}

interface BearerOptions {
  readonly name: BearerName;
  readonly verify: VerifyToken;
  readonly remoteIp: string;
}

export class BearerExchange implements SaslExchange {
  readonly #o: BearerOptions;
  /** Set when only the client's last word is awaited. */
  #refused: string | undefined;

  constructor(o: BearerOptions) {
    this.#o = o;
  }

  begin(initial: Buffer | undefined, answer: SaslAnswer): void {
    if (initial === undefined) answer({ kind: 'challenge', text: '' });
    else this.next(initial, answer);
  }

  next(response: Buffer, answer: SaslAnswer): void {
    if (this.#refused !== undefined) {
      answer({ kind: 'fail', user: this.#refused });
      return;
    }
    const { name, verify, remoteIp } = this.#o;
    const said = presented(name, textOf(response) ?? '');
    if (said === undefined) {
      answer(MALFORMED);
      return;
    }
    const question: TokenQuestion = { mechanism: name, ...said, remoteIp };
    verify(question, (result) => this.#judge(said.user, result, answer));
  }

  #judge(user: string, result: TokenAnswer, answer: SaslAnswer): void {
    if (result.kind === 'trouble') answer({ kind: 'trouble', user, cause: result.cause });
    else if (result.kind === 'pass' && isField(result.user)) answer({ kind: 'pass', user: result.user });
    else {
      this.#refused = user;
      answer({ kind: 'challenge', text: refusals[this.#o.name] });
    }
  }
}

/** User and token of a response; undefined when it is not of the mechanism's form. */
function presented(name: BearerName, text: string): Presented | undefined {
  const parts = text.split('\x01');
  if (parts.length < 3 || parts.at(-1) !== '' || parts.at(-2) !== '') return undefined;
  const pairs = new Map(parts.slice(name === 'XOAUTH2' ? 0 : 1, -2).map((pair) => splitAt(pair)));
  const token = /^Bearer (\S+)$/i.exec(pairs.get('auth') ?? '')?.[1];
  const user = name === 'XOAUTH2' ? pairs.get('user') : headerUser(parts[0] ?? '');
  if (token === undefined || token.length > TOKEN_MAX || !TOKEN.test(token) || user === undefined) return undefined;
  return user === '' || isField(user) ? { user, token } : undefined;
}

function splitAt(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}

/** `n,a=user,` of RFC 5801; channel binding is not spoken. */
function headerUser(header: string): string | undefined {
  const match = /^[ny],(?:a=([^,]*))?,$/.exec(header);
  const name = match?.[1] ?? '';
  if (match === null || /=(?!2C|3D)/.test(name)) return undefined;
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
