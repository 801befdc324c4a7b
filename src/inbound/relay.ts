/**
 * May this session send to this recipient? Asked once per RCPT TO.
 *
 * The one rule: everything that is not allowed by name is refused; and an address that carries a second route inside
 * (`user%other@here`, `user@other@here`, `@a,@b:user@here`) is only taken from those who may relay anyway, because a
 * server further on might follow it.
 * Not here: authentication and certificates, which set can_relay when they come. Truth: SMTP-06, SMTP-07; attack A33.
 */
import type { IpAddress } from '#base';
import type { Path } from '#smtp';
import type { SessionRules } from './session-rules.ts';

/** Whether the address of the peer alone lets it relay: relay_hosts, or an open relay for its network. */
export function peerMayRelay(rules: SessionRules, ip: IpAddress): boolean {
  return rules.isOpenRelay || rules.relayHosts.match(ip) === true;
}

interface RelayQuestion {
  readonly rules: SessionRules;
  /** The context key can_relay is true. */
  readonly canRelay: boolean;
  /** '' for the null sender, which no list of sending domains can allow. */
  readonly senderDomain: string;
  readonly recipient: Path;
  /** Routing domain of the recipient. */
  readonly domain: string;
}

export function mayRelayTo(q: RelayQuestion): boolean {
  if (q.canRelay) return true;
  if (q.recipient.routed) return false;
  const { rules, domain } = q;
  if (rules.relayDomains.matches(domain) || rules.bounceDomains.matches(domain)) return true;
  return q.senderDomain !== '' && rules.relaySenders.matches(q.senderDomain);
}
