/**
 * What mail of a domain demands of TLS with one host: DANE and MTA-STS put together.
 *
 * The one rule: the stricter word holds and nothing downgrades it. An enforced MTA-STS policy chooses among the hosts; with a host that has
 * signed TLSA records DANE alone decides, and its failure is not made good by MTA-STS. What cannot be known now keeps the host from being used now.
 * While the name servers do not verify DNSSEC, DANE is off and said to be (self-test.ts), since then nothing would ever be proved.
 * Not here: TLS itself and what a failure does to mail (outbound). Truth: RFC 7672 section 2.2, RFC 8461 section 2; the manual's page of dane.
 */
import { findDane, type Asking } from './dane-lookup.ts';
import { daneProof, type ProofFailure } from './dane-proof.ts';
import { isStsHost, type StsPolicy } from './sts-policy.ts';
import type { StsFinding } from './sts-store.ts';
import type { ReportedPolicy, ReportTag, TlsFault, TlsOutcome } from './tls-results.ts';
import type { Tlsa } from './tlsa.ts';

export interface HostPolicy {
  readonly kind: 'dane' | 'sts';
  /** For people: which policy it is. */
  readonly name: string;
  /** Without TLS, or with a certificate that does not do, nothing is delivered; else a failure changes nothing. */
  readonly isEnforced: boolean;
  /** Whom we ask for (SNI). */
  readonly serverName: string;
  /** Whom the certificate must name where an authority vouches for it (MTA-STS). */
  readonly names: readonly string[];
  /** DANE: why the certificates do not do. undefined: an authority must vouch for them. */
  readonly prove?: ((chain: readonly Buffer[]) => ProofFailure | undefined) | undefined;
  /** Whether a handshake that it is content with proves who the server is (RFC 8689). */
  readonly isProof: boolean;
}

export type PolicyAnswer =
  | { readonly kind: 'none'; readonly report?: ReportTag | undefined }
  /** `report`: what the session is to be counted under, where that is done. */
  | { readonly kind: 'policy'; readonly policy: HostPolicy; readonly report?: ReportTag | undefined }
  /** The host is not to be used now; `reason` is for people. */
  | { readonly kind: 'unusable'; readonly code: string; readonly reason: string };

export interface HostQuestion {
  /** Of the recipients. */
  readonly domain: string;
  readonly host: string;
  readonly ip: string;
  readonly port: number;
  /** DNSSEC vouches that this host takes the domain's mail. */
  readonly isHostSecure: boolean;
  /** The domain's own DNS chose the host, not the operator. */
  readonly isForeign: boolean;
  readonly useDane: boolean;
  readonly useSts: boolean;
}

interface Ports {
  readonly dns: Asking;
  readonly sts: { of(domain: string, done: (finding: StsFinding) => void): void };
  /** Whether DANE can be relied on: a stanza dane {} and name servers that verify. */
  readonly isDaneOn: () => boolean;
  readonly now: () => number;
  /** Who counts for TLS reports; undefined while there are none. */
  readonly counter?: () => { count(outcome: TlsOutcome): void } | undefined;
}

const noPolicy: ReportTag = { policy: { type: 'no-policy-found', strings: [], mxHosts: [] } };
const noSts: ReportedPolicy = { type: 'sts', strings: [], mxHosts: [] };

export class HostPolicies {
  readonly #o: Ports;

  constructor(o: Ports) {
    this.#o = o;
  }

