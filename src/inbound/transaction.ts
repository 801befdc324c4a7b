/**
 * One mail transaction: from MAIL FROM to the reply after the body, or to RSET.
 *
 * The one rule: there is one such object a session, emptied for each message, so that an idle session holds no lists.
 * Not here: the body (body-intake.ts), what may follow what (the verbs). Truth: RFC 5321 section 3.3; SMTP-03.
 */
import type { RecipientHead } from '#intake';
import type { DeliveryTerms } from '#mail';
import type { MailCommand } from '#smtp';

export class Transaction {
  /** MAIL FROM was accepted. */
  isOpen = false;
  /** Envelope sender as mailbox text, '' for the null sender. */
  sender = '';
  senderLocal = '';
  senderDomain = '';
  parameters: MailCommand['parameters'] = {};
  terms: DeliveryTerms | undefined;
  recipients: RecipientHead[] = [];
  /** RCPT TO commands since MAIL FROM, accepted or not. */
  offeredRecipients = 0;
  /** Recipients a module accepted only to throw away. */
  discardedRecipients = 0;
  /** A module said to accept and throw away. */
  isDiscarded = false;
  /** BDAT has begun; DATA is out of the question. */
  isChunking = false;
  /** A chunk was refused; nothing but RSET helps (RFC 3030 section 2). */
  isSpoiled = false;

  get hasRecipients(): boolean {
    return this.recipients.length + this.discardedRecipients > 0;
  }

  reset(): void {
    this.isOpen = false;
    this.sender = this.senderLocal = this.senderDomain = '';
    this.parameters = NO_PARAMETERS;
    this.terms = undefined;
    this.recipients = [];
    this.offeredRecipients = this.discardedRecipients = 0;
    this.isDiscarded = this.isChunking = this.isSpoiled = false;
  }
}

const NO_PARAMETERS: MailCommand['parameters'] = Object.freeze({});
