// Where to listen and where to connect, as the configuration writes it (LSN-02, LSN-03, V6-01).
//
// The rule to know: in a place that can also hold something other than an address, IPv6 needs brackets. `:25` and `*:25`
// are the IPv4 wildcard (dual-stack if the kernel does that), `[*]:25` and `[::]:25` the IPv6 one, `/path` a Unix socket.
// A Listen takes addresses only, never names (a socket is bound before any resolver runs); a Gateway takes names too.
// Nothing is resolved or opened here.

import { toAsciiDomain } from './domain-name.ts';
import { parseIp } from './ip.ts';

export interface TcpEndpoint {
  readonly kind: 'tcp';
  /** '*', '[*]' or an address in canonical text without brackets. */
  readonly host: string;
  readonly family: 4 | 6 | 'any';
  /** 0 to 65535; 0 lets the system choose. */
  readonly port: number;
}

export interface UnixEndpoint {
  readonly kind: 'unix';
  readonly path: string;
}

export type Endpoint = TcpEndpoint | UnixEndpoint;

export interface HostPort {
  /** An address in canonical text without brackets, or a domain in lower-case A-labels. */
  readonly host: string;
  /** What `host` is. */
  readonly kind: 'ip' | 'name';
  /** 1 to 65535, undefined when the text has none. */
  readonly port: number | undefined;
}

/** Reads the address of a Listen stanza; undefined when it has none of the forms. */
export function parseEndpoint(text: string): Endpoint | undefined {
  if (text.startsWith('/')) return text.includes('\0') ? undefined : { kind: 'unix', path: text };
  const parts = /^(\[[^\]]*\]|[^:[\]]*):(\d{1,5})$/.exec(text);
  if (parts === null) return undefined;
  const [, host = '', digits = ''] = parts;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (host === '' || host === '*') return { kind: 'tcp', host: '*', family: 'any', port };
  if (host.startsWith('[')) {
    const inner = host.slice(1, -1);
    if (inner === '*') return { kind: 'tcp', host: '[*]', family: 6, port };
    const ip = parseIp(inner);
    return ip?.family === 6 ? { kind: 'tcp', host: ip.text, family: 6, port } : undefined;
  }
  const ip = parseIp(host);
  return ip === undefined ? undefined : { kind: 'tcp', host: ip.text, family: 4, port };
}

/** One text per socket: all spellings of one endpoint give the same ('*:25', '[*]:25', '[::1]:25', '/tmp/2025'). */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return endpoint.path;
  if (endpoint.family !== 6) return `${endpoint.host}:${endpoint.port}`;
  return endpoint.host === '[*]' || endpoint.host === '::' ? `[*]:${endpoint.port}` : `[${endpoint.host}]:${endpoint.port}`;
}

/**
 * Reads the value of a Gateway or of a static target: a domain, an IPv4 address or an IPv6 address in brackets, with or without
 * a port. A bracketed IPv4 address is taken too, since it is how mail writes an address in place of a domain.
 */
export function parseHostPort(text: string): HostPort | undefined {
  const parts = /^(\[[^\]]*\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  if (parts === null) return undefined;
  const [, host = '', digits] = parts;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  if (host.startsWith('[')) {
    const ip = parseIp(host.slice(1, -1).replace(/^ipv6:/i, ''));
    return ip === undefined ? undefined : { host: ip.text, kind: 'ip', port };
  }
  const ip = parseIp(host);
  if (ip !== undefined) return { host: ip.text, kind: 'ip', port };
  const name = toAsciiDomain(host, { allowUnderscore: true });
  return name === undefined || /(^|\.)(\d+|0x[\da-f]*)$/.test(name) ? undefined : { host: name, kind: 'name', port };
}
