/**
 * Reading every connection of an event loop into one piece of memory, instead of 64 KB of fresh memory for each read.
 *
 * The one rule: a 'data' event of such a socket lends its octets: they are good until the listener returns, then the next read of any connection overwrites them. Whoever keeps some copies them.
 * Fresh memory is what reads cost most: it is mapped, zeroed, and goes over the whole heap when it is collected.
 * The runtime offers this for connections that it opens itself (`onread`), not for those it accepts: so an accepted one is wrapped anew, before anything was read. Where the runtime
 * hides its handle the socket stays as it is.
 * Bounds: READ_BYTES a read, READ_BYTES_MANY where `readsMany` asks for more.
 * Not here: when more is worth reading (inbound). Truth: docs/decisions/0009.
 */
import { Socket } from 'node:net';

/** What an ordinary read takes at most; as much as a session may have to keep while it waits for something. */
const READ_BYTES = 65_536;

/** The same for a body on its way to the disk, of which nothing is kept. */
const READ_BYTES_MANY = 262_144;

type Options = NonNullable<ConstructorParameters<typeof Socket>[0]>;

export class SharedReads {
  readonly many: Buffer = Buffer.allocUnsafeSlow(READ_BYTES_MANY);
  readonly few: Buffer = this.many.subarray(0, READ_BYTES);

  /** The same connection, read into this memory. `accepted` must be paused and unread, and is of no more use. */
  take(accepted: Socket): Socket {
    const handle: unknown = Reflect.get(accepted, '_handle');
    if (typeof handle !== 'object' || handle === null) {
      accepted.resume();
      return accepted;
    }
    Reflect.set(accepted, '_handle', null);
    const socket = new LendingSocket(handle, this);
    // The server counts its connections by this.
    Reflect.set(socket, '_server', Reflect.get(accepted, '_server'));
    Reflect.set(accepted, '_server', null);
    return socket;
  }
}

/** A connection that lends what it read. */
export class LendingSocket extends Socket {
  /** Whether the next reads may be large ones. */
  readsMany = false;

  constructor(handle: object, memory: SharedReads) {
    // The runtime asks for the buffer before there is a socket to ask.
    const made: { socket?: LendingSocket } = {};
    const buffer = (): Buffer => (made.socket?.readsMany === true ? memory.many : memory.few);
    const callback = (bytes: number, read: Uint8Array): boolean => {
      made.socket?.emit('data', read.subarray(0, bytes));
      return true;
    };
    const options: Omit<Options, 'handle'> & { handle: object } = { handle, allowHalfOpen: true, onread: { buffer, callback } };
    super(options as Options);
    made.socket = this;
  }
}
