/**
 * What the configuration says about TLS with a client: the TLS_* options, Use_SSL and what may follow STARTTLS.
 *
 * The one rule: without a certificate there are no settings, and then STARTTLS is not offered whatever is listed; `none` cancels
 * what would be inherited.
 * Not here: reading the files (#net). Truth: rules TLSI-01, TLSI-02, EXT-06.
 */
import type { TlsSettings, TlsVerifyMode } from '#net';
import type { OptionRecord } from './option-record.ts';

export interface TlsRules {
  readonly settings: TlsSettings | undefined;
  /** TLS from the first byte. */
  readonly useSsl: boolean;
  /** What becomes of bytes that came in clear behind STARTTLS. */
  readonly injection: 'reject' | 'ignore' | 'allow';
  readonly verifiedPeerCanRelay: boolean;
}

export function tlsRulesFrom(o: OptionRecord): TlsRules {
  const injection = o['starttlsInjectionPolicy'];
  return {
    settings: settingsOf(o),
    useSsl: o['useSsl'] === true,
    injection: injection === 'ignore' || injection === 'allow' ? injection : 'reject',
    verifiedPeerCanRelay: o['tlsVerifiedPeerCanRelay'] === true,
  };
}

function settingsOf(o: OptionRecord): TlsSettings | undefined {
  const certificate = given(o['tlsCertificate']);
  if (certificate === undefined) return undefined;
  const ciphers = given(o['tlsCiphers']);
  return {
    certificate,
    key: given(o['tlsKey']),
    clientCa: given(o['tlsClientCa']),
    ciphers: ciphers?.toUpperCase() === 'DEFAULT' ? undefined : ciphers,
    protocols: given(o['tlsProtocols']),
    verifyMode: modeOf(o['tlsVerifyMode'], given(o['tlsClientCa']) !== undefined),
    named: listOf(o['tlsSniCertificates']),
  };
}

/** Unset and without authorities nothing could be verified, so nothing is asked for: some clients stumble over the question. */
function modeOf(value: unknown, hasAuthorities: boolean): TlsVerifyMode {
  const word = typeof value === 'string' ? value.toLowerCase() : hasAuthorities ? '' : 'none';
  return word === 'none' || word === 'require' ? word : 'optional';
}

function listOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.length > 0 ? value.map(String) : undefined;
}

function given(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.toLowerCase() !== 'none' ? value : undefined;
}
