/**
 * `rebind`: the choice of a binding made again for mail that is stored, as it would be made if the message came in today.
 *
 * The one rule: the same steps as at the door, what a trusted client wished and then the set_binding phase, on what was stored of the session; a
 * member of a group keeps its place in it as long as it may send. Truth: rules OUT-03, POL-05, POL-27; the manual's rebind.
 */
import { ValidationContext } from '#hooks';
import type { Envelope } from '#mail';
import type { IntakePorts } from './ports.ts';
import { topOf } from './kept-message.ts';
import { IncomingRecipient } from './recipient.ts';

export interface StoredRecipient {
  readonly envelope: Envelope;
  readonly index: number;
  readonly body: Buffer | undefined;
}

export function assignAnew(
  o: IntakePorts,
  { envelope, index, body }: StoredRecipient,
  done: (found: { group: string; binding: string } | undefined) => void,
): void {
  const stored = envelope.recipients[index];
  if (stored === undefined) {
    done(undefined);
    return;
  }
  const context = new ValidationContext();
  for (const [key, value] of Object.entries(envelope.contextConnection)) context.setConnection(key, value);
  for (const [key, value] of Object.entries(envelope.contextMessage)) context.setMessage(key, value);
  const recipient = new IncomingRecipient(stored.id, stored, o);
  const { remoteIp, remotePort, protocol, helo, sender } = envelope;
  const wish = o.bindings.wish?.({ context, remoteIp, body });
  if (wish !== undefined) recipient.setBindingOrGroup(wish);
  const end = (): void => {
    const { binding, bindingGroup: group } = recipient;
    // Which member of a group it was is chance: it stays unless it may not send.
    const keeps =
      group === stored.bindingGroup && group !== 'default' && o.bindings.isAwake?.(group, stored.binding, stored.domain) === true;
    done({ group, binding: keeps ? stored.binding : binding });
  };
  if (!o.phases.has('set_binding')) {
    end();
    return;
  }
  const connection = { id: envelope.connectionId, remoteIp, remotePort, localIp: '', localPort: 0, protocol, helo };
  const senderDomain = sender.slice(sender.lastIndexOf('@') + 1).toLowerCase();
  const transaction = { sender, senderDomain, recipientCount: envelope.recipients.length };
  const top = (bodyBytes: number): Buffer | undefined => (body === undefined ? undefined : topOf(body, bodyBytes));
  // Only where it leaves is chosen again: what is stored stays as it is.
  const message = { batchId: envelope.batchId, size: envelope.size, body, top, edit: () => false, readBy: () => undefined };
  o.phases.run({ phase: 'set_binding', context, connection, transaction, recipient, message }, (verdict) => {
    // A module that failed chose nothing: the message stays where it is.
    if (verdict.kind === 'reject' || verdict.kind === 'disconnect') done({ group: stored.bindingGroup, binding: stored.binding });
    else end();
  });
}
