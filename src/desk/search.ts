/**
 * Finding waiting messages: by sender, recipient, queue, binding, age, last reply, and by header or context.
 *
 * The one rule: a search has a budget, of messages and of time, and says what it spent; where it stopped is a cursor, with which the next one goes
 * on. What stands in memory is compared first, so that headers and contexts are read (from the spool, READ_AT_ONCE at a time) of those only
 * that match in everything else. Mail that is being delivered is not found. Bounds: LOOKS_MAX messages, READS_MAX bodies, TIME_MS.
 * Not here: patterns of full regular expressions, which a stranger's text could make slow. Truth: the issue's `search`; attack A64.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { HeaderBlock, type Envelope } from '#mail';
import type { DomainQueue, EntryView } from '#queue';
import type { DeskPorts, MessageLine } from './ports.ts';
import { chosen, messageLine, SLICE } from './views.ts';

const LOOKS_MAX = 500_000;
const READS_MAX = 5_000;
const TIME_MS = 10_000;
const READ_AT_ONCE = 16;
export const FOUND_MAX = 1_000;

/** Texts are patterns: `*` stands for anything, case does not matter. */
export interface SearchQuestion {
  readonly sender?: string;
  readonly recipient?: string;
  readonly domain?: string;
  readonly binding?: string;
  readonly reply?: string;
  readonly state?: 'ready' | 'delayed';
  /** Milliseconds since reception. */
  readonly olderMs?: number;
  readonly youngerMs?: number;
  readonly header?: { readonly name: string; readonly value: string };
  readonly context?: { readonly key: string; readonly value: string };
  readonly limit: number;
  /** Where each loop stopped, by its number; a loop that is not in it has come to its end. */
  readonly cursors?: Readonly<Record<number, SearchCursor>>;
}

export interface SearchCursor {
  readonly binding: string;
  readonly domain: string;
  readonly at: number;
}

export interface Found {
  readonly messages: readonly MessageLine[];
  readonly looked: number;
  /** Bodies and envelopes read. */
  readonly read: number;
  readonly ms: number;
  readonly cursor: SearchCursor | undefined;
  /** The place where the search before stopped is gone: its mail went, or a command for the whole queue came between. */
  readonly isCursorLost: boolean;
}

export async function search(ports: DeskPorts, question: SearchQuestion, loop: number): Promise<Found> {
  return new Search(ports, question).run(loop);
}

class Search {
  readonly #ports: DeskPorts;
  readonly #question: SearchQuestion;
  readonly #matches: (view: EntryView) => EntryView | undefined;
  readonly #messages: MessageLine[] = [];
  readonly #since: number;
  #looked = 0;
  #read = 0;
  #isCursorLost = false;

  constructor(ports: DeskPorts, question: SearchQuestion) {
    this.#ports = ports;
    this.#question = question;
    this.#matches = matcher(question, ports.clock.now());
    this.#since = ports.clock.mono();
  }

