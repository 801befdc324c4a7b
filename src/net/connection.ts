/**
 * One connection: bytes in under back-pressure, replies out in one write a turn, and the clocks that end it.
 *
 * The one rule: whoever works on a connection outside its own `data` call does so inside `turn()`, so that everything said
 * in one turn leaves in one write. A peer that does not read its replies first stops being read, then is closed.
 * Bounds: `OUTPUT_HIGH_BYTES` of replies waiting (then `isCongested`, and the owner stops working), one chunk of input,
 * `LINGER_BYTES_MAX` bytes and `LINGER_MS` for a peer that goes on sending after our end.
 * `secure()` puts TLS between the two: nothing that came in clear is read afterwards, and what was said before leaves in clear first.
 * Not here: lines, commands, certificates. Truth: attacks A34, A58 to A60; the measurements of reply writes are in bench/README.md.
 */
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { TimerWheel } from '#base';
import type { TlsContext } from './tls-contexts.ts';
import { LendingSocket } from './shared-reads.ts';
import { tlsFactsOf, type TlsFacts } from './tls-facts.ts';

/** Bytes of replies waiting for the peer above which the owner is asked to stop. */
export const OUTPUT_HIGH_BYTES = 16_384;

/** Milliseconds for which a peer may leave replies unread before it is closed, where the idle time does not say less. */
export const WRITE_STALL_MS = 300_000;

/** Milliseconds for a TLS handshake, where the idle time does not say less. */
export const HANDSHAKE_MS = 30_000;

/** Milliseconds for a peer to close its end after we ended ours. */
export const LINGER_MS = 5_000;

/** Bytes read and dropped in that time: what can be on its way when a peer learns that we ended, and no more. */
export const LINGER_BYTES_MAX = 16 * 1024 * 1024;

/** `peer`: the other side ended; `local`: we did; `stalled`: replies were not read; `error`: the network. */
export type CloseReason = 'peer' | 'local' | 'stalled' | 'error';

/** Who works on the connection. All calls come from the connection; none of them may throw. */
export interface ConnectionOwner {
  /** The octets may be lent (shared-reads.ts): what is kept beyond this call must be copied. */
  data(chunk: Buffer): void;
  /** Replies have left; called after the owner saw `isCongested`. */
  drained(): void;
  /** The peer will send no more, but may still read. The owner ends, now or when it has given its last answer. */
  ended(): void;
  /** No progress for the idle time. The owner says its word and ends. */
  idle(): void;
  /** The last call. */
  closed(reason: CloseReason): void;
}

export interface ConnectionOptions {
  /** A net.Socket in service, any Duplex in a test. */
  readonly stream: Duplex;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly mono: () => number;
  /** Milliseconds without progress until `idle`; 0 = never. */
  readonly idleMs: number;
}

interface SecureOptions {
  readonly context: TlsContext;
  /** The handshake is done; called within a turn. */
  readonly done: (facts: TlsFacts) => void;
  /** It failed; `closed` follows. */
  readonly failed: (cause: string) => void;
}

export class Connection {
  #stream: Duplex;
  readonly #wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  readonly #mono: () => number;
  #owner: ConnectionOwner | undefined;
  #idleMs: number;
  #lastProgress: number;
  #timer = 0;
  #stallTimer = 0;
  #turns = 0;
  #out = '';
  #holds = 0;
  #isCongested = false;
  #isEnding = false;
  #isClosed = false;
  #endAfterFlush = false;
  #isMutual = false;
  #lingered = 0;
  #reason: CloseReason = 'peer';
  #handshake: SecureOptions | undefined;
  #handshakeTimer = 0;

  constructor(o: ConnectionOptions) {
    this.#stream = o.stream;
    this.#wheel = o.wheel;
    this.#mono = o.mono;
    this.#idleMs = o.idleMs;
    this.#lastProgress = o.mono();
  }

  /** Begins to read. Must be called once, in the turn in which the connection was made. */
  start(owner: ConnectionOwner): void {
    this.#owner = owner;
    this.#attach(this.#stream);
    this.#armIdle(this.#idleMs);
  }

  /** Whether TLS is between us and the peer, or about to be. */
  get isSecured(): boolean {
    return this.#stream instanceof TLSSocket || this.#handshake !== undefined;
  }

