/*
 * What is known of the TLS that the hosts of a domain have promised: TLSA records (DANE) and the MTA-STS policy, for `domain X`.
 *
 * The one rule: a look at what caches hold, as the sender would find it; nothing is asked. Where no answer is held no line stands.
 * Truth: the manual's pages of dane and mta_sts; RFC 7672 section 2.2.
 */
import type { ConsoleSession, ServerPort } from '../operation.ts';
import { daneState, stsPolicyLines } from '../server/published-policies.ts';
import { shown } from './words.ts';

type Known =
  | {
      readonly kind: 'records';
      /** The end of the aliases. */
      readonly name: string;
      readonly ttl: number;
      readonly records: readonly Record<string, unknown>[];
      readonly isAuthenticated: boolean;
    }
  | { readonly kind: 'nodata' | 'nxdomain'; readonly ttl: number; readonly isAuthenticated: boolean }
  | { readonly kind: 'failed'; readonly reason: string };

/** What some loop's cache holds. */
export async function known(server: ServerPort, name: string, type: string): Promise<Known | undefined> {
  const { answers } = await server.askLoops('dns.lookup', { name, type });
  return [...answers.values()].find((value) => value !== undefined) as Known | undefined;
}

/** Records of one host that are shown. */
const RECORDS_MAX = 8;

/** The port at which the domain's hosts are asked for, unless a binding says otherwise. */
export function portOf({ config }: ConsoleSession, domain: string): number {
  const found = config.eval(`domain ${domain} Remote_SMTP_Port`);
  const { value } = (found.ok ? (found.data ?? {}) : {}) as { value?: unknown };
  return Number.isInteger(Number(value)) ? Number(value) : 25;
}

/** Lines of the TLSA records of a host. @param ends names at the end of the host's aliases, the host's own name included */
export async function tlsaLines(server: ServerPort, o: { readonly ends: readonly string[]; readonly port: number }): Promise<string[]> {
  const lines: string[] = [];
  for (const base of new Set(o.ends)) {
    const owner = `_${o.port}._tcp.${base}`;
    const found = await known(server, owner, 'TLSA');
    if (found !== undefined) lines.push(...linesOf(shown(owner), found));
  }
  return lines;
}

function linesOf(owner: string, found: Known): string[] {
  if (found.kind === 'failed') return [`\tTLSA of ${owner} cannot be known now: ${shown(found.reason)}; mail with DANE waits`];
  const proof = found.isAuthenticated ? 'signed' : 'not signed, without effect';
  if (found.kind !== 'records') return [`\tno TLSA of ${owner} (${proof}, for ${found.ttl} s)`];
  const records = found.records.slice(0, RECORDS_MAX).map(({ usage, selector, matching, data }) => {
    const hex = data instanceof Uint8Array ? Buffer.from(data).toString('hex') : '';
    return `\t  TLSA ${Number(usage)} ${Number(selector)} ${Number(matching)} ${hex.slice(0, 128)}${hex.length > 128 ? '...' : ''}`;
  });
  return [`\t${found.records.length} TLSA of ${owner} (${proof}, for ${found.ttl} s)`, ...records];
}

/** Lines for the whole domain; none where the configuration has no DANE and no policy is known. */
export async function domainTlsLines(server: ServerPort, domain: string): Promise<string[]> {
  const [state, policy] = await Promise.all([daneState(server), stsPolicyLines(server, domain)]);
  return [...(state === undefined ? [] : [`DANE is ${state}`]), ...policy];
}
