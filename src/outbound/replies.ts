/**
 * The replies that outbound makes up when no peer gave one.
 *
 * The one rule: each says `[internal]` and, where the response table has a text, has that text. What we add of our own
 * (limits of the peer, loops) follows the same form. Truth: rules, OUT-25, OUT-29, OUT-60, OUT-61.
 */
import { stage } from './stages.ts';

export const replies = {
  noMxReachable: '421 4.4.0 [internal] no MXs for this domain could be reached at this time',
  noValidHosts: '451 4.4.1 [internal] No valid hosts (unable to make any connections)',
  timedOut: '450 4.4.1 [internal] Connection Timed Out',
  closed: '451 4.4.2 [internal] connection closed by remote host',
  lookupFailed: '554 5.4.4 [internal] Domain Lookup Failed',
  noMxOrA: '454 4.4.4 [internal] no MX or A for domain',
  nullMx: '550 5.4.4 [internal] NULL MX domain does not accept mail',
  prohibited: '551 5.4.6 [internal] Private/Loopback Address',
  tlsNotOffered: '451 4.7.6 [internal] STARTTLS required but not advertised',
  tlsNoGoAhead: '451 4.7.5 [internal] no tls go-ahead',
  tlsFailed: '451 4.7.5 [internal] TLS negotiation failed',
  tlsAuthority: '451 4.7.5 [internal] SSL cert must be signed by a valid CA',
  tlsName: '451 4.7.5 [internal] SSL cert common name does not match host',
  bodyMissing: '550 5.3.0 [internal] message body missing',
  // Ours: the response table has no text for these.
  mailLoop: '554 5.4.6 [internal] mail for this domain loops back to this server',
  tooLarge: '552 5.3.4 [internal] message is larger than the remote host accepts',
  utf8NotOffered: '550 5.6.7 [internal] SMTPUTF8 required but not advertised',
  binaryNotOffered: '554 5.6.1 [internal] BINARYMIME required but not advertised',
  deliverByNotOffered: '554 5.3.3 [internal] DELIVERBY required but not advertised',
  requireTlsNotOffered: '550 5.7.30 [internal] REQUIRETLS required but not advertised',
  encryptionNeeded: '550 5.7.10 [internal] encryption needed and not available',
  encryptionFailed: '451 4.7.10 [internal] encryption needed and not available now',
  unprovenHost: '451 4.7.5 [internal] REQUIRETLS needs a certificate that names the domain',
  bodyUnreadable: '451 4.3.0 [internal] message body cannot be read now',
  noSource: '451 4.3.5 [internal] Bind_Address has no address',
  methodMissing: '451 4.3.5 [internal] Delivery_Method is not available',
  outOfStep: '451 4.5.0 [internal] remote host answered before it was asked',
  defect: '451 4.3.0 [internal] delivery failed for an unknown reason',
  authIncomplete: '451 4.7.0 [internal] AUTH needs Outbound_SMTP_Auth_Type, _User and _Pass',
  authUnproven: '451 4.7.0 [internal] AUTH needs TLS that proved who the server is',
  authNotOffered: '451 4.7.0 [internal] AUTH required but the mechanism is not advertised',
  xclientNotOffered: '451 4.7.6 [internal] XCLIENT required but not advertised',
  eightBit: '554 5.6.3 [internal] 8-bit content that cannot be converted, and 8BITMIME is not advertised',
  ownAddress: '554 5.4.6 [internal] mail loop: the next hop is this host',
  shuttingDown: '451 4.3.2 [internal] delivery stopped',
} as const;

const silent: Readonly<Record<number, string>> = {
  [stage.banner]: 'no banner',
  [stage.afterEhlo]: 'no HELO/EHLO response',
  [stage.afterMail]: 'no MAIL FROM response',
  [stage.afterRcpt]: 'no RCPT TO response',
  [stage.afterData]: 'no DATA response',
  [stage.body]: 'send BODY failed',
  [stage.confirmation]: 'no BODY response',
  [stage.afterRset]: 'no RSET response',
  [stage.afterXclient]: 'no XCLIENT response',
};

/** The peer said nothing in time at this stage. */
export function silentReply(at: number): string {
  if (at === stage.notConnected) return replies.timedOut;
  if (at === stage.handshake) return replies.tlsFailed;
  if (at === stage.afterStartTls) return replies.tlsNoGoAhead;
  const text = silent[at];
  return text === undefined ? replies.timedOut : `451 4.4.2 [internal] ${text}`;
}

/** The peer said what is no SMTP reply; `text` is cut and printable already. */
export function malformedReply(text: string): string {
  return `451 4.4.2 [internal] malformed reply: ${text}`.trimEnd();
}

/** What a policy of others (DANE, MTA-STS) says against a host or its certificate. */
export function daneReply(reason: string): string {
  return `451 4.7.5 [internal] DANE: ${reason}`;
}

export function lookupReply(reason: string): string {
  return `451 4.4.3 [internal] DNS lookup failed: ${reason}`;
}
