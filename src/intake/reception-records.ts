/**
 * What is written and counted when a message has become durable: one Reception record a recipient (SMTP-03).
 *
 * The one rule: called after the disk said yes and before anybody else hears of the message, so that the Reception line of a
 * message stands before its Delivery line. Both mailboxes are as they were written, quotes included, so that they can be told apart.
 * Not here: the format of log lines (logger modules). Truth: LOG-02, LOG-10.
 */
import type { Clock } from '#base';
import { splitAddress, type Envelope } from '#mail';
import type { Counters, RecordSink } from '#observe';

export function receptionRecorder(o: {
  readonly records: RecordSink;
  readonly counters: Pick<Counters, 'add'>;
  readonly clock: Pick<Clock, 'now'>;
  /** What the loggers want to know of a message beyond the usual. */
  readonly facts?: ((envelope: Envelope) => readonly string[]) | undefined;
}): (envelope: Envelope) => void {
  return (envelope) => {
    const at = o.clock.now();
    const sender = splitAddress(envelope.sender);
    const facts = o.facts?.(envelope) ?? [];
    for (const recipient of envelope.recipients) {
      o.records.record({
        kind: 'R',
        at,
        messageId: recipient.id,
        batchId: envelope.batchId,
        connectionId: envelope.connectionId,
        recipientLocal: recipient.address.startsWith('"') ? splitAddress(recipient.address).local : recipient.local,
        recipientDomain: recipient.domain,
        senderLocal: sender.local,
        senderDomain: sender.domain,
        remoteIp: envelope.remoteIp,
        size: envelope.size,
        protocol: envelope.protocol,
        bindingGroup: recipient.bindingGroup,
        binding: recipient.binding,
        facts,
      });
    }
    o.counters.add('receptions', envelope.recipients.length);
    o.counters.add('receivedBytes', envelope.size);
  };
}
