/**
 * A Unix socket's place in the file system: taking it without hurting anyone, and giving it back.
 *
 * The one rule: nothing is replaced but a socket on which nobody answers, and nothing is removed but the very socket (device
 * and inode) that was put there. The socket is made under a neighbouring name, given its mode, and then linked into place,
 * so that it is never seen with another mode and the runtime's own removal at close touches only the neighbouring name.
 * Not here: listening itself (listener.ts). Truth: rule LSN-06.
 */
import { chmodSync, linkSync, lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { NetError, netErrorFrom } from './errors.ts';

/** The file mode of a Unix socket where none is given. */
export const FILE_MODE_DEFAULT = 0o660;

/** Bytes of a Unix socket's path that a client can still connect to. */
const PATH_BYTES_MAX = 107;

/** The name under which the socket for `path` is made first; short, since such names have a limit of about 100 bytes. */
export function neighbourOf(path: string, tag: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 8)}.${tag}`);
}

/** Answers no error when `path` is free: nothing there, or a socket nobody listens on, which is then removed. */
export function claimPath(path: string, done: (error?: NetError) => void): void {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    done(new NetError('path-too-long', path));
    return;
  }
  const seen = look(path);
  if (seen === undefined) {
    done();
    return;
  }
  if (!seen.isSocket) {
    done(new NetError('not-a-socket', path));
    return;
  }
  const probe = connect({ path });
  probe.once('connect', () => {
    probe.destroy();
    done(new NetError('socket-in-use', path));
  });
  probe.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      done();
      return;
    }
    if (error.code !== 'ECONNREFUSED') {
      done(new NetError('socket-in-use', path, error.code));
      return;
    }
    done(
      removeIfSame(path, seen.identity)
        ? undefined
        : new NetError('permission-denied', path, 'a dead socket stands there and cannot be removed'),
    );
  });
}

/** Gives the socket at `neighbour` its mode and links it to `path`. Returns what identifies it there. Throws NetError. */
export function settlePath(neighbour: string, path: string, mode: number): string {
  try {
    chmodSync(neighbour, mode);
    linkSync(neighbour, path);
    unlinkSync(neighbour);
    const seen = look(path);
    return seen?.identity ?? '';
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST'
      ? new NetError('socket-in-use', path)
      : netErrorFrom(error as NodeJS.ErrnoException, path);
  }
}

/** Removes `path` when it is still the same socket. False when it is something else or cannot be removed. */
export function removeIfSame(path: string, identity: string): boolean {
  const seen = look(path);
  if (seen === undefined) return true;
  if (!seen.isSocket || seen.identity !== identity) return false;
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

function look(path: string): { isSocket: boolean; identity: string } | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : { isSocket: stat.isSocket(), identity: `${stat.dev}:${stat.ino}` };
}
