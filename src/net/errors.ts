/**
 * What can go wrong with a listening socket, as data.
 *
 * The one rule: `code` is stable and is what callers decide by; the message is for the operator and names the address.
 * Not here: trouble of one connection, which is a CloseReason (connection.ts) and no error.
 * Truth: rules LSN-02, LSN-04, LSN-06.
 */
import { userInfo } from 'node:os';
import { dirname } from 'node:path';

export const NET_ERRORS = {
  'address-syntax': 'the address of the Listen stanza cannot be read',
  'address-in-use': 'another program, or another stanza, listens there',
  'address-not-available': 'this machine does not have that address',
  'permission-denied': 'the operating system does not allow it',
  'socket-in-use': 'another live program listens on that Unix socket',
  'not-a-socket': 'something that is not a socket stands at that path',
  'path-too-long': 'the path of a Unix socket may have 107 bytes at most',
  'bind-failed': 'the socket could not be opened',
} as const;

export type NetErrorCode = keyof typeof NET_ERRORS;

export class NetError extends Error {
  readonly code: NetErrorCode;
  readonly address: string;

  constructor(code: NetErrorCode, address: string, detail = '') {
    super(`Cannot listen on "${address}": ${NET_ERRORS[code]}${detail === '' ? '' : ` (${detail})`}`);
    this.name = 'NetError';
    this.code = code;
    this.address = address;
  }
}

/** The NetError that fits an error of the operating system. */
export function netErrorFrom(error: NodeJS.ErrnoException, address: string): NetError {
  if (error instanceof NetError) return error;
  switch (error.code) {
    case 'EADDRINUSE':
      return new NetError('address-in-use', address);
    case 'EADDRNOTAVAIL':
      return new NetError('address-not-available', address);
    case 'EACCES':
    case 'EPERM':
      return new NetError('permission-denied', address, whyDenied(address, error.code));
    default:
      return new NetError('bind-failed', address, error.code ?? error.message);
  }
}

/** Who was not allowed, and what would be right. */
function whyDenied(address: string, code: string): string {
  if (address.startsWith('/')) return `${code}: user ${userName()} may not make a socket in the folder ${dirname(address)}`;
  const port = Number(/:(\d+)$/.exec(address)?.[1]);
  return port < 1024 ? `${code}: user ${userName()} has no right to ports below 1024: start as root, with User in Security` : code;
}

/** The user this process is, for messages about what it may not do. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.geteuid?.());
  }
}
