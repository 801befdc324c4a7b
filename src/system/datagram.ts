// Datagrams to a Unix socket such as /dev/log, which Node cannot send.
//
// The rule to know: sending never waits; a receiver that is slow or gone is told in the answer, and the caller keeps what it has.
// Without native calls nothing can be opened, and the answer says why. Truth: unix(7), send(2) MSG_DONTWAIT.

import { libc, systemAvailable } from './ffi.ts';

const afUnix = 1;
const sockDgram = 2;
const sockNonblock = 0o4000;
const sockCloexec = 0o2000000;
const msgDontwait = 0x40;
const msgNosignal = 0x4000;
const eagain = 11;
const enobufs = 105;
const pathMax = 107;

export interface DatagramSocket {
  /** `full`: the receiver does not keep up, try later. Otherwise why it was not sent; undefined when it was. */
  send(bytes: Uint8Array): 'full' | { readonly errno: number } | undefined;
  close(): void;
}

/** Connects to a datagram socket; a text says why not. */
export function openDatagramSocket(path: string): DatagramSocket | string {
  const c = libc();
  if (c === undefined) return systemAvailable().reason ?? 'native calls do not work here';
  const name = Buffer.from(path);
  if (name.length > pathMax) return `the path ${path} is longer than ${pathMax} bytes`;
  const fd = c.socket(afUnix, sockDgram | sockNonblock | sockCloexec, 0);
  if (fd < 0) return `cannot make a socket: error ${c.errno()}`;
  const address = Buffer.alloc(2 + name.length + 1);
  address.writeUInt16LE(afUnix, 0);
  name.copy(address, 2);
  if (c.connect(fd, address, address.length) !== 0) {
    const errno = c.errno();
    c.close(fd);
    return errno === 2 || errno === 111 ? `nobody listens on ${path}` : `cannot connect to ${path}: error ${errno}`;
  }
  return {
    send(bytes) {
      if (c.send(fd, bytes, bytes.length, msgDontwait | msgNosignal) >= 0) return undefined;
      const errno = c.errno();
      return errno === eagain || errno === enobufs ? 'full' : { errno };
    },
    close: () => void c.close(fd),
  };
}
