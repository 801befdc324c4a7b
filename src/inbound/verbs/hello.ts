/**
 * EHLO and HELO: the client says its name, the server what it offers.
 *
 * The one rule: a second one, at any time, ends the transaction and makes everything anew (attack A26).
 * Not here: checking the name against anything; that is for modules. Truth: SMTP-01, SMTP-02; RFC 5321 section 4.1.1.1.
 */
import { ehloReply, heloReply, type HelloCommand } from '#smtp';
import { keywordsNow } from '../extensions.ts';
import type { Session } from '../session-types.ts';
import { mechanismsNow } from './auth.ts';

export function hello(s: Session, command: HelloCommand): void {
  s.state = 'sending ehlo/helo response';
  s.resetTransaction();
  s.facts.helo = command.domain;
  s.facts.isEsmtp = command.verb === 'EHLO';
  s.context.setConnection('ehlo_domain', command.domain);
  s.context.setConnection('ehlo_string', command.line);
  s.runPhase('ehlo', {}, (isAccepted) => {
    if (!isAccepted) {
      s.facts.helo = '';
      s.facts.isEsmtp = false;
      s.state = 'awaiting ehlo/helo';
      return;
    }
    // A Unix socket has no address to greet.
    const remoteIp = s.facts.remoteIp === '' ? 'localhost' : s.facts.remoteIp;
    s.say(
      command.verb === 'EHLO'
        ? ehloReply(
            s.hostname,
            remoteIp,
            keywordsNow(s.rules.offered, { isSecured: s.isSecured, mechanisms: mechanismsNow(s), now: s.ports.clock.now() }),
          )
        : heloReply(s.hostname, remoteIp),
    );
    s.state = 'awaiting mailfrom';
  });
}