  async run(loop: number): Promise<Found> {
    const { cursors, domain, binding } = this.#question;
    const from = cursors?.[loop];
    if (cursors !== undefined && from === undefined) return this.#end(undefined);
    const which = isPlain(binding) ? { binding: binding as string } : {};
    const queues = [...chosen(this.#ports.queues, isPlain(domain) ? { ...which, domains: [domain as string] } : which)];
    let start = 0;
    if (from !== undefined) {
      start = queues.findIndex((queue) => queue.binding === from.binding && queue.domain === from.domain);
      if (start < 0) {
        this.#isCursorLost = true;
        return this.#end(undefined);
      }
    }
    const [byDomain, byBinding] = [pattern(domain), pattern(binding)];
    for (let i = start; i < queues.length; i += 1) {
      const queue = queues[i] as DomainQueue;
      if (!byDomain(queue.domain) || !byBinding(queue.binding)) continue;
      const stopped = await this.#queue(queue, i === start && from !== undefined ? from.at : 0);
      if (stopped !== undefined) return this.#end({ binding: queue.binding, domain: queue.domain, at: stopped });
    }
    return this.#end(undefined);
  }

  /** Answers where it stopped for want of budget; undefined at the end of the queue. */
  async #queue(queue: DomainQueue, from: number): Promise<number | undefined> {
    let cursor: number | undefined = from;
    while (cursor !== undefined) {
      if (this.#isSpent) return cursor;
      // A slice that could hold more than is still wanted is cut, so that nothing found is left out.
      const most = this.#needsReading ? READ_AT_ONCE : SLICE;
      const slice = queue.walk(cursor, Math.max(1, Math.min(most, this.#question.limit - this.#messages.length)));
      if (cursor !== 0 && slice.entries.length === 0) this.#isCursorLost = true;
      cursor = slice.next;
      this.#looked += slice.entries.length;
      const some = slice.entries.flatMap((view) => this.#matches(view) ?? []);
      const isHit = this.#needsReading ? await Promise.all(some.map((view) => this.#reads(view))) : some.map(() => true);
      some.forEach((view, i) => {
        if (isHit[i] === true) this.#messages.push(messageLine(view));
      });
      if (this.#looked % SLICE < slice.entries.length) await turn();
    }
    return undefined;
  }

  get #needsReading(): boolean {
    return this.#question.header !== undefined || this.#question.context !== undefined;
  }

  get #isSpent(): boolean {
    if (this.#messages.length >= this.#question.limit || this.#looked >= LOOKS_MAX || this.#read >= READS_MAX) return true;
    return this.#ports.clock.mono() - this.#since >= TIME_MS;
  }

  async #reads(view: EntryView): Promise<boolean> {
    const { context, header } = this.#question;
    this.#read += 1;
    if (context !== undefined) {
      const envelope = await new Promise<Envelope | undefined>((done) => this.#ports.envelope(view.batchId, done));
      const value = envelope?.contextMessage[context.key] ?? envelope?.contextConnection[context.key];
      if (value === undefined || !pattern(context.value)(value)) return false;
    }
    if (header === undefined) return true;
    const body = await new Promise<Buffer | undefined>((done) => this.#ports.body(view.batchId, done));
    const value = body === undefined ? undefined : HeaderBlock.parse(body).find(header.name);
    return value !== undefined && pattern(header.value)(value.trim());
  }

  #end(cursor: SearchCursor | undefined): Found {
    const ms = this.#ports.clock.mono() - this.#since;
    return { messages: this.#messages, looked: this.#looked, read: this.#read, ms, cursor, isCursorLost: this.#isCursorLost };
  }
}

/** What can be told from memory; of several recipients those that match. */
function matcher(question: SearchQuestion, now: number): (view: EntryView) => EntryView | undefined {
  const { state, olderMs = 0, youngerMs = Infinity } = question;
  const [sender, recipient, reply] = [pattern(question.sender), pattern(question.recipient), pattern(question.reply)];
  return (view) => {
    const age = now - view.receivedAt;
    if (age < olderMs || age > youngerMs || (state !== undefined && view.state !== state)) return undefined;
    if (question.sender !== undefined && !sender(view.sender)) return undefined;
    if (question.reply !== undefined && (view.lastReply === undefined || !reply(view.lastReply))) return undefined;
    if (question.recipient === undefined) return view;
    const recipients = view.recipients.filter(({ address }) => recipient(address));
    return recipients.length === 0 ? undefined : { ...view, recipients };
  };
}

function isPlain(text: string | undefined): boolean {
  return text !== undefined && !text.includes('*');
}

/** `*` by hand and not by a regular expression: linear in text times pieces, whatever the text (A49). */
function pattern(glob: string | undefined): (text: string) => boolean {
  if (glob === undefined) return () => true;
  const [first = '', ...rest] = glob.toLowerCase().split('*');
  if (rest.length === 0) return (text) => text.toLowerCase() === first;
  const last = rest.pop() ?? '';
  return (text) => {
    const low = text.toLowerCase();
    if (!low.startsWith(first) || low.length < first.length + last.length || !low.endsWith(last)) return false;
    let at = first.length;
    for (const piece of rest) {
      const found = low.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= low.length - last.length;
  };
}
