/**
 * When a sender hears that mail is late: the first notice after one interval, the gaps doubling up to a longest one (Generate_Delay_DSN).
 *
 * The one rule: a schedule of its own, by the age of the message and whatever attempts are made; what has left meanwhile is told of no more, and
 * a restart repeats nothing, since only times that are still to come count. Watched is what was tried at least once.
 * Bound: WATCHED_MAX messages on this loop; those beyond it are told of nothing, and the panic log says so once a while.
 * Not here: what a notice says and who wants it (notices.ts). Truth: rule BNC-11; RFC 3461 section 6.2.
 */
import type { Clock, TimerWheel } from '#base';
import type { PanicLog } from '#observe';
import type { Entry } from './entry.ts';
import type { Notices } from './notices.ts';
import type { SendingOptions } from './ports.ts';
import { internalResult } from './results.ts';

const WATCHED_MAX = 100_000;
/** Doublings that are counted one by one; the longest gap is reached long before. */
const DOUBLINGS_MAX = 40;

interface DelayPorts {
  readonly clock: Clock;
  readonly wheel: Pick<TimerWheel, 'schedule'>;
  readonly panic: Pick<PanicLog, 'log'>;
  readonly notices: Notices;
  /** The entry that a message waits in, or is under way with. */
  readonly find: (id: string) => Entry | undefined;
  /** Milliseconds until the message is given up. */
  readonly expiresInMs: (entry: Entry) => number;
  /** The module was not switched off. */
  readonly isOn: () => boolean;
}

/** A message that a notice may be sent of. */
interface PendingDelayNotice {
  readonly messageId: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Seconds of age at which the next notice is due. @param age seconds */
export function nextDelayNotice(age: number, o: Pick<SendingOptions, 'delayDsnRetryInterval' | 'delayDsnMaxRetryInterval'>): number {
  const longest = o.delayDsnMaxRetryInterval > 0 ? o.delayDsnMaxRetryInterval : Infinity;
  let gap = Math.max(1, Math.min(o.delayDsnRetryInterval, longest));
  let due = gap;
  for (let i = 0; i < DOUBLINGS_MAX && due <= age; i += 1) {
    gap = Math.min(gap * 2, longest);
    due += gap;
    if (gap >= longest) break;
  }
  return due > age ? due : due + gap * (Math.floor((age - due) / gap) + 1);
}

export class DelayNotices {
  readonly #o: DelayPorts;
  /** When each watched message is looked at, epoch milliseconds. */
  readonly #watched = new Map<string, number>();

  constructor(o: DelayPorts) {
    this.#o = o;
  }

  /** What is to be told, soonest first; at most `max`. */
  pending(max: number): PendingDelayNotice[] {
    const all = [...this.#watched].map(([messageId, at]) => ({ messageId, at }));
    return all.sort((a, b) => a.at - b.at).slice(0, max);
  }

  /** An entry was deferred, or was found deferred at start. */
  watch(entry: Entry): void {
    const { batch, queue, recipients } = entry;
    if (!queue.options.generateDelayDsn || batch.sender === '' || !this.#o.isOn()) return;
    const id = recipients[0]?.id;
    if (id === undefined || this.#watched.has(id)) return;
    if (this.#watched.size >= WATCHED_MAX) {
      this.#o.panic.log('WARNING', 'SMTP', `no notices of delay for more than ${WATCHED_MAX} messages: the others are not told of`);
      return;
    }
    this.#schedule(id, entry);
  }

  #schedule(id: string, entry: Entry): void {
    const { clock, wheel } = this.#o;
    const age = Math.max(0, clock.mono() - entry.batch.bornMono) / 1000;
    const waitMs = (nextDelayNotice(age, entry.queue.options) - age) * 1000;
    this.#watched.set(id, Math.round(clock.now() + waitMs));
    wheel.schedule(waitMs, this.#look, id);
  }

  readonly #look = (id: string): void => {
    this.#watched.delete(id);
    const { clock, notices, find, expiresInMs, isOn } = this.#o;
    const entry = find(id);
    if (entry === undefined || !entry.queue.options.generateDelayDsn || !isOn()) return;
    const left = expiresInMs(entry);
    // What ends soon is told of by the notice of its failure.
    if (left <= 0) return;
    const result = internalResult('transient', entry.lastReply ?? '');
    const late = entry.recipients.map((recipient) => ({ recipient, result }));
    const about = {
      options: entry.queue.options,
      recipients: late,
      action: 'delayed' as const,
      retryUntil: Math.round(clock.now() + left),
    };
    notices.report(entry.batch, about, () => undefined);
    this.#schedule(id, entry);
  };
}
