/*
 * Answers to what the console asks of a loop's rooms: sessions, caches, names, TLS, memory.
 *
 * The one rule: plain data, bounded (LINES_MAX lines), and cheap: a look, never work that mail would wait for. Not here: which questions there are for
 * queues (queue-*.ts), how answers are shown (control/operations/server).
 */
import type { Resolver } from '#config';
import type { EsmtpService } from '#inbound';
import type { TlsContexts } from '#net';
import type { TracerWish } from '#outbound';
import type { LoopDelay } from './loop-delay.ts';
import type { LoopQuestions } from './loop-questions.ts';
import type { Outgoing } from './outgoing.ts';

const LINES_MAX = 2_000;

interface Rooms {
  readonly resolver: Resolver;
  readonly service: EsmtpService;
  readonly outgoing: Outgoing | undefined;
  readonly tls: TlsContexts;
  readonly delay: LoopDelay;
  readonly timers: () => number;
}

export function answerForRooms(questions: LoopQuestions, rooms: Rooms): void {
  const { resolver, service, outgoing, tls, delay } = rooms;
  questions.on('loop.delay', (args) => delay.read(args as { reset: boolean }));
  questions.on('loop.memory', () => {
    const { heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
    return { heapUsed, heapTotal, external, arrayBuffers, timers: rooms.timers() };
  });
  questions.on('loop.caches', () => [...resolver.caches(), ...(outgoing?.caches() ?? []), ...tls.caches()]);
  questions.on('inbound.sessions', () => firstOf(service.lines()));
  questions.on('outbound.sessions', () => firstOf(outgoing?.lines() ?? []));
  questions.on('outbound.trace', (args) => outgoing?.trace(args as TracerWish[]) ?? []);
  questions.on('dns.stats', () => outgoing?.dnsStats());
  questions.on('dns.lookup', (args) => outgoing?.dnsKnown(args as { name: string; type: string }));
  questions.on('dns.submit', (args) => outgoing?.dnsAsk(args as { name: string; type: string }));
  questions.on('tls.contexts', () => [...firstOf(tls.lines()), ...firstOf(outgoing?.tls.lines() ?? [])]);
  questions.on('tls.sessions', () => outgoing?.tls.sessionCounts);
  questions.on('tls.rekey', () => tls.rekey());
  questions.on('tls.flush', () => tls.flush() + (outgoing?.tls.flush() ?? 0));
}

function firstOf<T>(lines: Iterable<T>): T[] {
  const first: T[] = [];
  for (const line of lines) {
    first.push(line);
    if (first.length === LINES_MAX) break;
  }
  return first;
}
