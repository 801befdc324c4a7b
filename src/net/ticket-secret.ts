/**
 * The secret behind the session tickets of listeners, one for all loops: a client that comes to another loop next time can take its session up again.
 *
 * The one rule: keys of a context are made of the secret and of everything that the context was made of, so no ticket of one listener, certificate,
 * authority or setting is good at another, while loops that read the same files have the same keys. Who renews the secret has every loop
 * derive its keys anew afterwards (`tls rekey`); a loop that is born later reads the new one.
 * It lives in memory and ends with the process. Truth: RFC 5077 section 4, RFC 8446 section 4.6.1.
 */
import { createHmac, randomFillSync } from 'node:crypto';

const SECRET_BYTES = 64;

/** Name, HMAC key and cipher key of tickets, as the runtime wants them. */
const TICKET_KEYS_BYTES = 48;

export class TicketSecret {
  readonly memory: SharedArrayBuffer;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
  }

  static create(): TicketSecret {
    const secret = new TicketSecret(new SharedArrayBuffer(SECRET_BYTES));
    secret.renew();
    return secret;
  }

  static attach(memory: SharedArrayBuffer): TicketSecret {
    return new TicketSecret(memory);
  }

  /** By one thread only. */
  renew(): void {
    randomFillSync(new Uint8Array(this.memory));
  }

  /** The same for the same words, as long as the secret is not renewed. */
  keysFor(words: string): Buffer {
    // A copy: the hash takes no shared memory.
    const secret = Buffer.from(new Uint8Array(this.memory));
    return createHmac('sha512', secret).update(words).digest().subarray(0, TICKET_KEYS_BYTES);
  }
}
