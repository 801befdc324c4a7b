/**
 * The facts of a connection: who is at its two ends, and what was done on it so far. A ConnectionView for modules.
 *
 * The one rule: our own address is asked of the kernel when somebody wants it, which is for a rejection's record or for a module; most connections
 * end without. Asked too late (the peer is gone) it is the listener's.
 * Not here: what follows from an address (identity.ts). Truth: SMTP-17, EXT-02.
 */
import type { IpAddress } from '#base';

/** Our end of a connection. */
export interface OwnEnd {
  readonly ip: string;
  readonly port: number;
}

export class ConnectionFacts {
  readonly id: string;
  /** Where the client is; a trusted client may say that it speaks for another one (XCLIENT, XREMOTEIP). */
  ip: IpAddress;
  remoteIp: string;
  remotePort: number;
  readonly protocol = 'esmtp';
  /** Name given in EHLO or HELO, '' before. */
  helo = '';
  isEsmtp = false;
  /** What we call ourselves here: Received_Hostname, or the host's name. */
  localName: string;
  /** Who authenticated, '' when nobody did. */
  authUser = '';
  /** Attempts to authenticate that failed. */
  authFailures = 0;
  messages = 0;
  /** RCPT TO commands of the connection, and how many of them were accepted. */
  offeredRecipients = 0;
  recipients = 0;
  readonly #own: () => OwnEnd;
  #localIp: string | undefined;
  #localPort: number | undefined;

  constructor(o: {
    readonly id: string;
    readonly remote: { readonly ip: IpAddress; readonly text: string; readonly port: number };
    readonly own: () => OwnEnd;
    readonly localName: string;
  }) {
    this.id = o.id;
    this.ip = o.remote.ip;
    this.remoteIp = o.remote.text;
    this.remotePort = o.remote.port;
    this.localName = o.localName;
    this.#own = o.own;
  }

  get localIp(): string {
    return (this.#localIp ??= this.#own().ip);
  }

  set localIp(ip: string) {
    this.#localIp = ip;
  }

  get localPort(): number {
    return (this.#localPort ??= this.#own().port);
  }

  set localPort(port: number) {
    this.#localPort = port;
  }
}
