/*
 * What commands about queues have in common: names as they are typed, what strangers wrote made safe to show, times and sums.
 *
 * The one rule: everything that a peer or a sender chose goes through shown() before it stands in an answer (A74, A75).
 */
import { toAsciiDomain } from '#base';
import type { QueueLine, QueueLines, Which } from '#desk';
import { escapeText } from '#observe';
import type { ServerPort } from '../operation.ts';

export function shown(text: string): string {
  return escapeText(text);
}

/** The name of a queue as it is kept: an international domain may be typed as it is written. */
export function domainName(typed: string): string {
  return toAsciiDomain(typed) ?? typed.toLowerCase();
}

/** The manual's form, in universal time and marked as such. */
export function when(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

interface AllLines extends QueueLines {
  readonly silent: readonly string[];
}

/** Queues of all loops, in the order of their names. */
export async function queueLines(server: ServerPort, which: Which & { limit?: number } = {}): Promise<AllLines> {
  const { answers, silent } = await server.askLoops('queue.lines', which);
  const parts = [...answers.values()] as QueueLines[];
  const totals = { connections: 0, active: 0, delayed: 0, sent: 0, received: 0, failed: 0, deferred: 0, resident: 0 };
  for (const part of parts) for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += part.totals[key];
  const lines = parts.flatMap((part) => part.lines).sort(byName);
  const queues = parts.reduce((sum, part) => sum + part.queues, 0);
  const cut = lines.length < queues && which.limit === undefined ? [`${queues - lines.length} smaller queues are not listed.`] : [];
  return { lines, queues, totals, silent: [...cut, ...silent] };
}

function byName(a: QueueLine, b: QueueLine): number {
  const [x, y] = [`${a.group}\0${a.binding}\0${a.domain}`, `${b.group}\0${b.binding}\0${b.domain}`];
  return x < y ? -1 : x > y ? 1 : 0;
}
