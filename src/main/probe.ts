/*
 * Looks whether the addresses of the listeners are free before any loop opens them.
 *
 * The one rule: loops share a port with reusePort, which would also let in another server of the same user; so main opens each
 * address once without it, alone, and closes it again. A port that this server has open itself, on whatever address, is not
 * looked at. Of a Unix socket what stands at its path is looked at, and a dead one cleared away (net).
 */
import { createServer } from 'node:net';
import { parseEndpoint } from '#base';
import { claimPath } from '#net';

/** A sentence when the address cannot be had. `ours`: the addresses that are open already. */
export function probe(address: string, ours: readonly string[]): Promise<string | undefined> {
  const at = parseEndpoint(address);
  if (at === undefined) return Promise.resolve(`Cannot listen on "${address}": expected ip:port, :port, [ipv6]:port or /path`);
  if (at.kind === 'unix') return new Promise((done) => claimPath(at.path, (error) => done(error?.message)));
  if (ours.some((other) => portOf(other) === at.port)) return Promise.resolve(undefined);
  const host = at.host === '*' ? '0.0.0.0' : at.host === '[*]' ? '::' : at.host;
  return new Promise((done) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => done(`Cannot listen on "${address}": ${explain(error, at.port)}`));
    server.listen({ host, port: at.port, exclusive: true, ipv6Only: at.family === 6 }, () => server.close(() => done(undefined)));
  });
}

function portOf(address: string): number | undefined {
  const at = parseEndpoint(address);
  return at?.kind === 'tcp' ? at.port : undefined;
}

function explain(error: NodeJS.ErrnoException, port: number): string {
  if (error.code === 'EADDRINUSE')
    return `another program listens there; stop it or choose another port (ss -ltnp "sport = :${port}" names it)`;
  if (error.code === 'EACCES') return `ports below 1024 need root or the capability cap_net_bind_service`;
  if (error.code === 'EADDRNOTAVAIL') return 'this machine does not have that address';
  return error.message;
}
