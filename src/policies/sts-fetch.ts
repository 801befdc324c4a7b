/**
 * One policy over HTTPS: asked for once, at the one place where it may be.
 *
 * The one rule: the server's certificate must hold for `mta-sts.DOMAIN`; only an answer 200 of text/plain counts, redirects are never followed, and
 * what is too long or too slow is a failure. Addresses are asked of our own resolver, IPv4 goes before IPv6, and those of a network that mail may not
 * go to are not used; the next one is tried where nobody can be reached at one, and not where somebody answers wrongly.
 * Bounds: BODY_MAX octets, ADDRESSES_MAX addresses, CONNECT_MS for each but the last, FETCH_MS from first to last. Truth: RFC 8461 section 3.3; attacks A46, A52.
 */
import { request } from 'node:https';
import { isIP } from 'node:net';
import type { DnsAnswer } from '#dns';
import type { Asking } from './dane-lookup.ts';

const BODY_MAX = 64 * 1024;
const FETCH_MS = 60_000;
const CONNECT_MS = 10_000;
const ADDRESSES_MAX = 4;

export interface FetchPorts {
  readonly dns: Asking;
  /** Whether a policy may be fetched from this address. */
  readonly isAllowed: (ip: string) => boolean;
  /** Authorities in PEM; undefined: those of the runtime. */
  readonly authorities: () => Buffer | undefined;
  readonly later: (ms: number, work: () => void) => () => void;
  /** Where HTTPS is. */
  readonly port: number;
}

export type Fetched =
  | { readonly kind: 'text'; readonly text: string }
  /** `type` as in a report (RFC 8460 section 4.3). */
  | { readonly kind: 'failed'; readonly type: 'sts-policy-fetch-error' | 'sts-webpki-invalid'; readonly reason: string };

type Fault = 'sts-policy-fetch-error' | 'sts-webpki-invalid';

export function fetchSts(domain: string, ports: FetchPorts, done: (fetched: Fetched) => void): void {
  const host = `mta-sts.${domain}`;
  let isOver = false;
  let stop = (): void => undefined;
  const finish = (fetched: Fetched): void => {
    if (isOver) return;
    isOver = true;
    cancel();
    stop();
    done(fetched);
  };
  const fail = (reason: string, type: Fault = 'sts-policy-fetch-error'): void =>
    finish({ kind: 'failed', type, reason: `${host}: ${reason}` });
  const cancel = ports.later(FETCH_MS, () => fail(`no whole answer within ${FETCH_MS / 1000} s`));
  const from = (addresses: readonly string[]): void => {
    const [ip, ...others] = addresses;
    if (isOver || ip === undefined) return;
    // Once: the address may be given up for its slowness before its connection fails.
    const unreachable = (reason: string): void => {
      if (tried.isOver) return;
      tried.isOver = true;
      tried.cancel();
      stop();
      if (others.length === 0) fail(reason);
      else from(others);
    };
    const tried = { isOver: false, cancel: (): void => undefined };
    if (others.length > 0) tried.cancel = ports.later(CONNECT_MS, () => unreachable(`${ip} cannot be reached`));
    const reached = (): void => {
      tried.isOver = true;
      tried.cancel();
    };
    try {
      stop = get({ host, ip, port: ports.port, ca: ports.authorities() }, { finish, fail, reached, unreachable });
    } catch (error) {
      fail((error as Error).message);
    }
  };
  addressesOf(host, ports, (found) => {
    if (typeof found === 'string') fail(found);
    else from(found);
  });
}

/** Where the host is, IPv4 and IPv6 in turn, whatever is used for mail: a host that is not found has no policy. A text says why it is nowhere. */
export function addressesOf(host: string, { dns, isAllowed }: FetchPorts, done: (found: readonly string[] | string) => void): void {
  dns.query(host, 'A', (four) => {
    dns.query(host, 'AAAA', (six) => {
      const [fours, sixes] = [ipsOf(four, 'A'), ipsOf(six, 'AAAA')] as const;
      const all = fours.flatMap((ip, i) => [ip, ...sixes.slice(i, i + 1)]).concat(sixes.slice(fours.length));
      const addresses = all.filter(isAllowed).slice(0, ADDRESSES_MAX);
      const failed = [four, six].find((answer) => answer.kind === 'failed');
      if (addresses.length > 0) done(addresses);
      else if (all.length > 0) done('is in a network that is not connected to');
      else done(failed?.kind === 'failed' ? failed.reason : 'has no address');
    });
  });
}

function ipsOf(answer: DnsAnswer, type: 'A' | 'AAAA'): string[] {
  return answer.kind === 'records' ? answer.records.flatMap((record) => (record.type === type ? record.address : [])) : [];
}

interface Hearing {
  readonly finish: (fetched: Fetched) => void;
  readonly fail: (reason: string, type?: Fault) => void;
  /** There is somebody at the address. */
  readonly reached: () => void;
  readonly unreachable: (reason: string) => void;
}

function get(
  o: { host: string; ip: string; port: number; ca: Buffer | undefined },
  { finish, fail, reached, unreachable }: Hearing,
): () => void {
  let isReached = false;
  const asked = request({
    host: o.ip,
    port: o.port,
    path: '/.well-known/mta-sts.txt',
    servername: o.host,
    headers: { host: o.host, accept: 'text/plain', connection: 'close' },
    agent: false,
    maxHeaderSize: 16_384,
    family: isIP(o.ip),
    ...(o.ca === undefined ? {} : { ca: o.ca }),
  });
  asked.on('socket', (socket) =>
    socket.once('connect', () => {
      isReached = true;
      reached();
    }),
  );
  asked.on('error', (error: Error & { code?: string }) => {
    if (!isReached) return unreachable(error.message);
    const isCertificate = /CERT|SIGN|ALTNAME|ISSUER|CHAIN|VERIFY/.test(error.code ?? '');
    fail(error.message, isCertificate ? 'sts-webpki-invalid' : undefined);
  });
  asked.on('response', (response) => {
    const { statusCode = 0, headers } = response;
    if (statusCode !== 200) return fail(`answered with status ${statusCode}; redirects are not followed`);
    if (!/^text\/plain[\t ]*(?:;|$)/i.test(headers['content-type'] ?? '')) return fail(`answered with something that is not text/plain`);
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > BODY_MAX) fail(`answered with more than ${BODY_MAX} octets`);
      else chunks.push(chunk);
    });
    response.on('end', () => finish({ kind: 'text', text: Buffer.concat(chunks).toString('latin1') }));
    response.on('close', () => fail('closed the connection before the answer was whole'));
  });
  asked.end();
  return () => asked.destroy();
}