  of(question: HostQuestion, done: (answer: PolicyAnswer) => void): void {
    // A policy is about the hosts that a domain's own DNS names; a way that the operator wrote is the operator's.
    if (!question.useSts || !question.isForeign) return this.#dane(question, undefined, done);
    this.#o.sts.of(question.domain, (finding) => {
      if (finding.kind === 'none') {
        if (finding.failure !== undefined) this.#count(question, noSts, finding.failure);
        return this.#dane(question, undefined, done);
      }
      if (finding.kind === 'busy')
        return done({
          kind: 'unusable',
          code: '451 4.7.5',
          reason: `MTA-STS: too many policies are being fetched, ${question.domain} waits`,
        });
      const { policy } = finding;
      const { domain, host } = question;
      if (policy.mode === 'enforce' && !isStsHost(policy, host)) {
        this.#count(question, reportedSts(policy), notNamed);
        return done({ kind: 'unusable', code: '451 4.7.5', reason: `MTA-STS: ${host} is no mail host by the policy of ${domain}` });
      }
      this.#dane(question, policy, done);
    });
  }

  #dane(question: HostQuestion, sts: StsPolicy | undefined, done: (answer: PolicyAnswer) => void): void {
    // How TLS goes with a host that the operator wrote is not the business of the domain.
    const isCounted = question.isForeign && this.#o.counter?.() !== undefined;
    const without = (): void =>
      done(
        sts === undefined
          ? { kind: 'none', report: isCounted ? noPolicy : undefined }
          : { kind: 'policy', policy: stsPolicy(question, sts), report: isCounted ? stsTag(question, sts) : undefined },
      );
    if (!question.useDane || !this.#o.isDaneOn()) return without();
    findDane(this.#o.dns, question, (finding) => {
      if (finding.kind === 'none') return without();
      if (finding.kind === 'failed') {
        this.#count(question, reportedTlsa(question, []), { type: 'dnssec-invalid', reason: finding.reason });
        return done({ kind: 'unusable', code: '451 4.7.5', reason: `DANE: ${finding.reason}` });
      }
      const { base, owner, records } = finding;
      const names = [...new Set([base, question.host.toLowerCase(), question.domain.toLowerCase()])];
      const isProof = records.length > 0;
      done({
        kind: 'policy',
        policy: {
          kind: 'dane',
          name: `DANE, TLSA of ${owner}`,
          isEnforced: true,
          serverName: base,
          names,
          // Records that cannot be used demand TLS with any certificate (RFC 7672 section 2.2).
          prove: (chain) => (isProof ? daneProof(chain, { records, names, now: this.#o.now() }) : undefined),
          isProof,
        },
        report: isCounted ? { policy: reportedTlsa(question, records), flaw: isProof ? undefined : unusableTlsa } : undefined,
      });
    });
  }

  /** What keeps a host from being asked at all. */
  #count({ domain, host, ip, isForeign }: HostQuestion, policy: ReportedPolicy, fault: TlsFault): void {
    if (isForeign)
      this.#o.counter?.()?.count({ domain, policy, fault: { type: fault.type, reason: fault.reason }, sendingIp: '', host, helo: '', ip });
  }
}

const notNamed: TlsFault = { type: 'validation-failure', reason: 'the policy does not name this host' };
const unusableTlsa: TlsFault = { type: 'tlsa-invalid', reason: 'no TLSA record can be used' };

function reportedSts({ lines, mx }: StsPolicy): ReportedPolicy {
  return { type: 'sts', strings: lines, mxHosts: mx };
}

function stsTag({ host }: HostQuestion, sts: StsPolicy): ReportTag {
  return { policy: reportedSts(sts), flaw: isStsHost(sts, host) ? undefined : notNamed };
}

function reportedTlsa({ host }: HostQuestion, records: readonly Tlsa[]): ReportedPolicy {
  const strings = records.map(({ usage, selector, matching, data }) => `${usage} ${selector} ${matching} ${data.toString('hex')}`);
  return { type: 'tlsa', strings, mxHosts: [host.toLowerCase()] };
}

function stsPolicy({ domain, host }: HostQuestion, policy: StsPolicy): HostPolicy {
  const isEnforced = policy.mode === 'enforce';
  return { kind: 'sts', name: `MTA-STS, ${policy.mode}, ${domain}`, isEnforced, serverName: host, names: [host], isProof: isEnforced };
}
