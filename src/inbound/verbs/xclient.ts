/**
 * XCLIENT and XREMOTEIP: a trusted client says for whom it speaks.
 *
 * The one rule: only where the extension is listed for the peer that made the connection; everything that followed from the old address
 * is decided anew for the new one. XCLIENT begins the session anew with a greeting; XREMOTEIP works at any time and answers 250.
 * Attributes are taken all or none. `[UNAVAILABLE]` of an address is the unspecified address, which has no rights by itself.
 * Truth: Postfix's definition of XCLIENT; EXT-02, EXT-03; attack A80.
 */
import { parseIp, unmapIp, type IpAddress } from '#base';
import { decodeXtext, replies } from '#smtp';
import { acceptIdentity, moveTo } from '../identity.ts';
import type { Session } from '../session-types.ts';

const NAMES: ReadonlySet<string> = new Set(['NAME', 'ADDR', 'PORT', 'PROTO', 'HELO', 'LOGIN', 'DESTADDR', 'DESTPORT']);
const VALUE_MAX = 255;
const UNSPECIFIED = parseIp('0.0.0.0') as IpAddress;

/** What was said; `null` stands for `[UNAVAILABLE]` and `[TEMPUNAVAIL]`. */
interface Claims {
  name?: string | null;
  ip?: IpAddress | null;
  port?: number | null;
  isEsmtp?: boolean;
  helo?: string | null;
  login?: string | null;
  localIp?: IpAddress | null;
  localPort?: number | null;
}

export function xClient(s: Session, argument: string): void {
  if (!isTrusted(s, 'XCLIENT')) return;
  if (s.transaction.isOpen) {
    s.say(replies.badSequence);
    return;
  }
  const claims = parseClaims(argument);
  if (claims === undefined) {
    s.say(replies.parameterSyntax);
    return;
  }
  const { context, facts } = s;
  s.resetTransaction();
  const old = facts.authUser;
  // A Map may lose keys while it is walked.
  for (const key of context.connection.keys()) if (!key.startsWith('tls')) context.connection.delete(key);
  moveTo(s, claims.ip === undefined ? facts.ip : (claims.ip ?? UNSPECIFIED), false);
  if (claims.port !== undefined) facts.remotePort = claims.port ?? 0;
  if (claims.localIp !== undefined) facts.localIp = (claims.localIp ?? UNSPECIFIED).text;
  if (claims.localPort !== undefined) facts.localPort = claims.localPort ?? 0;
  const login = claims.login === undefined && claims.ip === undefined ? old : (claims.login ?? '');
  if (login !== '' && !s.rules.auth.alwaysDeny) acceptIdentity(s, login);
  if (typeof claims.name === 'string') context.setConnection('xclient_name', claims.name);
  facts.helo = claims.helo ?? '';
  facts.isEsmtp = facts.helo !== '' && claims.isEsmtp !== false;
  if (facts.helo !== '') context.setConnection('ehlo_domain', facts.helo);
  s.introduce(() => s.greet());
}

export function xRemoteIp(s: Session, argument: string): void {
  if (!isTrusted(s, 'XREMOTEIP')) return;
  const ip = addressOf(argument);
  if (ip === undefined || ip === null) {
    s.say(replies.parameterSyntax);
    return;
  }
  moveTo(s, ip, true);
  s.introduce(() => s.say(replies.done));
}

/** Whether the extension is this peer's to use; says so when it is not. */
export function isTrusted(s: Session, word: string): boolean {
  if (s.rules.offered.trusted.has(word)) return true;
  const reply = s.notOffered(word);
  if (reply.code === 550) s.refuse(reply);
  else s.say(reply);
  return false;
}

function parseClaims(argument: string): Claims | undefined {
  const words = new Map<string, string | null>();
  for (const word of argument.split(' ')) {
    const at = word.indexOf('=');
    const name = word.slice(0, Math.max(at, 0)).toUpperCase();
    const text = decodeXtext(word.slice(at + 1));
    if (at <= 0 || !NAMES.has(name) || words.has(name) || text === undefined || text === '' || text.length > VALUE_MAX) return undefined;
    words.set(name, /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i.test(text) ? null : text);
  }
  const claims: Claims = {};
  for (const [name, text] of words) if (!take(claims, name, text)) return undefined;
  return claims;
}

/** Reads one attribute; false when its value is none. */
function take(claims: Claims, name: string, text: string | null): boolean {
  switch (name) {
    case 'ADDR':
    case 'DESTADDR': {
      const ip = text === null ? null : addressOf(text);
      if (ip === undefined) return false;
      claims[name === 'ADDR' ? 'ip' : 'localIp'] = ip;
      return true;
    }
    case 'PORT':
    case 'DESTPORT': {
      if (text !== null && (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)) return false;
      claims[name === 'PORT' ? 'port' : 'localPort'] = text === null ? null : Number(text);
      return true;
    }
    case 'PROTO':
      if (text === null || !/^E?SMTP$/i.test(text)) return false;
      claims.isEsmtp = text.length === 5;
      return true;
    case 'LOGIN':
      claims.login = text;
      return true;
    default:
      // NAME and HELO: what a host may be called.
      if (text !== null && !/^[\w.:[\]-]+$/.test(text)) return false;
      claims[name === 'NAME' ? 'name' : 'helo'] = text;
      return true;
  }
}

/** Postfix writes `IPV6:` in front of an IPv6 address. */
function addressOf(text: string): IpAddress | undefined {
  const ip = parseIp(text.replace(/^IPV6:/i, ''));
  return ip === undefined ? undefined : unmapIp(ip);
}
