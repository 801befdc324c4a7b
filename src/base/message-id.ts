// Ids of messages, batches and connections: CC/CC-PPPPP-SSSSSSSS (SMTP-17), which never repeat.
//
// The rule to know: PPPPP is a leased instance number, not a pid (loops share a pid, a container is pid 1 at every start);
// the slot is seconds, but monotonic: max(clock, last slot used or promised + 1) at the start, and never back. Slots are promised
// ahead of use through `persistSlot`, so a crash skips ids and cannot reuse them. A slot holds 65,536 ids, then the next one begins
// even if the clock stands still. CC/CC and SSSSSSSS have their hexadecimal digits reversed, so neighbours spread over 256 directories.

import { assert } from './assert.ts';
import type { Clock } from './clock.ts';

const idsPerSlot = 65_536;
const lastSlotEver = 0xffff_ffff;
const longestInstance = 99_999;

export interface MessageIdParts {
  /** 0 to 65535. */
  counter: number;
  /** 0 to 99999. */
  instance: number;
  /** Unix seconds, or a little ahead of them. */
  slot: number;
}

export interface MessageIdSourceOptions {
  /** 0 to 99999, leased: no other living source, and no spooled message of a dead one, has it at the same slots. */
  instance: number;
  clock: Clock;
  /** The highest slot ever promised for this instance; 0 when there is none. */
  lastSlot: number;
  /** Called before any slot up to `upTo` is used; must have stored it when it returns, and throws when it cannot. */
  persistSlot(upTo: number): void;
  /** How many slots are promised at once; default 60: about one write a minute. */
  slotsAhead?: number;
}

const reversedByte: readonly string[] = Array.from({ length: 256 }, (_, b) => reverse(b.toString(16).toUpperCase().padStart(2, '0')));

function reverse(digits: string): string {
  return [...digits].reverse().join('');
}

export class MessageIdSource {
  readonly #clock: Clock;
  readonly #instance: number;
  readonly #slotsAhead: number;
  readonly #persistSlot: (upTo: number) => void;
  #slot: number;
  #promised: number;
  #counter = 0;
  #tail: string;

  constructor(o: MessageIdSourceOptions) {
    assert(Number.isInteger(o.instance) && o.instance >= 0 && o.instance <= longestInstance, `instance number ${o.instance}`);
    assert(Number.isInteger(o.lastSlot) && o.lastSlot >= 0 && o.lastSlot < lastSlotEver, `last slot ${o.lastSlot}`);
    this.#clock = o.clock;
    this.#instance = o.instance;
    this.#slotsAhead = Math.max(1, o.slotsAhead ?? 60);
    this.#persistSlot = (upTo) => o.persistSlot(upTo);
    // One before the first: `next` enters a slot only through #enter, which promises it first.
    this.#slot = o.lastSlot;
    this.#promised = o.lastSlot;
    this.#counter = idsPerSlot;
    this.#tail = '';
  }

  /** A new id. Throws what `persistSlot` throws, and then no id was used. */
  next(): string {
    const seconds = Math.floor(this.#clock.now() / 1000);
    if (seconds > this.#slot && seconds <= lastSlotEver) this.#enter(seconds);
    else if (this.#counter === idsPerSlot) this.#enter(this.#slot + 1);
    const counter = this.#counter;
    this.#counter = counter + 1;
    return `${reversedByte[counter & 255]}/${reversedByte[counter >>> 8]}${this.#tail}`;
  }

  #enter(slot: number): void {
    assert(slot <= lastSlotEver, 'the slots of message ids end in the year 2106');
    if (slot > this.#promised) {
      const upTo = Math.min(lastSlotEver, slot + this.#slotsAhead - 1);
      this.#persistSlot(upTo);
      this.#promised = upTo;
    }
    this.#slot = slot;
    this.#counter = 0;
    this.#tail = tailOf(this.#instance, slot);
  }
}

function tailOf(instance: number, slot: number): string {
  return `-${String(instance).padStart(5, '0')}-${reverse(slot.toString(16).toUpperCase().padStart(8, '0'))}`;
}

/** Writes an id; the parts must be in range. */
export function formatMessageId(parts: MessageIdParts): string {
  return `${reversedByte[parts.counter & 255]}/${reversedByte[(parts.counter >>> 8) & 255]}${tailOf(parts.instance, parts.slot)}`;
}

/** Reads an id exactly as it is written; undefined when it is none. */
export function parseMessageId(text: string): MessageIdParts | undefined {
  const match = /^([0-9A-F]{2})\/([0-9A-F]{2})-(\d{5})-([0-9A-F]{8})$/.exec(text);
  if (match === null) return undefined;
  const [, low = '', high = '', instance = '', slot = ''] = match;
  return { counter: parseInt(reverse(high) + reverse(low), 16), instance: Number(instance), slot: parseInt(reverse(slot), 16) };
}

/** The Message-ID header's value of an id (SMTP-17): separators become dots, the host follows. */
export function messageIdHeader(id: string, host: string): string {
  return `<${id.replace(/[/-]/g, '.')}@${host}>`;
}
