/**
 * The header block of a whole message as data: found by name, added to, taken from, written back byte for byte.
 *
 * The one rule: a field keeps its own bytes, so what is not touched is written as it came. Names are looked up in a Map,
 * never as keys of an object, and 100,000 headers take linear time (attack A47). A block larger than the limits ends at
 * the limit: the rest counts as body and `complete` is false.
 * It does not interpret values; the streaming check on reception is the room smtp's BodyPolicy.
 * Truth: RFC 5322 sections 2.2 and 3.6.
 */
import { assert } from '#base';
import { oneLine } from './one-line.ts';

export interface HeaderField {
  /** As written. */
  readonly name: string;
  /** Name, colon, value, folds and final line end. */
  readonly raw: Buffer;
}

/** Octets and fields of a block that are looked at. */
const HEADER_OCTETS_MAX = 16 * 1_048_576;
const HEADER_FIELDS_MAX = 200_000;

const LF = 10;
const CR = 13;
const COLON = 58;
const NAME = /^[!-9;-~]{1,998}$/;
/** RFC 5322 section 2.1.1: the length a line should have, and the one it must not pass. */
const LINE_SHOULD = 78;
const LINE_MUST = 998;

/** Octets that are made text at a time, since a call for each name costs more than its text. */
const WINDOW = 16_384;

/** A field of a message that was read: its octets are cut out when somebody asks. Of 65,000 fields most are never asked for. */
class ReadField implements HeaderField {
  readonly name: string;
  private readonly message: Buffer;
  private readonly start: number;
  private readonly end: number;

  constructor(name: string, message: Buffer, span: { readonly start: number; readonly end: number }) {
    this.name = name;
    this.message = message;
    this.start = span.start;
    this.end = span.end;
  }

  get raw(): Buffer {
    return this.message.subarray(this.start, this.end);
  }
}

/** Bounds of a reading that are tighter than the block's own. */
interface HeaderLimits {
  readonly octetsMax: number;
  readonly fieldsMax: number;
}

const LIMITS: HeaderLimits = { octetsMax: HEADER_OCTETS_MAX, fieldsMax: HEADER_FIELDS_MAX };

function isBlank(octet: number | undefined): boolean {
  return octet === 32 || octet === 9;
}

/** Index of the colon of the field whose first line is [start, end), or -1 when that line is no field. */
function colonOf(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at]! > 32 && bytes[at]! < 127 && bytes[at] !== COLON) at++;
  if (at === start) return -1;
  while (at < end && isBlank(bytes[at])) at++;
  return at < end && bytes[at] === COLON ? at : -1;
}

const NON_ASCII = /[\u0080-\uffff]/;

/** One header in wire form: folded in front of blanks at 78 characters where it can be, hard at 998. The value becomes one line first. */
export function formatHeader(name: string, value: string): string {
  assert(NAME.test(name), 'a header name is 1 to 998 printable ASCII characters without colon');
  const words = oneLine(value, 1_000_000).split(' ');
  // Octets count, and a character outside ASCII takes up to three of them.
  const lineMust = NON_ASCII.test(value) ? Math.floor(LINE_MUST / 3) : LINE_MUST;
  let out = `${name}:`;
  let column = out.length;
  for (const word of words) {
    let rest = word;
    if (column + 1 + rest.length > LINE_SHOULD && column > name.length + 1) {
      out += '\r\n';
      column = 0;
    }
    while (column + 1 + rest.length > lineMust) {
      const room = Math.max(1, lineMust - column - 1);
      out += ` ${rest.slice(0, room)}\r\n`;
      rest = rest.slice(room);
      column = 0;
    }
    out += ` ${rest}`;
    column += 1 + rest.length;
  }
  return `${out.trimEnd()}\r\n`;
}

/** The value of a field without folds and outer blanks, as UTF-8 text (broken bytes become U+FFFD). */
export function fieldValue(field: HeaderField): string {
  const colon = field.raw.indexOf(COLON);
  return field.raw
    .toString('utf8', colon + 1)
    .replace(/\r?\n(?=[ \t]|$)/g, '')
    .trim();
}

export class HeaderBlock {
  #fields: HeaderField[];
  /** Lower-case name to positions in #fields; made when first asked, dropped by changes. */
  #index: Map<string, number[]> | undefined;
  /** False when a limit cut the block short or a line that is no header ended it. */
  readonly complete: boolean;
  /** Index of the body in the parsed message, behind the blank line. */
  readonly bodyAt: number;

