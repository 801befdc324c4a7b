/**
 * Whether mail wants to know what others have published about TLS, and what follows for a connection.
 *
 * The one rule: an enforced policy demands TLS whatever the options say and is never fallen back from; one that is only tested asks for TLS and
 * takes what it gets. Mail whose options name no policy pays one look at two fields.
 * Not here: what was published (room policies). Truth: the manual's use_dane, enable_dane, use_mta_sts, enable_mta_sts; RFC 7672, RFC 8461.
 */
import type { HostPolicy, HostQuestion } from '#policies';
import type { SendingOptions } from '#queue';
import type { Target } from '../route/targets.ts';

type Options = Pick<SendingOptions, 'useDane' | 'enableDane' | 'useMtaSts' | 'enableMtaSts'>;

function wantsDane(o: Options): boolean {
  return o.useDane === true && o.enableDane !== false;
}

function wantsSts(o: Options): boolean {
  return o.useMtaSts === true && o.enableMtaSts !== false;
}

export function wantsPolicy(o: Options): boolean {
  return wantsDane(o) || wantsSts(o);
}

export function questionOf(target: Target, domain: string, options: Options): HostQuestion {
  const { ip, port, name, isForeign, isSecure = false } = target;
  return { domain, host: name, ip, port, isHostSecure: isSecure, isForeign, useDane: wantsDane(options), useSts: wantsSts(options) };
}

export interface TlsDemand {
  readonly tls: SendingOptions['tls'];
  /** Clear text may be tried where TLS fails. */
  readonly mayFallBack: boolean;
}

/** What holds for a connection: the options, and the policy of its host. */
export function demandOf({ tls, tlsIfavailableFallback }: SendingOptions, policy: HostPolicy | undefined): TlsDemand {
  if (policy?.isEnforced === true) return { tls: 'required', mayFallBack: false };
  if (policy !== undefined && tls === 'no') return { tls: 'ifavailable', mayFallBack: true };
  return { tls, mayFallBack: tls === 'ifavailable' && tlsIfavailableFallback };
}

/** A failure, with the policy that makes it one. */
export function withPolicyName(reply: string, policy: HostPolicy | undefined): string {
  return policy?.isEnforced === true ? `${reply} (${policy.name})` : reply;
}
