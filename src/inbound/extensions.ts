/**
 * Which ESMTP extensions a session offers, and the keyword lines of its EHLO reply.
 *
 * The one rule: what is not offered is not understood: the same table decides the reply, the parameters that MAIL and RCPT
 * take, and the verbs that work. PIPELINING, 8BITMIME and SIZE are always there; CHUNKING, SMTPUTF8 and DSN unless removed
 * by a leading minus ("-CHUNKING", ours); ENHANCEDSTATUSCODES only when listed, and with it the prefix of every reply. STARTTLS
 * needs a certificate too, and is never offered within TLS.
 * What promises something for the time after reception must be listed: FUTURERELEASE and DELIVERBY (each with a number of seconds if
 * wanted), MT-PRIORITY, REQUIRETLS (within TLS only), BINARYMIME, and LIMITS.
 * Truth: SMTP-02 (the order of the lines), EXT-01, AUTH-02; RFC 2852, 3030, 4865, 6710, 8689, 9422.
 */
import type { CommandRules, OfferedExtensions } from '#smtp';

/** The words of SMTP_Extensions in one spelling. */
export function extensionWords(list: readonly string[]): string[] {
  return list.map((word) => word.trim().toUpperCase().replace(/\s+/g, ' '));
}

/** What a word of the list is about, without its argument: `FUTURERELEASE 3600` is FUTURERELEASE, `AUTH LOGIN` is AUTH. */
export function extensionName(word: string): string {
  return word.split(/[ =]/, 1)[0] ?? '';
}

/** Seconds for which FUTURERELEASE may hold a message where the list gives no other number: a week. */
const HOLD_MAX_DEFAULT = 604_800;

/** How a message may be asked to be delivered, beyond what every session offers; all must be listed. */
interface DeliveryOffers {
  /** FUTURERELEASE: seconds for which a message may be held at most; 0 when it is not offered. */
  readonly holdMaxSeconds: number;
  /** DELIVERBY: seconds that a client must leave at least; undefined when it is not offered. */
  readonly deliverByMinSeconds: number | undefined;
  readonly mtPriority: boolean;
  readonly requireTls: boolean;
}

interface ExtensionOptions {
  /** As extensionWords() gives them. */
  readonly extensions: readonly string[];
  readonly allowTrailingWhitespace: boolean;
  readonly allowWhitespaceInEnvelope: boolean;
  readonly pedanticAddresses: boolean;
  readonly maxMessageSize: number;
  readonly maxReceptionsPerConnection: number;
  /** The most that one message may have, whether an option or the server says so. */
  readonly maxRecipientsPerMessage: number;
  readonly hasCertificate: boolean;
  /** SASL mechanisms that are listed and have a back end. */
  readonly hasAuth: boolean;
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
  readonly binaryMime: boolean;
  readonly delivery: DeliveryOffers;
  /** What the command parser is to allow after EHLO, the same within TLS, and before EHLO or after HELO. */
  readonly afterEhlo: CommandRules;
  readonly afterEhloSecured: CommandRules;
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
  const binaryMime = chunking && listed.has('BINARYMIME');
  // The seed names the keyword once with and once without its final S; both are understood.
  const enhancedCodes = listed.has('ENHANCEDSTATUSCODES') || listed.has('ENHANCEDSTATUSCODE');
  const keywords = ['PIPELINING', ...o.extensions.filter((word) => TRUSTED.has(word)).map((word) => TRUSTED.get(word) ?? word)];
  if (enhancedCodes) keywords.push('ENHANCEDSTATUSCODES');
  keywords.push('8BITMIME', o.maxMessageSize > 0 ? `SIZE ${o.maxMessageSize}` : 'SIZE');
  if (chunking) keywords.push('CHUNKING');
  if (binaryMime) keywords.push('BINARYMIME');
  if (smtpUtf8) keywords.push('SMTPUTF8');
  if (dsn) keywords.push('DSN');
  const delivery = deliveryOffers(o.extensions);
  if (delivery.deliverByMinSeconds !== undefined)
    keywords.push(delivery.deliverByMinSeconds > 0 ? `DELIVERBY ${delivery.deliverByMinSeconds}` : 'DELIVERBY');
  if (delivery.mtPriority) keywords.push('MT-PRIORITY');
  if (listed.has('LIMITS')) keywords.push(limitsKeyword(o));
  const { allowTrailingWhitespace, allowWhitespaceInEnvelope, pedanticAddresses } = o;
  const switches = { allowTrailingWhitespace, allowWhitespaceInEnvelope, pedanticAddresses };
  const offers = {
    size: true,
    eightBitMime: true,
    chunking,
    binaryMime,
    smtpUtf8,
    dsn,
    auth: o.hasAuth,
    futureRelease: delivery.holdMaxSeconds > 0,
    deliverBy: delivery.deliverByMinSeconds !== undefined,
    mtPriority: delivery.mtPriority,
  };
  return {
    keywords,
    enhancedCodes,
    chunking,
    binaryMime,
    delivery,
    auth: o.hasAuth,
    trusted: new Set(o.extensions.filter((word) => TRUSTED.has(word))),
    startTls: listed.has('STARTTLS') && o.hasCertificate,
    afterEhlo: { ...switches, offers },
    afterEhloSecured: { ...switches, offers: { ...offers, requireTls: delivery.requireTls } },
    afterHelo: { ...switches, offers: NOTHING },
  };
}

const NOTHING: OfferedExtensions = Object.freeze({
  size: false,
  eightBitMime: false,
  chunking: false,
  binaryMime: false,
  smtpUtf8: false,
  dsn: false,
  auth: false,
});

function deliveryOffers(extensions: readonly string[]): DeliveryOffers {
  const numberOf = (name: string): number | undefined => {
    const word = extensions.find((candidate) => extensionName(candidate) === name);
    return word === undefined ? undefined : Number(/ (\d{1,9})$/.exec(word)?.[1] ?? 0);
  };
  const hold = numberOf('FUTURERELEASE');
  return {
    holdMaxSeconds: hold === undefined ? 0 : hold || HOLD_MAX_DEFAULT,
    deliverByMinSeconds: numberOf('DELIVERBY'),
    mtPriority: extensions.includes('MT-PRIORITY'),
    requireTls: extensions.includes('REQUIRETLS'),
  };
}

/** RFC 9422: what a client can know before it meets the limit. */
function limitsKeyword(o: ExtensionOptions): string {
  const mail = o.maxReceptionsPerConnection > 0 ? ` MAILMAX=${o.maxReceptionsPerConnection}` : '';
  return `LIMITS${mail} RCPTMAX=${o.maxRecipientsPerMessage}`;
}

interface SessionNow {
  readonly isSecured: boolean;
  /** SASL mechanisms that this client may use now. */
  readonly mechanisms: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The lines of the EHLO reply behind the first, for a session as it stands now. AUTH has two, the old form and the standard's (AUTH-02). */
export function keywordsNow(offered: Offered, o: SessionNow): readonly string[] {
  const keywords = [...offered.keywords];
  const { holdMaxSeconds, requireTls } = offered.delivery;
  if (holdMaxSeconds > 0) {
    const latest = new Date(o.now + holdMaxSeconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
    keywords.push(`FUTURERELEASE ${holdMaxSeconds} ${latest}`);
  }
  if (requireTls && o.isSecured) keywords.push('REQUIRETLS');
  if (o.mechanisms.length > 0) keywords.push(`AUTH=${o.mechanisms.join(' ')}`, `AUTH ${o.mechanisms.join(' ')}`);
  if (offered.startTls && !o.isSecured) keywords.push('STARTTLS');
  return keywords;
}
