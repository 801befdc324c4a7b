/**
 * TLS sessions with next hops that may be taken up again, and what the server showed when each began.
 *
 * The one rule: when a session is taken up again no certificate is shown, and the TLS library repeats the verdict of its first handshake, whoever
 * is trusted now. So what was shown stays with the session and is judged anew each time, and a session is worth something only to the
 * same address, name, identity and policy (the key). It ends LIFE_MS after its first handshake, when that certificate is over, with a
 * failure, and with a flush; being taken up again makes it no younger.
 * Bounds: SESSIONS_MAX sessions a loop (the one used longest ago goes first), KEPT_BYTES_MAX bytes each.
 * Not here: the key, the judgement (tls.ts). Truth: RFC 8446 sections 2.2 and 4.6.1, RFC 5077; rule OUT-63.
 */
import type { PeerCertificate } from 'node:tls';
import { Lru, type Clock } from '#base';

/** TLS sessions with next hops that one loop keeps. */
export const SESSIONS_MAX = 1_000;

/** Milliseconds from the first handshake for which its verdict may be relied on. */
export const LIFE_MS = 3_600_000;

/** Bytes of a ticket and what was shown with it; more than any sensible server needs. */
const KEPT_BYTES_MAX = 16_384;

/** What a server showed in a whole handshake. */
export interface Shown {
  /** An authority of the context vouches for it. */
  readonly isAuthorized: boolean;
  /** Why none does, as OpenSSL calls it. */
  readonly authorityError?: string;
  /** Its own certificate; undefined when there was none. */
  readonly certificate: Pick<PeerCertificate, 'subject' | 'issuer' | 'subjectaltname' | 'valid_to'> | undefined;
  /** For DANE: certificates in DER, the server's own first, each other the issuer of the one before it. Else empty. */
  readonly chain: readonly Buffer[];
  /** Monotonic milliseconds of that handshake. */
  readonly at: number;
}

interface Kept {
  readonly session: Buffer;
  readonly shown: Shown;
}

export interface SessionCounts {
  readonly kept: number;
  readonly most: number;
  /** Handshakes that began with a session, and those of them in which the server took it up. */
  readonly offered: number;
  readonly resumed: number;
}

export class TlsSessions {
  readonly #clock: Clock;
  readonly #kept: Lru<string, Kept>;
  #flushes = 0;
  #offered = 0;
  #resumed = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#kept = new Lru({ max: SESSIONS_MAX, ttlMs: LIFE_MS, clock });
  }

  /** Changes with every flush: what began before it may not be kept after it. */
  get generation(): number {
    return this.#flushes;
  }

  offer(key: string): Kept | undefined {
    const kept = this.#kept.get(key);
    if (kept !== undefined) this.#offered += 1;
    return kept;
  }

  resumed(): void {
    this.#resumed += 1;
  }

  /** @param generation as it was when the handshake began */
  keep(key: string, kept: Kept, generation: number): void {
    const life = this.#lifeOf(kept.shown);
    if (generation !== this.#flushes || life <= 0 || sizeOf(kept) > KEPT_BYTES_MAX) return;
    this.#kept.set(key, kept, life);
  }

  forget(key: string): void {
    this.#kept.delete(key);
  }

  flush(): void {
    this.#flushes += 1;
    this.#kept.clear();
  }

  get counts(): SessionCounts {
    return { kept: this.#kept.size, most: SESSIONS_MAX, offered: this.#offered, resumed: this.#resumed };
  }

  caches(): { name: string; capacity: number; entries: number; hits: number; misses: number }[] {
    const { max, size, hits, misses } = this.#kept;
    return [{ name: 'tls:sessions', capacity: max, entries: size, hits, misses }];
  }

  /** Nobody vouches for a certificate that is over. */
  #lifeOf({ at, isAuthorized, certificate }: Shown): number {
    const left = at + LIFE_MS - this.#clock.mono();
    if (!isAuthorized || certificate === undefined) return left;
    const end = Date.parse(certificate.valid_to) - this.#clock.now();
    return Number.isNaN(end) ? 0 : Math.min(left, end);
  }
}

function sizeOf({ session, shown: { certificate, chain } }: Kept): number {
  const names = certificate === undefined ? 0 : JSON.stringify(certificate).length;
  return session.length + names + chain.reduce((sum, one) => sum + one.length, 0);
}
