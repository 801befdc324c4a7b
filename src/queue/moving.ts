/**
 * Mail that was waiting goes to another queue: bound anew, sent to where another domain's mail goes, or back to its own place.
 *
 * The one rule: a message waits there as it did here, ready or for the rest of its delay, with its attempts and its last reply, and the spool is
 * told before it is there. Where the other queue lives on another loop the message departs, and on this one it is over; where that loop cannot be
 * told now, it goes back to its own queue, for mail in a queue of another loop would be offered there, too, after a death. An entry comes here
 * after it was taken out of its list.
 * Not here: which entries, one or all in slices (domain-queue.ts), who asked for it (desk). Truth: rules Q-01, OUT-21, SMTP-03.
 */
import { toAsciiDomain } from '#base';
import type { Recipient } from './batch.ts';
import { Entry } from './entry.ts';
import type { Departure } from './ports.ts';
import type { QueueContext } from './queue-context.ts';

type Surroundings = Pick<QueueContext, 'clock' | 'verdicts' | 'queueFor'>;

/** Where mail waits from now on. */
interface Place {
  readonly group: string;
  readonly binding: string;
  readonly domain: string;
}

/** Recipients on their way to another queue, of an entry that was taken out. */
interface Moving {
  readonly entry: Entry;
  readonly recipients: Recipient[];
  readonly note: Departure['note'];
  readonly wasReady: boolean;
}

/** An entry that was taken out goes to another binding. */
export function rebind(context: Surroundings, entry: Entry, to: { group: string; binding: string; wasReady: boolean }): void {
  const { recipients, queue } = entry;
  const { group, binding, wasReady } = to;
  // Under a Gateway's name the mail of many domains waits, and in the other binding each may have a queue of its own.
  const byDomain = new Map<string, Recipient[]>(queue.gateway === undefined ? [[queue.domain, recipients]] : []);
  for (const recipient of queue.gateway === undefined ? [] : recipients) {
    const domain = domainOf(recipient.address);
    const own = byDomain.get(domain);
    if (own === undefined) byDomain.set(domain, [recipient]);
    else own.push(recipient);
  }
  queue.left(recipients.length);
  for (const [domain, own] of byDomain) {
    const note = { kind: 'rebind', recipients: own.map(({ index }) => index), binding, bindingGroup: group } as const;
    move(context, { group, binding, domain }, { entry, recipients: own, note, wasReady });
  }
}

/** An entry that was taken out goes to where mail for `domain` goes. */
export function reroute(context: Surroundings, entry: Entry, to: { domain: string; wasReady: boolean }): void {
  const { recipients, queue } = entry;
  const { domain, wasReady } = to;
  const note = { kind: 'reroute', recipients: recipients.map(({ index }) => index), domain } as const;
  queue.left(recipients.length);
  move(context, { group: queue.group, binding: queue.binding, domain }, { entry, recipients, note, wasReady });
}

/** Recipients other than those wanted, of an entry that was taken out, go back to where they were. */
export function putBackOthers({ clock }: Pick<Surroundings, 'clock'>, entry: Entry, wanted: ReadonlySet<string>, wasReady: boolean): void {
  const rest = entry.recipients.filter(({ id }) => !wanted.has(id));
  entry.recipients = entry.recipients.filter(({ id }) => wanted.has(id));
  const other = new Entry(entry.queue, entry.batch, rest, entry.priority);
  other.attempts = entry.attempts;
  other.lastReply = entry.lastReply;
  entry.queue.left(rest.length);
  entry.queue.arrive(other, wasReady ? 0 : Math.max(0, entry.due - clock.mono()));
}

function move({ clock, verdicts, queueFor }: Surroundings, { group, binding, domain }: Place, what: Moving): void {
  const { entry, recipients, note, wasReady } = what;
  const { batch, attempts } = entry;
  const delayMs = wasReady ? 0 : Math.max(0, entry.due - clock.mono());
  const departure: Departure = {
    note,
    bindingGroup: group,
    binding,
    domain,
    attempts,
    nextAt: Math.round(clock.now() + delayMs),
    reply: entry.lastReply,
  };
  const whereabouts = batch.home.depart?.(batch.id, departure) ?? 'here';
  if (whereabouts === 'gone') {
    verdicts.departed(batch, recipients);
    return;
  }
  if (whereabouts === 'here') batch.home.note(batch.id, note);
  const queue = whereabouts === 'refused' ? entry.queue : queueFor(group, binding, domain);
  const moved = new Entry(queue, batch, recipients, entry.priority);
  moved.attempts = attempts;
  moved.lastReply = entry.lastReply;
  queue.arrive(moved, delayMs);
}

function domainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1);
  return toAsciiDomain(domain) ?? domain.toLowerCase();
}
