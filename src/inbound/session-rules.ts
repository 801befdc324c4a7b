/**
 * What the configuration says to one kind of session (listener, listen, peer, pathway), read once and made ready to use.
 *
 * The one rule: a session reads properties of this object and never a configuration; it is made once per resolved record,
 * however many sessions share the record. What the record does not hold has the manual's default.
 * Not here: choosing the record (config's resolver). Truth: sections 7 and 8 of the rules; the option reference.
 */
import { LeftGlobs, parseCidr, PrefixTrie } from '#base';
import type { BodyRules } from '#smtp';
import { authRulesFrom, type AuthRules } from './auth-rules.ts';
import { bodyRulesFrom } from './body-rules.ts';
import { extensionWords, offeredBy, type Offered } from './extensions.ts';
import type { OptionRecord } from './option-record.ts';
import { tlsRulesFrom, type TlsRules } from './tls-rules.ts';

/** Recipients of one message at most, whatever the configuration. */
export const RECIPIENTS_MAX = 50_000;

export interface SessionRules {
  /** The record they were read from. */
  readonly options: OptionRecord;
  readonly bannerHostname: string | undefined;
  readonly staticBanner: string | undefined;
  readonly receivedHostname: string | undefined;
  readonly reconfigMessage: string;
  readonly context: ReadonlyMap<string, string>;
  readonly pathway: string;
  readonly pathwayGroup: string;
  readonly offered: Offered;
  readonly relayHosts: PrefixTrie<true>;
  /** relay_domains and bounce_domains: mail to these is let in. */
  readonly relayDomains: LeftGlobs;
  readonly bounceDomains: LeftGlobs;
  /** Open_Relay, or Relay_For_Sending_Domains without a domain. */
  readonly isOpenRelay: boolean;
  readonly relaySenders: LeftGlobs;
  /** Who alone may connect, and must say for whom: Proxy_Protocol_Hosts, or everybody where Proxy_Protocol is set without them. */
  readonly proxyHosts: PrefixTrie<true> | undefined;
  /** Milliseconds for the PROXY header; 0 = no limit. */
  readonly proxyHeaderMs: number;
  readonly requireEhlo: boolean;
  readonly allowNullSender: boolean;
  readonly allowIpLiteral: boolean;
  readonly senderDomain: string | undefined;
  readonly recipientDomain: string | undefined;
  readonly idleMs: number;
  /** Bytes; 0 = no limit. So are all that follow. */
  readonly maxMessageSize: number;
  readonly maxReceptionsPerConnection: number;
  readonly maxRecipientsPerConnection: number;
  readonly maxRecipientsPerMessage: number;
  /** Inbound_Throttle_Messages is set somewhere on the way. */
  readonly isThrottled: boolean;
  readonly listenerSessions: number;
  readonly serviceSessions: number;
  readonly traceHeaders: boolean;
  /** Generate_Bounces_For_Multi_Recipient_Policy_Rejections. */
  readonly bouncesRefusals: boolean;
  readonly body: BodyRules;
  readonly tls: TlsRules;
  readonly auth: AuthRules;
}

const EVERYBODY = ['0.0.0.0/0', '::/0'];

const made = new WeakMap<OptionRecord, SessionRules>();

/** The rules of a record; the same object for the same record. */
export function sessionRulesOf(record: OptionRecord): SessionRules {
  let rules = made.get(record);
  if (rules === undefined) {
    rules = readRules(record);
    made.set(record, rules);
  }
  return rules;
}

