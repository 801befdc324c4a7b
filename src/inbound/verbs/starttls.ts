/**
 * STARTTLS: the rest of the connection is encrypted.
 *
 * The one rule: nothing that was said in clear is believed afterwards: the session begins anew, without greeting. What came in clear
 * behind the command (a man in the middle's work, or a client's mistake) is treated as starttls_injection_policy says, and by
 * default ends the connection with a rejectlog record.
 * Not here: the handshake (#net). Truth: rules EXT-06, TLSI-02, CTX-02; RFC 3207; attacks A34, A35, A37.
 */
import { replies } from '#smtp';
import type { Session } from '../session-types.ts';

export function startTls(s: Session): void {
  if (!s.rules.offered.startTls || s.isSecured) {
    s.say(replies.unrecognizedCommand);
    return;
  }
  if (s.transaction.isOpen || !s.facts.isEsmtp) {
    s.say(replies.badSequence);
    return;
  }
  if (s.unread > 0 && s.rules.tls.injection === 'reject') {
    s.refuse(replies.startTlsInjection, { close: true });
    return;
  }
  s.secure(replies.startTlsReady);
}
