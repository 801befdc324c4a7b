/*
 * Who speaks on a console connection, as the history of changes names it.
 *
 * The one rule: on a Unix socket the kernel says it (peer credentials), elsewhere only the address is known; nothing the peer sends counts.
 * It decides nothing about what somebody may do. Truth: AUTH-40 (identities come with authentication).
 */
import type { Socket } from 'node:net';
import { fdOf, peerCredentials } from '#system';

export function whoIs(socket: Socket): string {
  const descriptor = fdOf(socket);
  const peer = descriptor === undefined ? undefined : peerCredentials(descriptor);
  if (peer !== undefined) return `uid ${peer.uid} (process ${peer.pid})`;
  return socket.remoteAddress === undefined ? 'a local user' : `${socket.remoteAddress} port ${socket.remotePort ?? 0}`;
}
