/**
 * One entry of the Routes option as data.
 *
 * The one rule: without `pref` the place in the list is the preference. What cannot be read is undefined, and the caller says so: a route
 * that was mistyped must not become another way.
 * Forms: a host, an address (IPv6 in brackets), either with a port, `__mx__`, `smtp://host?pref=P&ttl=T&port=O&type=mx|a`.
 * Truth: rule OUT-22.
 */
import { parseHostPort, type HostPort } from '#base';

export type RouteEntry =
  | { readonly kind: 'mx-of-domain'; readonly preference: number }
  | {
      readonly kind: 'host';
      readonly to: HostPort;
      readonly preference: number;
      /** Seconds for which it is believed; undefined when DNS decides. */
      readonly ttl: number | undefined;
      readonly lookup: 'mx' | 'a';
    };

/** @param place the entry's place in its list, from 0 */
export function parseRoute(text: string, place: number): RouteEntry | undefined {
  if (text.toLowerCase() === '__mx__') return { kind: 'mx-of-domain', preference: place };
  const uri = /^smtp:\/\/([^?/]+)\/?(?:\?(.*))?$/i.exec(text);
  if (uri === null && text.includes('://')) return undefined;
  const to = parseHostPort(uri?.[1] ?? text);
  if (to === undefined) return undefined;
  const query = new URLSearchParams(uri?.[2] ?? '');
  const preference = numberOf(query.get('pref'), place);
  const port = numberOf(query.get('port'), to.port);
  const ttl = numberOf(query.get('ttl'), undefined);
  const lookup = query.get('type')?.toLowerCase() ?? 'mx';
  if (preference === 'wrong' || port === 'wrong' || ttl === 'wrong' || (lookup !== 'mx' && lookup !== 'a')) return undefined;
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return { kind: 'host', to: { ...to, port }, preference, ttl, lookup };
}

function numberOf<T extends number | undefined>(text: string | null, otherwise: T): number | T | 'wrong' {
  if (text === null) return otherwise;
  return /^\d{1,9}$/.test(text) ? Number(text) : 'wrong';
}
