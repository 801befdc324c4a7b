// What Node does not say or set about a socket: who sits at the other end of a Unix socket, and how large its kernel buffers are.
//
// The rule to know: a descriptor is only borrowed; it is never closed here, and its number is only good while the socket is open.
// Everything answers undefined or false where native calls are missing. Truth: unix(7) SO_PEERCRED, socket(7) SO_RCVBUF.

import { libc } from './ffi.ts';

const solSocket = 1;
const soSndbuf = 7;
const soRcvbuf = 8;
const soPeercred = 17;

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** The descriptor of a node:net socket or server, undefined when it has none (closed, or not a plain socket). */
export function fdOf(socket: object): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  const fd: unknown = Reflect.get(handle, 'fd');
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/** Who connected to (or created) the Unix socket, as the kernel saw it at that moment; undefined for other sockets. */
export function peerCredentials(fd: number): PeerCredentials | undefined {
  const c = libc();
  if (c === undefined) return undefined;
  const value = new Int32Array([0, -1, -1]);
  const length = new Uint32Array([value.byteLength]);
  if (c.getsockopt(fd, solSocket, soPeercred, value, length) !== 0) return undefined;
  const [pid = 0, uid = -1, gid = -1] = value;
  // A socket without a local peer (TCP) answers pid 0 and "nobody known".
  return pid === 0 || uid === -1 ? undefined : { pid, uid: uid >>> 0, gid: gid >>> 0 };
}

/**
 * Sets the kernel's buffers in bytes; 0 leaves one to the system (LSN-06). Linux doubles what is asked and keeps its own
 * bounds. False when something could not be set.
 */
export function setSocketBuffers(fd: number, recvBytes: number, sendBytes: number): boolean {
  if (recvBytes <= 0 && sendBytes <= 0) return true;
  const c = libc();
  if (c === undefined) return false;
  const set = (name: number, bytes: number): boolean => bytes <= 0 || c.setsockopt(fd, solSocket, name, new Int32Array([bytes]), 4) === 0;
  const hasRecv = set(soRcvbuf, recvBytes);
  return set(soSndbuf, sendBytes) && hasRecv;
}

/** The kernel's receive and send buffers in bytes, as the kernel counts them. */
export function socketBuffers(fd: number): { recv: number; send: number } | undefined {
  const c = libc();
  if (c === undefined) return undefined;
  const get = (name: number): number => {
    const value = new Int32Array(1);
    return c.getsockopt(fd, solSocket, name, value, new Uint32Array([4])) === 0 ? (value[0] ?? -1) : -1;
  };
  const recv = get(soRcvbuf);
  const send = get(soSndbuf);
  return recv < 0 || send < 0 ? undefined : { recv, send };
}
