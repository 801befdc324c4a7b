/**
 * BDAT: one chunk of the body follows, of exactly the size announced.
 *
 * The one rule: the octets of a refused chunk are read and dropped before its reply, and after a refused chunk nothing but
 * RSET (or EHLO) helps (RFC 3030 section 2). Empty chunks leave nothing behind (attack A21).
 * Not here: reading the octets (body-intake.ts). Truth: RFC 3030; SMTP-04, SMTP-18.
 */
import { replies, type BdatCommand, type Reply } from '#smtp';
import { closeList, endOfMessage, isLetIn, openBody } from '../end-of-message.ts';
import type { Session } from '../session-types.ts';

export function bdat(s: Session, command: BdatCommand): void {
  const { transaction, body } = s;
  const wrong = refusalOf(s);
  if (wrong !== undefined) {
    body.skip(command.size, () => s.say(wrong));
    return;
  }
  if (transaction.isChunking) {
    readChunk(s, command);
    return;
  }
  transaction.isChunking = true;
  closeList(s, (isAccepted) => {
    if (isAccepted && isLetIn(s)) {
      openBody(s);
      readChunk(s, command);
    } else if (isAccepted) {
      transaction.isSpoiled = true;
      body.skip(command.size, () => s.refuse(replies.throttled));
    } else {
      // The reply was given; the octets are on their way all the same.
      transaction.isSpoiled = true;
      body.skip(command.size, () => undefined);
    }
  });
}

function readChunk(s: Session, command: BdatCommand): void {
  const { transaction, body } = s;
  s.state = 'reading body';
  body.beginChunk(command.size, () => {
    const { failure } = body;
    if (failure !== undefined) {
      transaction.isSpoiled = true;
      body.drop();
      s.refuse(failure);
    } else if (command.last) {
      endOfMessage(s);
    } else {
      s.say(replies.chunkAccepted);
    }
  });
}

function refusalOf(s: Session): Reply | undefined {
  const { transaction } = s;
  if (!s.rules.offered.chunking) return replies.unrecognizedCommand;
  if (!transaction.isOpen) return replies.dataWithoutMail;
  if (transaction.isSpoiled) return replies.badSequence;
  return transaction.hasRecipients ? undefined : replies.dataWithoutRcpt;
}
