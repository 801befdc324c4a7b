// IP addresses as numbers: one address is one value, however it was spelt (V6-02, V6-04).
//
// The rule to know: parsing is strict. IPv4 is four decimal parts without leading zeros (192.0.2.010, 1.2 and 0x7f.1 are
// refused: some readers take them for other addresses). IPv6 is any RFC 4291 spelling, embedded IPv4 included, without a zone.
// An IPv4-mapped address (::ffff:192.0.2.1) stays IPv6 until `unmapIp` is asked. Text is written as RFC 5952 says.

export interface IpAddress {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, network order. Not to be written to. */
  readonly bytes: Uint8Array;
  /** The canonical spelling. */
  readonly text: string;
}

const colon = 58;
const dot = 46;

/** Reads an address, undefined when it is none. */
export function parseIp(text: string): IpAddress | undefined {
  if (text.length < 2 || text.length > 45) return undefined;
  if (text.includes(':')) {
    const bytes = parseV6(text);
    return bytes === undefined ? undefined : { family: 6, bytes, text: formatV6(bytes) };
  }
  const bytes = new Uint8Array(4);
  return readV4(text, 0, bytes, 0) ? { family: 4, bytes, text: formatV4(bytes, 0) } : undefined;
}

/** An address of 4 or 16 bytes; undefined for any other length. The bytes are copied. */
export function ipFromBytes(bytes: Uint8Array): IpAddress | undefined {
  const own = Uint8Array.from(bytes);
  if (own.length === 4) return { family: 4, bytes: own, text: formatV4(own, 0) };
  return own.length === 16 ? { family: 6, bytes: own, text: formatV6(own) } : undefined;
}

/** The IPv4 address inside an IPv4-mapped IPv6 one (::ffff:0:0/96), any other address as it is. */
export function unmapIp(ip: IpAddress): IpAddress {
  if (ip.family === 4 || !isMapped(ip.bytes)) return ip;
  const bytes = ip.bytes.slice(12);
  return { family: 4, bytes, text: formatV4(bytes, 0) };
}

/** True for the same family and number. */
export function ipEquals(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.text === b.text;
}

/** True for sixteen bytes that hold an IPv4-mapped address. */
export function isMapped(bytes: Uint8Array): boolean {
  if (bytes.length !== 16) return false;
  for (let i = 0; i < 10; i += 1) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** Reads dotted decimal that must reach to the end of the text. */
function readV4(text: string, from: number, out: Uint8Array, at: number): boolean {
  let part = 0;
  let value = -1;
  for (let i = from; i <= text.length; i += 1) {
    const c = i === text.length ? dot : text.charCodeAt(i);
    if (c === dot) {
      if (value < 0 || part > 3) return false;
      out[at + part] = value;
      part += 1;
      value = -1;
    } else {
      const digit = c - 48;
      if (digit < 0 || digit > 9 || value === 0) return false;
      value = value < 0 ? digit : value * 10 + digit;
      if (value > 255) return false;
    }
  }
  return part === 4;
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function parseV6(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(16);
  let filled = 0;
  let gapAt = -1;
  let i = 0;
  if (text.charCodeAt(0) === colon) {
    if (text.charCodeAt(1) !== colon) return undefined;
    gapAt = 0;
    i = 2;
  }
  while (i < text.length) {
    if (filled === 16) return undefined;
    let value = 0;
    const start = i;
    for (
      let digit = i < text.length ? hexDigit(text.charCodeAt(i)) : -1;
      digit >= 0;
      digit = i < text.length ? hexDigit(text.charCodeAt(i)) : -1
    ) {
      value = value * 16 + digit;
      i += 1;
      if (i - start > 4) return undefined;
    }
    if (i === start) return undefined;
    if (i < text.length && text.charCodeAt(i) === dot) {
      if (filled > 12 || !readV4(text, start, bytes, filled)) return undefined;
      filled += 4;
      break;
    }
    bytes[filled] = value >>> 8;
    bytes[filled + 1] = value & 255;
    filled += 2;
    if (i === text.length) break;
    if (text.charCodeAt(i) !== colon) return undefined;
    i += 1;
    if (i === text.length) return undefined;
    if (text.charCodeAt(i) === colon) {
      if (gapAt >= 0) return undefined;
      gapAt = filled;
      i += 1;
    }
  }
  return closeGap(bytes, filled, gapAt);
}

/** Moves what stands right of `::` to the end; `::` must stand for one group at least. */
function closeGap(bytes: Uint8Array, filled: number, gapAt: number): Uint8Array | undefined {
  if (gapAt < 0) return filled === 16 ? bytes : undefined;
  if (filled === 16) return undefined;
  bytes.copyWithin(16 - (filled - gapAt), gapAt, filled);
  bytes.fill(0, gapAt, 16 - (filled - gapAt));
  return bytes;
}

function formatV4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** RFC 5952: lower case, no leading zeros, the longest (first) run of two or more zero groups as `::`, mapped addresses mixed. */
function formatV6(bytes: Uint8Array): string {
  if (isMapped(bytes)) return `::ffff:${formatV4(bytes, 12)}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] as number) << 8) | (bytes[i + 1] as number));
  let gapAt = -1;
  let gapLength = 1;
  for (let i = 0; i < 8; i += 1) {
    let end = i;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - i > gapLength) {
      gapAt = i;
      gapLength = end - i;
    }
    if (end > i) i = end;
  }
  const hex = (list: number[]): string => list.map((g) => g.toString(16)).join(':');
  return gapAt < 0 ? hex(groups) : `${hex(groups.slice(0, gapAt))}::${hex(groups.slice(gapAt + gapLength))}`;
}
