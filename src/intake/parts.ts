/**
 * Where the bytes of one message go: to each store that claims some of its recipients, and to the spool for all others.
 *
 * The one rule: the first store that claims a domain has it; parts are in the order of the stores, the spool comes last. A message that was changed is written again into new
 * parts, no faster than they take it.
 * Not here: when parts are committed (message-draft.ts). Truth: rules OUT-48, SPL-04, POL-07.
 */
import type { BodySink, MailboxStore } from '#hooks';
import type { IntakePorts } from './ports.ts';
import type { IncomingRecipient } from './recipient.ts';

export interface Part {
  readonly sink: BodySink;
  readonly recipients: readonly IncomingRecipient[];
  readonly isSpool: boolean;
  /** Puts bytes on top of the message in the spool; undefined for a store. */
  readonly prepend: ((bytes: Buffer) => void) | undefined;
  isFull: boolean;
}

/** Octets given to the parts at a time. */
const SLICE_BYTES = 65_536;

/** Gives a whole message to new parts, then calls `done`; `goes` says whether anybody still wants it. */
export function refill(parts: readonly Part[], message: Buffer, goes: () => boolean, done: () => void): void {
  let at = 0;
  const on = (): void => {
    while (goes()) {
      if (at >= message.length) {
        done();
        return;
      }
      const slice = message.subarray(at, at + SLICE_BYTES);
      at += slice.length;
      for (const part of parts) if (!part.sink.append(slice)) part.isFull = true;
      if (parts.some(({ isFull }) => isFull)) return;
    }
  };
  for (const part of parts)
    part.sink.onDrain = () => {
      if (!part.isFull) return;
      part.isFull = false;
      if (!parts.some(({ isFull }) => isFull)) on();
    };
  on();
}

/** A part for each store that claims some of the recipients, and, last, one for the spool when any are left. */
export function splitByStore(o: IntakePorts, recipients: readonly IncomingRecipient[]): readonly Part[] {
  if (o.stores.length === 0) return [spoolPart(o, recipients)];
  const claimed = new Map<MailboxStore, IncomingRecipient[]>();
  const spooled: IncomingRecipient[] = [];
  for (const recipient of recipients) {
    const store = o.stores.find((candidate) => candidate.claims(recipient.domain));
    if (store === undefined) {
      spooled.push(recipient);
      continue;
    }
    const of = claimed.get(store);
    if (of === undefined) claimed.set(store, [recipient]);
    else of.push(recipient);
  }
  const parts: Part[] = [];
  // In the order of the stores: main puts first those that may yet refuse the message.
  for (const store of new Set(o.stores)) {
    const of = claimed.get(store);
    if (of !== undefined) parts.push({ sink: store.open(of), recipients: of, isSpool: false, prepend: undefined, isFull: false });
  }
  if (spooled.length > 0) parts.push(spoolPart(o, spooled));
  return parts;
}

function spoolPart(o: IntakePorts, recipients: readonly IncomingRecipient[]): Part {
  const sink = o.spool.openDraft();
  return { sink, recipients, isSpool: true, prepend: (bytes) => sink.prepend(bytes), isFull: false };
}