  private constructor(fields: HeaderField[], complete: boolean, bodyAt: number) {
    this.#fields = fields;
    this.complete = complete;
    this.bodyAt = bodyAt;
  }

  /** Reads the block at the start of a message. Lines end with CRLF or LF. Never throws. */
  static parse(message: Buffer, { octetsMax, fieldsMax }: HeaderLimits = LIMITS): HeaderBlock {
    const fields: HeaderField[] = [];
    const limit = Math.min(message.length, octetsMax);
    let at = 0;
    let text = '';
    let textAt = 0;
    while (at < limit) {
      let lf = message.indexOf(LF, at);
      const end = lf < 0 ? message.length : lf;
      if (end === at || (end === at + 1 && message[at] === CR && lf >= 0)) return new HeaderBlock(fields, true, end + 1);
      const colon = colonOf(message, at, Math.min(end, at + LINE_MUST + 1));
      if (colon < 0 || fields.length >= fieldsMax) return new HeaderBlock(fields, false, at);
      while (lf >= 0 && isBlank(message[lf + 1])) lf = message.indexOf(LF, lf + 1);
      const next = lf < 0 ? message.length : lf + 1;
      if (colon > textAt + text.length) {
        textAt = at;
        text = message.toString('latin1', at, Math.min(message.length, at + WINDOW));
      }
      const name = text.slice(at - textAt, colon - textAt);
      fields.push(new ReadField(isBlank(message[colon - 1]) ? name.trimEnd() : name, message, { start: at, end: next }));
      at = next;
    }
    return new HeaderBlock(fields, limit === message.length, Math.min(at, message.length));
  }

  static empty(): HeaderBlock {
    return new HeaderBlock([], true, 0);
  }

  get fields(): readonly HeaderField[] {
    return this.#fields;
  }

  has(name: string): boolean {
    return this.#positions(name).length > 0;
  }

  count(name: string): number {
    return this.#positions(name).length;
  }

  /** The value of the first field of that name. */
  find(name: string): string | undefined {
    const position = this.#positions(name)[0];
    const field = position === undefined ? undefined : this.#fields[position];
    return field === undefined ? undefined : fieldValue(field);
  }

  /** The values of all fields of that name, top down. */
  findAll(name: string): string[] {
    return this.#positions(name).map((position) => fieldValue(this.#fields[position]!));
  }

  /** Adds a field at the top. */
  prepend(name: string, value: string): void {
    this.#fields = [{ name, raw: Buffer.from(formatHeader(name, value)) }, ...this.#fields];
    this.#index = undefined;
  }

  /** Adds a field at the bottom. */
  append(name: string, value: string): void {
    this.#fields.push({ name, raw: Buffer.from(formatHeader(name, value)) });
    this.#index = undefined;
  }

  /** Takes away every field of that name; returns how many there were. */
  remove(name: string): number {
    const positions = new Set(this.#positions(name));
    if (positions.size > 0) {
      this.#fields = this.#fields.filter((_, position) => !positions.has(position));
      this.#index = undefined;
    }
    return positions.size;
  }

  /** One field in the place of the first of that name, the others gone; at the bottom where there was none. */
  replace(name: string, value: string): void {
    const [first, ...others] = this.#positions(name);
    if (first === undefined) {
      this.append(name, value);
      return;
    }
    const gone = new Set(others);
    const field = { name, raw: Buffer.from(formatHeader(name, value)) };
    this.#fields = this.#fields.map((old, position) => (position === first ? field : old)).filter((_, position) => !gone.has(position));
    this.#index = undefined;
  }

  /** The bytes of all fields, without the blank line behind them. A last field without a line end gets one. */
  toBuffer(): Buffer {
    const parts = this.#fields.map((field) => field.raw);
    const last = parts.at(-1);
    if (last !== undefined && last[last.length - 1] !== LF) parts.push(Buffer.from('\r\n'));
    return Buffer.concat(parts);
  }

  #positions(name: string): readonly number[] {
    if (this.#index === undefined) {
      this.#index = new Map();
      for (const [position, field] of this.#fields.entries()) {
        const key = field.name.toLowerCase();
        const positions = this.#index.get(key);
        if (positions === undefined) this.#index.set(key, [position]);
        else positions.push(position);
      }
    }
    return this.#index.get(name.toLowerCase()) ?? [];
  }
}
