/**
 * The PROXY protocol, versions 1 and 2: a load balancer says for whom a connection was made, before the first byte of the client.
 *
 * The one rule: strict and bounded. A header that is not exactly of the form, or longer than `PROXY_HEADER_MAX` octets, is a fault, and
 * nothing behind a fault is looked at. `LOCAL` and `UNKNOWN` name nobody: the balancer speaks for itself.
 * Not here: who may say so, and how long it may take (inbound). Truth: the specification of HAProxy, sections 2.1 and 2.2; attack A79.
 */
import { ipFromBytes, parseIp, type IpAddress } from '#base';

/** Octets of a header at most: version 1 has 107; version 2 has 52 and what else the balancer tells (TLVs, which are not read). */
export const PROXY_HEADER_MAX = 2048;

const V1_MAX = 107;
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_HEAD = 16;

export interface ProxyAddress {
  readonly ip: IpAddress;
  readonly port: number;
}

export type ProxyHeader =
  /** Not enough octets yet. */
  | { readonly kind: 'more' }
  | { readonly kind: 'fault'; readonly cause: string }
  /** `length` octets are the header; what follows is the client's. */
  | { readonly kind: 'local'; readonly length: number }
  | { readonly kind: 'client'; readonly length: number; readonly from: ProxyAddress; readonly to: ProxyAddress };

const MORE: ProxyHeader = Object.freeze({ kind: 'more' });

/** Reads the header at the beginning of what has come so far. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  const known = Math.min(bytes.length, V2_SIGNATURE.length);
  if (bytes.subarray(0, known).equals(V2_SIGNATURE.subarray(0, known))) return bytes.length < V2_HEAD ? MORE : parseV2(bytes);
  const word = 'PROXY ';
  return bytes.toString('latin1', 0, word.length) === word.slice(0, bytes.length) ? parseV1(bytes) : fault('it does not begin as one');
}

function fault(cause: string): ProxyHeader {
  return { kind: 'fault', cause };
}

function parseV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX).indexOf('\r\n');
  if (end < 0) return bytes.length < V1_MAX ? MORE : fault('its line is too long');
  const length = end + 2;
  const [, family, ...rest] = bytes.toString('latin1', 0, end).split(' ');
  if (family === 'UNKNOWN') return { kind: 'local', length };
  if ((family !== 'TCP4' && family !== 'TCP6') || rest.length !== 4) return fault('its family or its number of words');
  const version = family === 'TCP4' ? 4 : 6;
  const [from, to] = [addressOf(rest[0], rest[2], version), addressOf(rest[1], rest[3], version)];
  return from === undefined || to === undefined ? fault('its addresses') : { kind: 'client', length, from, to };
}

function addressOf(text: string | undefined, port: string | undefined, version: 4 | 6): ProxyAddress | undefined {
  const ip = parseIp(text ?? '');
  if (ip === undefined || ip.family !== version || !/^(?:0|[1-9]\d{0,4})$/.test(port ?? '') || Number(port) > 65_535) return undefined;
  return { ip, port: Number(port) };
}

function parseV2(bytes: Buffer): ProxyHeader {
  const length = V2_HEAD + bytes.readUInt16BE(14);
  if (length > PROXY_HEADER_MAX) return fault('it is too long');
  const command = bytes.readUInt8(12);
  if (command !== 0x20 && command !== 0x21) return fault('its version or command');
  if (bytes.length < length) return MORE;
  if (command === 0x20) return { kind: 'local', length };
  const family = bytes.readUInt8(13);
  const size = family === 0x11 ? 4 : family === 0x21 ? 16 : 0;
  if (size === 0 || length < V2_HEAD + 2 * size + 4) return fault('its family or its length');
  const ports = V2_HEAD + 2 * size;
  const from = ipFromBytes(bytes.subarray(V2_HEAD, V2_HEAD + size));
  const to = ipFromBytes(bytes.subarray(V2_HEAD + size, ports));
  if (from === undefined || to === undefined) return fault('its addresses');
  return {
    kind: 'client',
    length,
    from: { ip: from, port: bytes.readUInt16BE(ports) },
    to: { ip: to, port: bytes.readUInt16BE(ports + 2) },
  };
}
