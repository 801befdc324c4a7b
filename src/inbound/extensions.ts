/**
 * Which ESMTP extensions a session offers, and the keyword lines of its EHLO reply.
 *
 * The one rule: what is not offered is not understood: the same table decides the reply, the parameters that MAIL and RCPT
 * take, and the verbs that work. PIPELINING, 8BITMIME and SIZE are always there; CHUNKING, SMTPUTF8 and DSN unless removed
 * by a leading minus ("-CHUNKING", ours); ENHANCEDSTATUSCODES only when listed, and with it the prefix of every reply. STARTTLS
 * needs a certificate too, and is never offered within TLS.
 * Truth: SMTP-02 (the order of the lines), EXT-01, AUTH-02.
 */
import type { CommandRules } from '#smtp';

/** The words of SMTP_Extensions in one spelling. */
export function extensionWords(list: readonly string[]): string[] {
  return list.map((word) => word.trim().toUpperCase().replace(/\s+/g, ' '));
}

interface ExtensionOptions {
  /** As extensionWords() gives them. */
  readonly extensions: readonly string[];
  readonly allowTrailingWhitespace: boolean;
  readonly allowWhitespaceInEnvelope: boolean;
  readonly pedanticAddresses: boolean;
  readonly maxMessageSize: number;
  readonly hasCertificate: boolean;
  /** SASL mechanisms that are listed and have a back end. */
  readonly mechanisms: readonly string[];
}

export interface Offered {
  /** The lines of the EHLO reply behind the first, without those that depend on the state of the session. */
  readonly keywords: readonly string[];
  readonly enhancedCodes: boolean;
  readonly chunking: boolean;
  readonly startTls: boolean;
  /** The extensions of trusted clients that are listed: XCLIENT and its like. */
  readonly trusted: ReadonlySet<string>;
  readonly auth: boolean;
  /** Both lines of AUTH-02: the old form and the standard's. */
  readonly authKeywords: readonly string[];
  /** What the command parser is to allow after EHLO, and before it or after HELO. */
  readonly afterEhlo: CommandRules;
  readonly afterHelo: CommandRules;
}

/** Extensions with which a client changes what we believe of it, and how each announces itself. */
const TRUSTED: ReadonlyMap<string, string> = new Map([
  ['XCLIENT', 'XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT'],
  ['XREMOTEIP', 'XREMOTEIP'],
  ['XSETCONTEXT', 'XSETCONTEXT'],
  ['XDUMPCONTEXT', 'XDUMPCONTEXT'],
]);

export function offeredBy(o: ExtensionOptions): Offered {
  const listed = new Set(o.extensions);
  const isKept = (word: string): boolean => !listed.has(`-${word}`);
  const chunking = isKept('CHUNKING');
  const smtpUtf8 = isKept('SMTPUTF8');
  const dsn = isKept('DSN');
  // The seed names the keyword once with and once without its final S; both are understood.
  const enhancedCodes = listed.has('ENHANCEDSTATUSCODES') || listed.has('ENHANCEDSTATUSCODE');
  const keywords = ['PIPELINING', ...o.extensions.filter((word) => TRUSTED.has(word)).map((word) => TRUSTED.get(word) ?? word)];
  if (enhancedCodes) keywords.push('ENHANCEDSTATUSCODES');
  keywords.push('8BITMIME', o.maxMessageSize > 0 ? `SIZE ${o.maxMessageSize}` : 'SIZE');
  if (chunking) keywords.push('CHUNKING');
  if (smtpUtf8) keywords.push('SMTPUTF8');
  if (dsn) keywords.push('DSN');
  const { allowTrailingWhitespace, allowWhitespaceInEnvelope, pedanticAddresses } = o;
  const switches = { allowTrailingWhitespace, allowWhitespaceInEnvelope, pedanticAddresses };
  return {
    keywords,
    enhancedCodes,
    chunking,
    auth: o.mechanisms.length > 0,
    authKeywords: o.mechanisms.length > 0 ? [`AUTH=${o.mechanisms.join(' ')}`, `AUTH ${o.mechanisms.join(' ')}`] : [],
    trusted: new Set(o.extensions.filter((word) => TRUSTED.has(word))),
    startTls: listed.has('STARTTLS') && o.hasCertificate,
    afterEhlo: {
      ...switches,
      offers: { size: true, eightBitMime: true, chunking, binaryMime: false, smtpUtf8, dsn, auth: o.mechanisms.length > 0 },
    },
    afterHelo: {
      ...switches,
      offers: { size: false, eightBitMime: false, chunking: false, binaryMime: false, smtpUtf8: false, dsn: false, auth: false },
    },
  };
}

/** The lines of the EHLO reply behind the first, for a session as it stands now. */
export function keywordsNow(offered: Offered, now: { readonly isSecured: boolean; readonly mayAuthenticate: boolean }): readonly string[] {
  const keywords = [...offered.keywords];
  if (now.mayAuthenticate) keywords.push(...offered.authKeywords);
  if (offered.startTls && !now.isSecured) keywords.push('STARTTLS');
  return keywords;
}
