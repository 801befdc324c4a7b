/**
 * Which hosts did not answer lately.
 *
 * The one rule: an address and port that failed is skipped for Host_Failure_Retry seconds by every queue of this loop, and is good again
 * at its first success. Where it was only our demand of TLS that failed, those are kept away who demand the same, and nobody else.
 * Bound: HOSTS_MAX addresses; the least recently used is forgotten, which only means that it is tried.
 * Truth: rules Q-07, OUT-60, OUT-61.
 */
import { Lru, type Clock } from '#base';
import type { SendingOptions } from '#queue';
import { wantsLogin } from '../methods/authentication.ts';
import { wantsPolicy } from '../session/policy.ts';
import type { Target } from './targets.ts';

const HOSTS_MAX = 16_384;

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

export class HostMemory {
  readonly #clock: Clock;
  /** Monotonic time until which the host is skipped. */
  readonly #failed: Lru<string, number>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#failed = new Lru({ max: HOSTS_MAX });
  }

  /** @param demand what was demanded of TLS (tlsDemand), when that is what failed; '' for the host itself */
  fail(target: Target, seconds: number, demand = ''): void {
    this.#failed.set(keyOf(target, demand), this.#clock.mono() + seconds * 1000);
  }

  succeed(target: Target, demand: string): void {
    this.#failed.delete(keyOf(target, ''));
    if (demand !== '') this.#failed.delete(keyOf(target, demand));
  }

  /** Milliseconds until the host may be tried with this demand; 0 when it may be tried now. */
  wait(target: Target, demand: string): number {
    const own = this.#left(keyOf(target, ''));
    return demand === '' ? own : Math.max(own, this.#left(keyOf(target, demand)));
  }

  #left(key: string): number {
    const until = this.#failed.get(key);
    return until === undefined ? 0 : Math.max(0, until - this.#clock.mono());
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

function keyOf(target: Target, demand: string): string {
  return `${target.ip} ${target.port} ${demand}`;
}
