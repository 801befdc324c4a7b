/**
 * `message details`: all that is known of one message, with its text where that is wanted.
 *
 * The one rule: text is read from the spool when somebody asks, up to TEXT_MAX bytes, and goes out as bytes: how it is shown safely is decided where
 * it is shown. Truth: section 5.1.
 */
import type { Envelope } from '#mail';
import type { DeskPorts, MessageLine } from './ports.ts';
import { messageLine } from './views.ts';

const TEXT_MAX = 4 * 1024 * 1024;

export interface DetailsQuestion {
  readonly id: string;
  readonly withText: boolean;
}

export interface Details {
  readonly message: MessageLine;
  readonly from: { readonly ip: string; readonly protocol: string; readonly helo: string } | undefined;
  readonly context: Readonly<Record<string, string>>;
  readonly text: Uint8Array | undefined;
  /** There is more than was read. */
  readonly isCut: boolean;
}

export async function messageDetails(ports: DeskPorts, { id, withText }: DetailsQuestion): Promise<Details | undefined> {
  const view = ports.queues.findMessage(id);
  if (view === undefined) return undefined;
  const whole = messageLine(view);
  const own = whole.recipients.filter((recipient) => recipient.id === id);
  const message = own.length === 0 ? whole : { ...whole, recipients: own };
  const envelope = await new Promise<Envelope | undefined>((done) => ports.envelope(view.batchId, done));
  const body = withText ? await new Promise<Buffer | undefined>((done) => ports.body(view.batchId, done)) : undefined;
  return {
    message,
    from: envelope === undefined ? undefined : { ip: envelope.remoteIp, protocol: envelope.protocol, helo: envelope.helo },
    context: { ...envelope?.contextConnection, ...envelope?.contextMessage },
    // A copy of its own: bodies in memory are the queue's.
    text: body === undefined ? undefined : new Uint8Array(body.subarray(0, TEXT_MAX)),
    isCut: body !== undefined && body.length > TEXT_MAX,
  };
}
