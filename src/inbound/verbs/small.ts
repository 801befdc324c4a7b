/**
 * RSET, NOOP, QUIT, HELP and VRFY: the verbs of one line.
 *
 * The one rule: RSET asks whether the configuration is still the one the session began with (LSN-10); VRFY tells nothing.
 * Truth: SMTP-01, SMTP-04, LSN-10; RFC 5321 sections 4.1.1.5 to 4.1.1.10.
 */
import { replies } from '#smtp';
import type { Session } from '../session-types.ts';

export function rset(s: Session): void {
  s.resetTransaction();
  s.state = 'awaiting mailfrom';
  if (s.isStale) s.refuse({ code: 421, text: s.rules.reconfigMessage }, { close: true });
  else s.say(replies.reset);
}

export function noop(s: Session): void {
  s.say(replies.noop);
}

export function help(s: Session): void {
  s.say(replies.help);
}

export function vrfy(s: Session): void {
  s.say(replies.cannotVerify);
}

export function quit(s: Session): void {
  s.part(replies.goodbye);
}
