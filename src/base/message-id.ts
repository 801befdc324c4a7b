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

/** Reads ids into two numbers without making anything: for stores that keep many. */
export class MessageIdReader {
  /** `slot * 65536 + counter`: neighbours of one source differ by one. */
  ordinal = 0;
  instance = 0;

  /** False when the text is no id exactly as it is written. */
  read(text: string): boolean {
    if (text.length !== 20 || text.charCodeAt(2) !== slash || text.charCodeAt(5) !== dash || text.charCodeAt(11) !== dash) return false;
    const counter = hexAt(text, 0) | (hexAt(text, 1) << 4) | (hexAt(text, 3) << 8) | (hexAt(text, 4) << 12);
    let instance = 0;
    for (let i = 6; i < 11; i += 1) {
      const digit = text.charCodeAt(i) - 48;
      if (digit < 0 || digit > 9) return false;
      instance = instance * 10 + digit;
    }
    let slot = 0;
    // A digit that is none has all bits set, whatever its place.
    let all = counter;
    for (let i = 19; i >= 12; i -= 1) {
      const digit = hexAt(text, i);
      all |= digit;
      slot = slot * 16 + digit;
    }
    if (all < 0) return false;
    this.ordinal = slot * idsPerSlot + counter;
    this.instance = instance;
    return true;
  }
}

const slash = 47;
const dash = 45;

/** The digit, or -1. */
function hexAt(text: string, at: number): number {
  const c = text.charCodeAt(at);
  return c >= 48 && c <= 57 ? c - 48 : c >= 65 && c <= 70 ? c - 55 : -1;
}

/** The id that was read as these two numbers. */
export function messageIdOf(ordinal: number, instance: number): string {
  const slot = Math.floor(ordinal / idsPerSlot);
  return formatMessageId({ counter: ordinal - slot * idsPerSlot, instance, slot });
}

/** The Message-ID header's value of an id (SMTP-17): separators become dots, the host follows. */
export function messageIdHeader(id: string, host: string): string {
  return `<${id.replace(/[/-]/g, '.')}@${host}>`;
}
