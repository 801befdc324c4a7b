/**
 * Records of conversations with next hops, for an operator who asked for those of a binding or a domain (`trace smtp`).
 *
 * The one rule: what proves who we are is never in it: from AUTH to the end of that exchange only the mechanism is shown. Of a message its
 * octets are counted, not shown. Where nobody asked, a wire has no conversation and does nothing more than look.
 * Bounds: TRACERS_MAX tracers, WAITING_MAX characters of lines that were not taken yet (the oldest go and are counted), LINE_MAX characters of a line.
 * Not here: files, who may ask (control). Truth: section 5.1, `trace smtp`.
 */
import type { Clock } from '#base';
import { escapeText } from '#observe';
import { serverReplyText, type ReplyFault, type ServerReply } from '#smtp';

const TRACERS_MAX = 32;
const WAITING_MAX = 1_048_576;
const LINE_MAX = 512;

/** `*` stands for all. */
export interface TracerWish {
  readonly id: number;
  readonly binding: string;
  readonly domain: string;
}

export interface TracedLines {
  readonly id: number;
  readonly lines: readonly string[];
  /** Lines that went because nobody took them in time. */
  readonly lost: number;
}

class Tracer {
  readonly wish: TracerWish;
  #lines: string[] = [];
  #size = 0;
  #lost = 0;

  constructor(wish: TracerWish) {
    this.wish = wish;
  }

  isFor(binding: string, domain: string): boolean {
    const { wish } = this;
    return (wish.binding === '*' || wish.binding === binding) && (wish.domain === '*' || wish.domain === domain);
  }

  add(line: string): void {
    if (this.#size > WAITING_MAX) {
      const gone = this.#lines.splice(0, Math.ceil(this.#lines.length / 2));
      this.#lost += gone.length;
      for (const each of gone) this.#size -= each.length;
    }
    this.#lines.push(line);
    this.#size += line.length;
  }

  take(): TracedLines {
    const taken = { id: this.wish.id, lines: this.#lines, lost: this.#lost };
    this.#lines = [];
    this.#size = this.#lost = 0;
    return taken;
  }
}

/** What one wire tells; the same for all tracers that asked for it. */
export class Conversation {
  readonly #tracers: readonly Tracer[];
  readonly #clock: Pick<Clock, 'now'>;
  readonly #head: string;
  /** Between AUTH and the answer that ends the exchange. */
  #isSecret = false;

  constructor(tracers: readonly Tracer[], clock: Pick<Clock, 'now'>, head: string) {
    this.#tracers = tracers;
    this.#clock = clock;
    this.#head = head;
  }

  /** What leaves in one write: commands are text, octets of messages are buffers. */
  said(pieces: readonly (string | Buffer)[]): void {
    for (const piece of pieces) {
      if (typeof piece !== 'string') this.#add('>', `(${piece.length} octets of a message)`);
      else for (const line of piece.split('\r\n')) if (line !== '') this.#add('>', this.#shown(line));
    }
  }

  heard(reply: ServerReply | ReplyFault): void {
    if (reply.kind === 'fault') {
      this.#add('<', `(no reply of SMTP: ${reply.fault}) ${serverReplyText(reply)}`);
      return;
    }
    const isChallenge = this.#isSecret && reply.code === 334;
    if (!isChallenge) this.#isSecret = false;
    const last = reply.lines.length - 1;
    if (isChallenge) this.#add('<', '334 (a challenge, not shown)');
    else if (last < 0) this.#add('<', String(reply.code));
    else reply.lines.forEach((line, i) => this.#add('<', `${reply.code}${i < last ? '-' : ' '}${line}`));
  }

  note(text: string): void {
    this.#add('=', text);
  }

  #shown(line: string): string {
    const [, mechanism] = /^AUTH (\S+)/i.exec(line) ?? [];
    if (mechanism !== undefined) {
      this.#isSecret = true;
      return `AUTH ${mechanism} (what follows is not shown)`;
    }
    return this.#isSecret ? '(an answer to the challenge, not shown)' : line;
  }

  #add(mark: string, text: string): void {
    const cut = text.length <= LINE_MAX ? text : `${text.slice(0, LINE_MAX)}...`;
    const line = `${new Date(this.#clock.now()).toISOString()} ${this.#head} ${mark} ${escapeText(cut)}`;
    for (const tracer of this.#tracers) tracer.add(line);
  }
}

export class Tracers {
  readonly #clock: Pick<Clock, 'now'>;
  #tracers: readonly Tracer[] = [];
  #conversations = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** From now on these and no others; those that were there go on. False when they are the same as before. */
  set(wishes: readonly TracerWish[]): boolean {
    const before = new Map(this.#tracers.map((tracer) => [tracer.wish.id, tracer]));
    const isSame = wishes.length === before.size && wishes.every(({ id }) => before.has(id));
    if (isSame) return false;
    this.#tracers = wishes.slice(0, TRACERS_MAX).map((wish) => before.get(wish.id) ?? new Tracer(wish));
    return true;
  }

  take(): TracedLines[] {
    return this.#tracers.map((tracer) => tracer.take());
  }

  /** For a connection of this queue; undefined where nobody asked. */
  of({ binding, domain }: { readonly binding: string; readonly domain: string }, ip: string): Conversation | undefined {
    if (this.#tracers.length === 0) return undefined;
    const tracers = this.#tracers.filter((tracer) => tracer.isFor(binding, domain));
    if (tracers.length === 0) return undefined;
    this.#conversations += 1;
    return new Conversation(tracers, this.#clock, `#${this.#conversations} ${binding} ${domain} ${ip}`);
  }
}
