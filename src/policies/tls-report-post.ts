/**
 * One report over HTTPS: brought once, to the one place that the domain named.
 *
 * The one rule: only a status of 200 to 299 counts as taken; redirects are not followed, the answer's body is not read. The address is asked of our own
 * resolver, and one of a network that nothing may be brought to is not used; the certificate must hold for the name. One address is tried, the next time
 * the report is brought is another try.
 * Bounds: POST_MS from first to last, 16 KB of the answer's header. Truth: RFC 8460 section 5.4; attack A52.
 */
import { request } from 'node:https';
import { addressesOf, type FetchPorts } from './sts-fetch.ts';

const POST_MS = 30_000;

/** `done` hears what went wrong. */
export function postReport(
  o: { readonly url: string; readonly packed: Buffer },
  ports: FetchPorts,
  done: (problem: string | undefined) => void,
): void {
  const { hostname, pathname, search } = new URL(o.url);
  let isOver = false;
  let stop = (): void => undefined;
  const finish = (problem: string | undefined): void => {
    if (isOver) return;
    isOver = true;
    cancel();
    stop();
    done(problem);
  };
  const cancel = ports.later(POST_MS, () => finish(`no answer within ${POST_MS / 1000} s`));
  addressesOf(hostname, ports, (found) => {
    if (isOver) return;
    const [ip] = found;
    if (typeof found === 'string' || ip === undefined) return finish(String(found));
    try {
      const ca = ports.authorities();
      const asked = request({
        method: 'POST',
        host: ip,
        port: ports.port,
        path: pathname + search,
        servername: hostname,
        headers: { host: hostname, 'content-type': 'application/tlsrpt+gzip', 'content-length': o.packed.length, connection: 'close' },
        agent: false,
        maxHeaderSize: 16_384,
        ...(ca === undefined ? {} : { ca }),
      });
      stop = () => asked.destroy();
      asked.on('error', (error) => finish(error.message));
      asked.on('response', ({ statusCode = 0 }) =>
        finish(statusCode >= 200 && statusCode < 300 ? undefined : `answered with status ${statusCode}; redirects are not followed`),
      );
      asked.end(o.packed);
    } catch (error) {
      finish((error as Error).message);
    }
  });
}
