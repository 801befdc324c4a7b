/**
 * What outbound asks of the rooms and the machine around it, as narrow ports.
 *
 * The one rule: whatever is handed in can be replaced by a test: the network, names, TLS files, limits shared between loops.
 * Not here: the queue's side (#queue). Truth: ARCHITECTURE.md, "What may never break" 8.
 */
import type { Socket } from 'node:net';
import type { HostQuestion, PolicyAnswer, TlsOutcome } from '#policies';
import type { Batch, DomainQueue, SendingOptions } from '#queue';

/** Where to connect. */
export interface Dial {
  /** Canonical text of an address, or the path of a Unix socket. */
  readonly ip: string;
  readonly port: number;
  /** Our own address, when Bind_Address gives one of this family. */
  readonly localAddress?: string;
  readonly isPath?: boolean;
}

/** Begins a connection and answers its socket at once; it must have noDelay set. */
export type ConnectPort = (to: Dial) => Socket;

export interface MailHost {
  readonly name: string;
  readonly preference: number;
  /** Addresses in canonical text, in the order in which they are to be tried. */
  readonly addresses: readonly string[];
}

/** Where a domain's mail goes, as DNS says. */
export type MailPlan =
  | {
      readonly kind: 'hosts';
      readonly hosts: readonly MailHost[];
      /** seconds */ readonly ttl: number;
      /** DNSSEC vouches that these are the domain's hosts. */ readonly isAuthenticated?: boolean;
    }
  | { readonly kind: 'null-mx' }
  | { readonly kind: 'none' }
  /** `stage` says whose records could not be had. */
  | { readonly kind: 'temporary'; readonly reason: string; readonly stage: 'mx' | 'address' };

export interface DnsPort {
  /** MX, then A and AAAA of the name itself. */
  mailHosts(domain: string, done: (plan: MailPlan) => void): void;
  /** A and AAAA of a name, without MX. */
  hostAddresses(name: string, done: (plan: MailPlan) => void): void;
}

/** What others have published about TLS with their hosts; asked only for mail whose options want it. */
export interface PolicyPort {
  of(question: HostQuestion, done: (answer: PolicyAnswer) => void): void;
  /** How a session ended whose answer had a `report`. */
  count?(outcome: TlsOutcome): void;
}

/** Who defines a limit: `id` is the path of the scope (CC-12 form, '' at the top). */
interface DefinedLimit {
  readonly id: string;
  readonly value: unknown;
}

/** A limit on the connections to one host, or to all that one Host scope matches. */
export interface HostLimit {
  /** All connections of this name are counted together. */
  readonly name: string;
  readonly limit: number;
  readonly option: string;
  readonly host: string;
}

/** Where the limits of a queue come from: the configuration. */
export interface ShapingPort {
  /** Everybody on the way of these options who defines this one, most specific first; empty for a default. */
  definitions(
    options: SendingOptions,
    option: 'serverMaxOutboundConnections' | 'scopeMaxOutboundConnections' | 'outboundThrottleMessages' | 'outboundThrottleConnections',
  ): readonly DefinedLimit[];
  /** The limits of Host scopes that match the name or the address. */
  hostLimits(queue: DomainQueue, host: { readonly name: string; readonly ip: string }): readonly HostLimit[];
}

/** Options of the global scope that outbound reads. */
export interface GlobalSendingOptions {
  readonly serverMaxOutboundConnections: number;
  /** Places beyond it, for queues that have mail and no connection; default 0, looked after every so many seconds (default 15). */
  readonly serverReserveOutboundConnections?: number;
  readonly reserveMaintenanceInterval?: number;
  /** Default true. */
  readonly migrateConnectionsBetweenSiblingDomains?: boolean;
  /** Seconds; default 1800. */
  readonly addressMetricsLifetime?: number;
  /** Undefined when nobody set it: then the default list of the room dns holds (A52). */
  readonly prohibitedHosts: readonly string[] | undefined;
  readonly useIpv6: boolean;
  /** Where all mail goes, whatever else is said (OUT-23). */
  readonly staticRoute?: string | undefined;
  /** Addresses of our own that no mail may be delivered to; undefined where that is not looked at (OUT-49). */
  readonly ownAddresses?: ReadonlySet<string> | undefined;
  /** OUT-27, with the two lists it speaks of. */
  readonly onlyUseBestMxForRelayDomains: boolean;
  readonly relayDomains?: readonly string[] | undefined;
  readonly bounceDomains?: readonly string[] | undefined;
}

/** `held` octets count as read back until they are given back; 0 when the body is in memory anyway. */
export type BodyDone = (error: Error | undefined, body: Buffer | undefined, held: number) => void;

/** Bodies for sending. */
export interface BodiesPort {
  load(batch: Batch, done: BodyDone): void;
  giveBack(held: number): void;
}