function readRules(o: OptionRecord): SessionRules {
  const relaySenders = listOf(o['relayForSendingDomains']);
  const tls = tlsRulesFrom(o);
  const extensions = listedExtensions(o);
  const auth = authRulesFrom(o, extensions);
  const proxies = listOf(o['proxyProtocolHosts']) ?? [];
  const isBehindProxy = flagOf(o['proxyProtocol'], false);
  return {
    options: o,
    isThrottled: o['inboundThrottleMessages'] !== undefined,
    bannerHostname: textOf(o['bannerHostname']),
    staticBanner: textOf(o['staticBanner']),
    receivedHostname: textOf(o['receivedHostname']),
    reconfigMessage: textOf(o['reconfigMessage']) ?? '4.3.2 Reconfiguration in progress',
    context: mapOf(o['context']),
    pathway: textOf(o['pathway']) ?? 'default',
    pathwayGroup: textOf(o['pathwayGroup']) ?? 'default',
    offered: offeredBy({
      extensions,
      allowTrailingWhitespace: flagOf(o['allowTrailingWhitespaceInCommands'], false),
      allowWhitespaceInEnvelope: flagOf(o['rfc2821AllowWhitespaceInEnvelope'], false),
      pedanticAddresses: flagOf(o['rfc2821PedanticAddressRules'], true),
      maxMessageSize: numberOf(o['maxMessageSize']),
      maxReceptionsPerConnection: numberOf(o['maxReceptionsPerConnection']),
      maxRecipientsPerMessage: numberOf(o['maxRecipientsPerMessage']) || RECIPIENTS_MAX,
      hasCertificate: tls.settings !== undefined,
      hasAuth: auth.mechanisms.size + auth.bearers.length > 0,
    }),
    relayHosts: networksOf(listOf(o['relayHosts']) ?? []),
    relayDomains: new LeftGlobs(listOf(o['relayDomains']) ?? []),
    bounceDomains: new LeftGlobs(listOf(o['bounceDomains']) ?? []),
    // An empty value opens the relay, in both of its spellings: `( )` and the bare statement of 2.x (SMTP-06).
    isOpenRelay: flagOf(o['openRelay'], false) || o['relayForSendingDomains'] === true || relaySenders?.length === 0,
    relaySenders: new LeftGlobs(relaySenders ?? []),
    proxyHosts: proxies.length > 0 ? networksOf(proxies) : isBehindProxy ? networksOf(EVERYBODY) : undefined,
    proxyHeaderMs: (typeof o['proxyProtocolTimeout'] === 'number' ? o['proxyProtocolTimeout'] : 60) * 1000,
    requireEhlo: flagOf(o['requireEhlo'], false),
    allowNullSender: flagOf(o['allowNullEnvelopeSender'], true),
    allowIpLiteral: flagOf(o['allowIpLiteral'], true),
    senderDomain: textOf(o['domainForUnqualifiedSenderAddress'])?.toLowerCase(),
    recipientDomain: textOf(o['domainForUnqualifiedRecipientAddresses'])?.toLowerCase(),
    idleMs: numberOf(o['idleTime']) * 1000,
    maxMessageSize: numberOf(o['maxMessageSize']),
    maxReceptionsPerConnection: numberOf(o['maxReceptionsPerConnection']),
    maxRecipientsPerConnection: numberOf(o['maxRecipientsPerConnection']),
    maxRecipientsPerMessage: numberOf(o['maxRecipientsPerMessage']),
    listenerSessions: numberOf(o['listenerSessions']),
    serviceSessions: numberOf(o['serviceSessions']),
    bouncesRefusals: flagOf(o['generateBouncesForMultiRecipientPolicyRejections'], true),
    traceHeaders: flagOf(o['rfc2822TraceHeaders'], true),
    body: bodyRulesFrom(o, numberOf(o['maxMessageSize'])),
    tls,
    auth,
  };
}

/** SMTP_Extensions, and the word that the pair of 2.x adds to it (AUTH-02): `Extension = AUTH`, `Extension_Argument = LOGIN`. */
export function listedExtensions(o: OptionRecord): string[] {
  const old = textOf(o['extension']);
  const argument = textOf(o['extensionArgument']);
  const words = listOf(o['smtpExtensions']) ?? [];
  return extensionWords(old === undefined ? words : [...words, argument === undefined ? old : `${old} ${argument}`]);
}

function networksOf(entries: readonly string[]): PrefixTrie<true> {
  const trie = new PrefixTrie<true>();
  for (const entry of entries) {
    const cidr = parseCidr(entry);
    // What is no network never gets here through a checked configuration; it then lets nobody in.
    if (cidr !== undefined) trie.insert(cidr, true);
  }
  return trie;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

function flagOf(value: unknown, standard: boolean): boolean {
  return typeof value === 'boolean' ? value : standard;
}

function listOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : undefined;
}

function mapOf(value: unknown): ReadonlyMap<string, string> {
  return value instanceof Map ? (value as ReadonlyMap<string, string>) : NO_CONTEXT;
}

const NO_CONTEXT: ReadonlyMap<string, string> = new Map();
