/**
 * reception_timing_logger: the lines about one reception, in the form of the manual's samples.
 *
 * The one rule: a line can be split at its blanks whatever the sender wrote: only the Message-ID field is his, and it stands in quotes,
 * escaped and cut. `size=0???` says that the end of the body was never read. The time in front is chunk_logger's.
 * Not here: measuring (reception_timing). Truth: SMTP-21, SMTP-22 and the page of reception_timing.
 */
import type { TimedReception } from '#hooks';
import { escapeQuoted } from '#observe';

/** Characters of a Message-ID field; RFC 5322 allows a line no more. */
const MESSAGE_ID_MAX = 998;

/** One line for each message id. */
export function timingLines(timed: TimedReception): string[] {
  const { outcome, tookMs, scannedMs, size, pathway, batchId, messageIdField, phase } = timed;
  const front = `${outcome} after ${seconds(tookMs)} s (scanned in ${seconds(scannedMs)} s) size=${size ?? '0???'}`;
  const ends = `src=${endpoint(timed.remoteIp, timed.remotePort)} dst=${endpoint(timed.localIp, timed.localPort)} pathway=${pathway}`;
  const field = escapeQuoted(messageIdField.slice(0, MESSAGE_ID_MAX));
  const where = phase === undefined ? '' : ` phase=${phase.number} (${phase.state})`;
  return timed.messageIds.map((id) => `${front} ${ends} ID=${id} batch-ID=${batchId} Message-ID="${field}"${where}`);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(6);
}

function endpoint(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
