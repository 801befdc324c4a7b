/*
 * The line of a bouncelog, byte for byte as the manual's sample. Two loggers write it, so it is here.
 *
 * The one rule: one record is one line of sixteen fields that can be read back, whatever a peer sent. Times are whole epoch seconds.
 * Truth: rule LOG-02 and section 15.4; stage 21 is an out-of-band bounce.
 */
import { escapeField } from './escape.ts';
import type { OutOfBandRecord, PermanentRecord, TransientRecord } from './records.ts';

const outOfBandStage = 21;

type BounceRecord = OutOfBandRecord | PermanentRecord | TransientRecord;

/** A line, without its line break. `bounceClass` is the code of the reply's class. */
export function bounceLine(r: BounceRecord, bounceClass: number): string {
  const head = `${seconds(r.at)}@${escapeField(r.messageId)}@${escapeField(r.batchId)}@${escapeField(r.connectionId)}`;
  const stage = r.kind === 'B' ? outOfBandStage : r.stage;
  const size = r.kind === 'B' ? r.size : r.messageSize;
  const type = r.kind === 'T' ? 'T' : 'B';
  const mailboxes = `${mailbox(r.recipient)}@${mailbox(r.sender)}`;
  const route = `${escapeField(r.bindingGroup)}@${escapeField(r.binding)}`;
  return `${head}@${type}@${mailboxes}@${route}@${stage}@${bounceClass}@${size}@${escapeField(r.remoteIp)}@${escapeField(r.reply)}`;
}

/** Two fields: an address is parted at its last @. */
function mailbox(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? `${escapeField(address)}@` : `${escapeField(address.slice(0, at))}@${escapeField(address.slice(at + 1))}`;
}

/** The marker that says the server is alive. */
export function bounceHeartbeat(epochMs: number): string {
  return `${seconds(epochMs)}@@@@M1`;
}

function seconds(epochMs: number): string {
  return String(Math.floor(epochMs / 1000));
}
