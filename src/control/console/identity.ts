/*
 * Who speaks on a console connection: what the kernel and the socket say of it, and how the history of changes names it.
 *
 * The one rule: on a Unix socket the kernel says who it is (peer credentials), elsewhere only the address is known until it has proven a name;
 * nothing the peer sends counts by itself. It decides nothing about what somebody may do. Truth: AUTH-09.
 */
import type { Socket } from 'node:net';
import { parseIp, unmapIp } from '#base';
import { fdOf, peerCredentials } from '#system';
import type { ConnectionFacts } from '../access/access.ts';

/** `listener`: the address that was listened on. */
export function factsOf(socket: Socket, listener: string): ConnectionFacts {
  if (socket.remoteAddress !== undefined) {
    const { remoteAddress, remotePort } = socket;
    const peer = remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort ?? 0}` : `${remoteAddress}:${remotePort ?? 0}`;
    const ip = parseIp(remoteAddress);
    return { listener, peer, ip: ip === undefined ? undefined : unmapIp(ip), uid: undefined, pid: undefined };
  }
  const descriptor = fdOf(socket);
  const credentials = descriptor === undefined ? undefined : peerCredentials(descriptor);
  return { listener, peer: '', ip: undefined, uid: credentials?.uid, pid: credentials?.pid };
}

export function whoIs(user: string, { peer, pid }: ConnectionFacts): string {
  if (peer !== '') return `${user} from ${peer}`;
  return pid === undefined ? user : `${user} (process ${pid})`;
}
