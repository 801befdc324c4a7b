/**
 * One entry of the Routes option as data.
 *
 * The one rule: without `pref` the place in the list is the preference. What cannot be read is undefined, and the caller says so: a route
 * that was mistyped must not become another way.
 * Forms: a host, an address (IPv6 in brackets), either with a port, `__mx__`, `smtp://host?pref=P&ttl=T&port=O&type=mx|a` (also esmtp:// and
 * lmtp://: the protocol is Delivery_Method's), `unix:/path?pref=P`. apn://, gcm:// and http:// name methods that are not spoken here.
 * Truth: rule OUT-22.
 */
import { parseHostPort, type HostPort } from '#base';

export type RouteEntry =
  | { readonly kind: 'mx-of-domain'; readonly preference: number }
  | { readonly kind: 'path'; readonly path: string; readonly preference: number }
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
  const path = unixPath(text);
  if (path !== undefined)
    return path.preference === 'wrong' ? undefined : { kind: 'path', path: path.path, preference: path.preference ?? place };
  const uri = /^(?:smtp|esmtp|lmtp):\/\/([^?/]+)\/?(?:\?(.*))?$/i.exec(text);
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

/** `unix:/path` and `/path`, as in Gateway and Routes; undefined for anything else. */
export function unixPath(text: string): { readonly path: string; readonly preference: number | undefined | 'wrong' } | undefined {
  const match = /^(?:unix:)?(\/[^?\0]{1,106})(?:\?pref=(.*))?$/i.exec(text);
  return match === null ? undefined : { path: match[1] ?? '', preference: numberOf(match[2] ?? null, undefined) };
}

function numberOf<T extends number | undefined>(text: string | null, otherwise: T): number | T | 'wrong' {
  if (text === null) return otherwise;
  return /^\d{1,9}$/.test(text) ? Number(text) : 'wrong';
}
