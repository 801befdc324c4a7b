/**
 * DATA: the body follows, up to CRLF . CRLF.
 *
 * The one rule: when DATA is refused and more bytes are already here, they are a body that must never be run as commands:
 * the reply is given and the connection closed (attacks A27, A28).
 * Not here: reading the body (body-intake.ts), its end (end-of-message.ts). Truth: SMTP-01, SMTP-04, SMTP-18; RFC 5321 section 4.1.1.4.
 */
import { replies } from '#smtp';
import { closeList, endOfMessage, isLetIn, openBody } from '../end-of-message.ts';
import type { Session } from '../session-types.ts';

export function data(s: Session): void {
  const { transaction } = s;
  const wrong = !transaction.isOpen
    ? replies.dataWithoutMail
    : transaction.isChunking
      ? replies.badSequence
      : transaction.hasRecipients
        ? transaction.parameters.body === 'BINARYMIME'
          ? replies.binaryNeedsBdat
          : undefined
        : replies.dataWithoutRcpt;
  if (wrong !== undefined) {
    if (s.unread > 0) s.sayLast(wrong);
    else s.say(wrong);
    return;
  }
  closeList(s, (isAccepted) => {
    if (!isAccepted) {
      s.resetTransaction();
      s.state = 'awaiting mailfrom';
      if (s.unread > 0) s.closeNow();
      return;
    }
    if (!isLetIn(s)) {
      s.refuse(replies.throttled, { close: s.unread > 0 });
      return;
    }
    s.state = 'data phase';
    openBody(s);
    s.body.beginData(() => endOfMessage(s));
    s.say(replies.startData);
    s.state = 'reading body';
  });
}
