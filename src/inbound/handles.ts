/**
 * What modules may change of a transaction before its body begins: the sender, and the recipient that is being offered.
 *
 * The one rule: an address that a module writes is checked for its form and for nothing else; relaying was decided on what the client
 * said, and the operator's own policy is believed. The message context keeps what the client said.
 * Not here: what may be set later, on a message (intake's recipients). Truth: POL-07.
 */
import type { RecipientHandle, SenderHandle } from '#hooks';
import { DEFAULT_BINDING, type RecipientHead } from '#intake';
import { parseMailbox } from '#mail';
import type { Session } from './session-types.ts';

export function senderHandle({ transaction }: Session): SenderHandle {
  return {
    rewrite(address) {
      const mailbox = address === '' ? NOBODY : parseMailbox(address);
      if (mailbox === undefined || needsUtf8(address, transaction.parameters.smtpUtf8)) return false;
      transaction.sender = address;
      transaction.senderLocal = mailbox.local;
      transaction.senderDomain = mailbox.domain;
      return true;
    },
  };
}

const NOBODY = Object.freeze({ local: '', domain: '' });

/** The recipient that is offered, and what it has become. */
interface OfferedRecipient {
  head: RecipientHead;
  readonly handle: RecipientHandle;
}

/** At RCPT TO a recipient has no binding and no route yet: what a module assigns here is not taken (it has `set_binding` for that). */
export function offeredRecipient({ transaction }: Session, head: RecipientHead): OfferedRecipient {
  const offered: OfferedRecipient = {
    head,
    handle: {
      get address() {
        return offered.head.address;
      },
      get local() {
        return offered.head.local;
      },
      get domain() {
        return offered.head.domain;
      },
      binding: DEFAULT_BINDING,
      bindingGroup: DEFAULT_BINDING,
      setBinding: never,
      setBindingGroup: never,
      setRoutingDomain: never,
      setGateway: never,
      setPriority: () => undefined,
      rewrite(address) {
        const mailbox = parseMailbox(address);
        if (mailbox === undefined || needsUtf8(address, transaction.parameters.smtpUtf8)) return false;
        const { local, domain } = mailbox;
        offered.head = { ...offered.head, address, local, domain };
        return true;
      },
    },
  };
  return offered;
}

const never = (): boolean => false;

const NON_ASCII = /[\u0080-\uffff]/;

/** An address outside ASCII can only go out with a message that was announced as such (RFC 6531). */
function needsUtf8(address: string, isAnnounced: boolean | undefined): boolean {
  return isAnnounced !== true && NON_ASCII.test(address);
}
