/**
 * Which hosts did not answer lately.
 *
 * The one rule: an address and port that failed is skipped for Host_Failure_Retry seconds by every queue of this loop, and is good again
 * at its first success. Where it was only our demand of TLS that failed, those are kept away who demand the same, and nobody else; where it was our
 * own address (Bind_Address), those who would come from there.
 * Bound: HOSTS_MAX addresses; the least recently used is forgotten, which only means that it is tried.
 * Truth: rules Q-07, OUT-60, OUT-61.
 */
import { Lru, type Clock } from '#base';
import type { SendingOptions } from '#queue';
import { wantsLogin } from '../methods/authentication.ts';
import { wantsPolicy } from '../session/policy.ts';
import type { Target } from './targets.ts';

const HOSTS_MAX = 16_384;
/** Characters of a reply that are kept for people. */
const REPLY_MAX = 200;

type TlsOptions = Pick<
  SendingOptions,
  | 'outboundSmtpAuthType'
  | 'outboundSmtpAuthUser'
  | 'tls'
  | 'tlsIfavailableFallback'
  | 'tlsVerify'
  | 'tlsCa'
  | 'tlsCertificate'
  | 'tlsKey'
  | 'tlsCiphers'
  | 'tlsProtocols'
  | 'useDane'
  | 'enableDane'
  | 'useMtaSts'
  | 'enableMtaSts'
>;

/** How a host failed that is skipped now. */
interface HostFailure {
  /** Monotonic times. */
  readonly at: number;
  readonly until: number;
  readonly reply: string;
}

/** Who wants to connect. */
interface Whose {
  /** Of TLS; '' for nothing. */
  readonly demand?: string;
  /** Our own address; '' where the system chooses. */
  readonly source?: string;
}

export class HostMemory {
  readonly #clock: Clock;
  readonly #failed: Lru<string, HostFailure>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#failed = new Lru({ max: HOSTS_MAX });
  }

  /** `demand`: what was demanded of TLS (tlsDemand), when that is what failed; `source`: our address, when that cannot be used. */
  fail(target: Target, seconds: number, { demand = '', source = '', reply = '' }: Whose & { reply?: string } = {}): void {
    const at = this.#clock.mono();
    this.#failed.set(source === '' ? keyOf(target, demand) : sourceKey(target, source), {
      at,
      until: at + seconds * 1000,
      reply: reply.slice(0, REPLY_MAX),
    });
  }

  succeed(target: Target, { demand = '', source = '' }: Whose): void {
    this.#failed.delete(keyOf(target, ''));
    if (demand !== '') this.#failed.delete(keyOf(target, demand));
    if (source !== '') this.#failed.delete(sourceKey(target, source));
  }

  /** Milliseconds until the host may be tried with this demand, from this address; 0 when it may be tried now. */
  wait(target: Target, whose: Whose): number {
    const failure = this.find(target, whose);
    return failure === undefined ? 0 : failure.until - this.#clock.mono();
  }

  /** The failure for which it is skipped longest by who demands this and comes from there. */
  find(target: Target, { demand = '', source = '' }: Whose): HostFailure | undefined {
    const own = this.#inForce(keyOf(target, ''));
    const ofDemand = demand === '' ? undefined : this.#inForce(keyOf(target, demand));
    const ofSource = source === '' ? undefined : this.#inForce(sourceKey(target, source));
    return longer(longer(own, ofDemand), ofSource);
  }

  #inForce(key: string): HostFailure | undefined {
    const failure = this.#failed.get(key);
    return failure === undefined || failure.until <= this.#clock.mono() ? undefined : failure;
  }
}

/** All that mail of a domain demands of TLS with a host, as one text; '' for nothing. */
export function tlsDemand(o: TlsOptions, domain: string): string {
  const isByPolicy = wantsPolicy(o);
  if (o.tls === 'no' && !isByPolicy && !wantsLogin(o)) return '';
  const parts = [
    o.outboundSmtpAuthType,
    o.outboundSmtpAuthUser,
    o.tls,
    o.tlsIfavailableFallback,
    o.tlsVerify,
    o.tlsCa,
    o.tlsCertificate,
    o.tlsKey,
    o.tlsCiphers,
    o.tlsProtocols,
    isByPolicy,
  ];
  return o.tlsVerify === 'host' || isByPolicy ? `${parts.join(' ')} ${domain}` : parts.join(' ');
}

function longer(one: HostFailure | undefined, other: HostFailure | undefined): HostFailure | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.until > one.until ? other : one;
}

function sourceKey(target: Target, source: string): string {
  return keyOf(target, `from ${source}`);
}

function keyOf(target: Target, demand: string): string {
  return `${target.ip} ${target.port} ${demand}`;
}
