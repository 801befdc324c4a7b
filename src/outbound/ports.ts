/**
 * What outbound asks of the rooms and the machine around it, as narrow ports.
 *
 * The one rule: whatever is handed in can be replaced by a test: the network, names, TLS files, limits shared between loops.
 * Not here: the queue's side (#queue). Truth: ARCHITECTURE.md, "What may never break" 8.
 */
import type { Socket } from 'node:net';
import type { Batch } from '#queue';

/** Where to connect. */
export interface Dial {
  /** Canonical text of an address. */
  readonly ip: string;
  readonly port: number;
  /** Our own address, when Bind_Address gives one of this family. */
  readonly localAddress?: string;
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
  | { readonly kind: 'hosts'; readonly hosts: readonly MailHost[]; /** seconds */ readonly ttl: number }
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

/** A number of places shared by whoever has the same port; a refusal is an answer. */
export interface PlacesPort {
  acquire(limit: number): boolean;
  release(): void;
}

/** The places of one binding; closed when nobody here has one or waits for one. */
export interface BindingPlacesPort extends PlacesPort {
  close?(): void;
}

/** Options of the global scope that outbound reads. */
export interface GlobalSendingOptions {
  readonly serverMaxOutboundConnections: number;
  /** Undefined when nobody set it: then the default list of the room dns holds (A52). */
  readonly prohibitedHosts: readonly string[] | undefined;
  readonly useIpv6: boolean;
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
