/**
 * Who the client is taken for: the context that follows from its address, and what changes when a trusted client speaks for another one.
 *
 * The one rule: rights are always those of the address that is believed now, never of one believed before (a gateway that may relay
 * must not lend that to its clients); what the connection itself may do, its extensions and TLS, stays with the peer that made it.
 * Not here: the commands (verbs/xclient.ts). Truth: EXT-02, EXT-03, CTX-02, AUTH-08; attack A80.
 */
import type { IpAddress } from '#base';
import { peerMayRelay } from './relay.ts';
import type { SessionRules } from './session-rules.ts';
import type { Session } from './session-types.ts';

/** Whom Always_Allow makes of everybody (AUTH-08). */
export const ANONYMOUS = 'anonymous';

/** The keys that follow from rules and address. */
export function setOwnContext(s: Session): void {
  const { rules, context, facts } = s;
  facts.localName = rules.receivedHostname ?? s.ports.hostname;
  for (const [key, value] of rules.context) context.setConnection(key, value);
  context.setConnection('pathway', rules.pathway);
  if (peerMayRelay(rules, facts.ip)) context.setConnection('can_relay', 'true');
  if (rules.auth.alwaysAllow) acceptIdentity(s, ANONYMOUS);
}

/** Somebody is known by name now: the context, and the right to relay (AUTH-05). */
export function acceptIdentity(s: Session, user: string): void {
  if (user !== ANONYMOUS) s.facts.authUser = user;
  s.context.setConnection('auth_user', user);
  s.context.setConnection('auth_status', 'pass');
  s.context.setConnection('can_relay', 'true');
}

/** Nobody is known by name. */
function dropIdentity(s: Session): void {
  s.facts.authUser = '';
  for (const key of ['auth_user', 'auth_status', '#auth_method', 'can_relay']) s.context.connection.delete(key);
}

/** The client is taken for one at another address from now on. What it proved of itself (AUTH) stays, if `isSamePerson`. */
export function moveTo(s: Session, ip: IpAddress, isSamePerson: boolean): void {
  const { authUser } = s.facts;
  for (const key of s.rules.context.keys()) s.context.connection.delete(key);
  dropIdentity(s);
  s.facts.ip = ip;
  s.facts.remoteIp = ip.text;
  s.adopt(blend(s.rulesFor(ip), s.rules));
  setOwnContext(s);
  if (isSamePerson && authUser !== '') acceptIdentity(s, authUser);
}

function blend(next: SessionRules, real: SessionRules): SessionRules {
  const { mechanisms, bearers, needsTls } = real.auth;
  return { ...next, offered: real.offered, tls: real.tls, auth: { ...next.auth, mechanisms, bearers, needsTls } };
}
