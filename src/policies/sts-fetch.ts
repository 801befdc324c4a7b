/**
 * One policy over HTTPS: asked for once, at the one place where it may be.
 *
 * The one rule: the server's certificate must hold for `mta-sts.DOMAIN`; only an answer 200 of text/plain counts, redirects are never followed, and
 * what is too long or too slow is a failure. The address is asked of our own resolver, and one of a network that mail may not go to is not used.
 * Bounds: BODY_MAX octets, FETCH_MS from first to last. Truth: RFC 8461 section 3.3; attacks A46, A52.
 */
import { request } from 'node:https';
import { isIP } from 'node:net';
import type { Asking } from './dane-lookup.ts';

const BODY_MAX = 64 * 1024;
const FETCH_MS = 60_000;
const ADDRESSES_MAX = 4;

interface FetchPorts {
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
  const fail = (reason: string, type: 'sts-policy-fetch-error' | 'sts-webpki-invalid' = 'sts-policy-fetch-error'): void =>
    finish({ kind: 'failed', type, reason: `${host}: ${reason}` });
  const cancel = ports.later(FETCH_MS, () => fail(`no whole answer within ${FETCH_MS / 1000} s`));
  ports.dns.query(host, 'A', (answer) => {
    if (isOver) return;
    if (answer.kind === 'failed') return fail(answer.reason);
    const all = answer.kind === 'records' ? answer.records.flatMap((record) => (record.type === 'A' ? record.address : [])) : [];
    const addresses = all.filter(ports.isAllowed).slice(0, ADDRESSES_MAX);
    const [ip] = addresses;
    if (ip === undefined) return fail(all.length === 0 ? 'has no IPv4 address' : 'is in a network that nothing is fetched from');
    try {
      stop = get({ host, ip, port: ports.port, ca: ports.authorities() }, finish, fail);
    } catch (error) {
      fail((error as Error).message);
    }
  });
}

function get(
  o: { host: string; ip: string; port: number; ca: Buffer | undefined },
  finish: (fetched: Fetched) => void,
  fail: (reason: string, type?: 'sts-webpki-invalid') => void,
): () => void {
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
  asked.on('error', (error: Error & { code?: string }) => {
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
