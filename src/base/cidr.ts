// Networks: an address and how many of its leading bits count.
//
// The rule to know: a single address is a host network (/32 or /128); bits behind the prefix are cleared, so 10.1.2.3/8
// is 10.0.0.0/8. IPv4 and IPv4-mapped IPv6 meet: ::ffff:10.0.0.1 lies in 10.0.0.0/8, since that is how a dual-stack socket shows
// an IPv4 peer. Many networks at once belong in a PrefixTrie, not in a list.

import { ipFromBytes, isMapped, parseIp, unmapIp } from './ip.ts';
import type { IpAddress } from './ip.ts';

export interface Cidr {
  /** The network's first address. */
  readonly ip: IpAddress;
  /** 0 to 32, or 0 to 128. */
  readonly bits: number;
}

/**
 * Reads "10.0.0.0/8", "fd00::/8" or a single address; undefined when it is neither. IPv6 needs no brackets here (LSN-03),
 * brackets around the address are tolerated. The length is plain decimal without leading zeros.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  const ip = parseIp(bare);
  if (ip === undefined || (bare !== address && ip.family === 4)) return undefined;
  const most = ip.family === 4 ? 32 : 128;
  if (slash < 0) return { ip, bits: most };
  const length = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > most) return undefined;
  return cidrOf(ip, Number(length));
}

/** The network of `bits` leading bits around an address; bits out of range are taken as the nearest legal number. */
export function cidrOf(ip: IpAddress, bits: number): Cidr {
  const most = ip.family === 4 ? 32 : 128;
  const kept = Math.max(0, Math.min(most, bits));
  if (kept === most) return { ip, bits: kept };
  const bytes = Uint8Array.from(ip.bytes);
  const whole = kept >>> 3;
  if ((kept & 7) !== 0) bytes[whole] = (bytes[whole] as number) & (0xff00 >>> (kept & 7));
  bytes.fill(0, whole + ((kept & 7) === 0 ? 0 : 1));
  return { ip: ipFromBytes(bytes) ?? ip, bits: kept };
}

/** The same network in IPv4 when it lies wholly within ::ffff:0:0/96. */
export function unmapCidr(cidr: Cidr): Cidr {
  if (cidr.ip.family === 4 || cidr.bits < 96 || !isMapped(cidr.ip.bytes)) return cidr;
  return { ip: unmapIp(cidr.ip), bits: cidr.bits - 96 };
}

/** "10.0.0.0/8"; a host network is written as its address alone. */
export function formatCidr(cidr: Cidr): string {
  return cidr.bits === (cidr.ip.family === 4 ? 32 : 128) ? cidr.ip.text : `${cidr.ip.text}/${cidr.bits}`;
}

export function cidrContains(cidr: Cidr, ip: IpAddress): boolean {
  const net = unmapCidr(cidr);
  const candidate = unmapIp(ip);
  return net.ip.family === candidate.family && commonBits(net.ip.bytes, candidate.bytes, net.bits) >= net.bits;
}

/** How many leading bits two addresses of one length share, counted no further than `limit`; whole bytes below `fromBit` are taken as equal. */
export function commonBits(a: Uint8Array, b: Uint8Array, limit: number, fromBit = 0): number {
  for (let i = fromBit >>> 3; i * 8 < limit; i += 1) {
    const difference = (a[i] as number) ^ (b[i] as number);
    if (difference !== 0) return Math.min(limit, i * 8 + Math.clz32(difference) - 24);
  }
  return limit;
}