  /**
   * Begins a TLS handshake as the server, once. What was said so far leaves in clear first; bytes that the peer sent in clear
   * behind that are taken for TLS, which ends the connection. Until `done` nothing may be written.
   */
  secure(o: SecureOptions): void {
    if (this.isSecured || !this.isOpen) return;
    this.#handshake = o;
    this.pause();
    const limit = this.#idleMs > 0 ? Math.min(this.#idleMs, HANDSHAKE_MS) : HANDSHAKE_MS;
    this.#handshakeTimer = this.#wheel.schedule(limit, () => {
      o.failed('the client was too slow');
      this.destroy('stalled');
    });
    const text = this.#out;
    this.#out = '';
    if (text === '') this.#wrap(o);
    else this.#stream.write(text, 'latin1', () => this.#wrap(o));
  }

  #wrap(o: SecureOptions): void {
    if (this.#isClosed || this.#isEnding) return;
    const raw = this.#stream;
    const { secureContext, requestCertificate, contextFor } = o.context;
    const tls = new TLSSocket(raw, {
      isServer: true,
      secureContext,
      requestCert: requestCertificate,
      rejectUnauthorized: false,
      // Nobody by that name: the connection goes on with the listener's own certificate.
      ...(contextFor === undefined ? {} : { SNICallback: (name, done) => done(null, contextFor(name)) }),
    });
    this.#stream = tls;
    // What the runtime still reads out of the socket in clear goes to the TLS library, not to us.
    raw.removeAllListeners('data');
    tls.on('error', (error: Error) => {
      if (this.#handshake !== undefined) o.failed(error.message);
    });
    // The runtime keeps what goes wrong behind the handshake to itself, unless it owns the server: a broken record, say.
    tls.on('_tlsError', () => {
      if (this.#handshake === undefined) this.destroy('error');
    });
    tls.once('secure', () => {
      this.#handshake = undefined;
      this.#wheel.cancel(this.#handshakeTimer);
      this.#handshakeTimer = 0;
      this.progress();
      if (this.#holds > 0) tls.pause();
      this.turn(() => o.done(tlsFactsOf(tls, requestCertificate ? tls.getPeerCertificate() : undefined)));
    });
    this.#attach(tls);
    this.resume();
  }

  /** Listens to a stream for as long as it is the one in use. */
  #attach(stream: Duplex): void {
    stream.on('data', (chunk: Buffer) => this.#onData(chunk));
    stream.on('drain', () => {
      if (stream === this.#stream) this.#onDrain();
    });
    stream.on('end', () => {
      if (stream === this.#stream) this.#onEnd();
    });
    stream.on('error', () => {
      if (this.#reason === 'peer') this.#reason = 'error';
    });
    stream.on('close', () => {
      if (stream === this.#stream) this.#onClose();
    });
  }

  /** Replies are waiting for a peer that does not read: the owner should stop working until `drained`. */
  get isCongested(): boolean {
    return this.#isCongested || this.#out.length > OUTPUT_HIGH_BYTES;
  }

  /** Whether anything can still be said. */
  get isOpen(): boolean {
    return !this.#isEnding && !this.#isClosed && !this.#endAfterFlush;
  }

  /** Says text (latin1) to the peer: at the end of the turn, or now when no turn is open. */
  write(text: string): void {
    if (!this.isOpen || this.#handshake !== undefined) return;
    this.#out += text;
    if (this.#turns === 0) this.#flush();
  }

  /** Runs `work`; all that is written in it leaves in one write. */
  turn(work: () => void): void {
    this.#turns++;
    try {
      work();
    } finally {
      if (--this.#turns === 0) this.#endTurn();
    }
  }

  /** Stops reading. Holds are counted: each needs its `resume`. */
  pause(): void {
    if (this.#holds++ === 0) this.#stream.pause();
  }

  resume(): void {
    if (this.#holds === 0 || --this.#holds > 0) return;
    if (!this.#isClosed) this.#stream.resume();
  }

  /** Whether the next reads may be large: only for an owner that keeps nothing of them. */
  set readsMany(isWanted: boolean) {
    if (this.#stream instanceof LendingSocket) this.#stream.readsMany = isWanted;
  }

  /** The peer did something that counts: the idle time begins anew. */
  progress(): void {
    this.#lastProgress = this.#mono();
  }

  /** Changes the idle time, in milliseconds; 0 = never. */
  setIdle(idleMs: number): void {
    if (idleMs === this.#idleMs) return;
    this.#idleMs = idleMs;
    this.progress();
    if (this.#timer !== 0) this.#wheel.cancel(this.#timer);
    this.#armIdle(idleMs);
  }

  /**
   * Says what is waiting, then closes.
   * @param isMutual the peer took its leave: it sends nothing more, so once its last reply is with the kernel nothing is waited for
   */
  end(isMutual = false): void {
    if (!this.isOpen) return;
    this.#isMutual = isMutual;
    if (this.#handshake !== undefined) {
      // Nothing can be said in the midst of a handshake.
      this.destroy('local');
      return;
    }
    if (this.#reason === 'peer') this.#reason = 'local';
    if (this.#turns > 0) {
      this.#endAfterFlush = true;
      return;
    }
    this.#flush();
    this.#finish();
  }

  /** Closes at once; nothing more is said. */
  destroy(reason: CloseReason): void {
    if (this.#isClosed) return;
    this.#isEnding = true;
    this.#reason = reason;
    this.#stream.destroy();
  }

  #onData(chunk: Buffer): void {
    const owner = this.#owner;
    if (owner === undefined) return;
    if (this.#isEnding) {
      this.#lingered += chunk.length;
      if (this.#lingered > LINGER_BYTES_MAX) this.#stream.destroy();
      return;
    }
    this.#turns++;
    try {
      owner.data(chunk);
    } finally {
      if (--this.#turns === 0) this.#endTurn();
    }
  }

  /** Writes what was said. An owner that stopped because it had said much goes on when the system took it all at once. */
  #endTurn(): void {
    for (;;) {
      const wasMuch = this.#out.length > OUTPUT_HIGH_BYTES;
      this.#flush();
      if (!wasMuch || this.#isCongested || !this.isOpen) return;
      this.#turns++;
      try {
        this.#owner?.drained();
      } finally {
        this.#turns--;
      }
    }
  }

  #flush(): void {
    if (this.#out !== '' && !this.#isClosed && !this.#isEnding) {
      const text = this.#out;
      this.#out = '';
      if (!this.#stream.write(text, 'latin1')) this.#congest();
    }
    if (this.#endAfterFlush) this.#finish();
  }

  #congest(): void {
    if (this.#isCongested) return;
    this.#isCongested = true;
    this.pause();
    const stallMs = this.#idleMs > 0 ? Math.min(this.#idleMs, WRITE_STALL_MS) : WRITE_STALL_MS;
    this.#stallTimer = this.#wheel.schedule(stallMs, () => this.destroy('stalled'));
  }

  #onDrain(): void {
    if (!this.#isCongested) return;
    this.#isCongested = false;
    this.#wheel.cancel(this.#stallTimer);
    this.#stallTimer = 0;
    this.progress();
    this.turn(() => this.#owner?.drained());
    this.resume();
  }

  #onEnd(): void {
    if (this.#isEnding) return;
    if (this.#handshake !== undefined) {
      this.#handshake.failed('the client went away');
      this.destroy('peer');
      return;
    }
    this.turn(() => this.#owner?.ended());
  }

  #finish(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    this.#endAfterFlush = false;
    // One call of the system instead of three, and no error to be made of the reset with which many clients close behind QUIT. TLS has its own last word.
    if (this.#isMutual && this.#stream.writableLength === 0 && !this.isSecured) {
      this.#stream.destroy();
      return;
    }
    // What the peer still sends is read and dropped, so that its last reply is not lost to a reset.
    this.#holds = 0;
    this.#stream.resume();
    this.#stream.end();
    this.#wheel.cancel(this.#stallTimer);
    this.#stallTimer = this.#wheel.schedule(LINGER_MS, () => this.#stream.destroy());
  }

  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#timer !== 0) this.#wheel.cancel(this.#timer);
    if (this.#stallTimer !== 0) this.#wheel.cancel(this.#stallTimer);
    if (this.#handshakeTimer !== 0) this.#wheel.cancel(this.#handshakeTimer);
    this.#timer = 0;
    this.#out = '';
    this.#owner?.closed(this.#reason);
    this.#owner = undefined;
  }

  /** One timer a connection, re-armed for what is left when it finds that there was progress since. */
  #armIdle(delayMs: number): void {
    this.#timer = 0;
    if (delayMs <= 0 || this.#isClosed) return;
    this.#timer = this.#wheel.schedule(delayMs, () => {
      const left = this.#lastProgress + this.#idleMs - this.#mono();
      if (left > 0) {
        this.#armIdle(left);
        return;
      }
      this.#timer = 0;
      if (this.#isCongested || this.#handshake !== undefined) {
        // It does not read: there is nobody to say a last word to, and nothing more to read from it.
        this.destroy('stalled');
        return;
      }
      if (this.isOpen) this.turn(() => this.#owner?.idle());
      // An owner that has a reason to wait (its own disk) has not ended the connection: it gets another idle time.
      if (this.isOpen) {
        this.progress();
        this.#armIdle(this.#idleMs);
      }
    });
  }
}
