/*
 * The console's sockets: opened and closed as the configuration says, each connection served by the control room.
 *
 * The one rule: a socket of another program and a file of any kind is never replaced (the net room refuses). Who is let in is the control
 * room's to say, connection by connection (AUTH-07, AUTH-09); a listener whose settings cannot work is not opened.
 * What is new is opened first and what is gone is closed last, so that a refusal changes nothing.
 * Bound: `consolesMax` connections a socket; more are closed at once. Truth: LSN-02 to LSN-06, CON-08, CON-10.
 */
import type { Clock, TimerWheel } from '#base';
import { ConsoleServer, type AccessPort, type ServerPort } from '#control';
import type { ListenStanza } from '#inbound';
import { Listener } from '#net';
import type { PanicLog } from '#observe';

const consolesMax = 64;

interface ControlListenerOptions {
  readonly server: ServerPort;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly panic: PanicLog;
  readonly idleSeconds: () => number;
  readonly access: AccessPort;
}

export class ControlListener {
  readonly #o: ControlListenerOptions;
  readonly #consoles: ConsoleServer;
  readonly #open = new Map<string, Listener>();
  #prepared = new Map<string, Listener>();
  #wanted = new Set<string>();

  constructor(o: ControlListenerOptions) {
    this.#o = o;
    this.#consoles = new ConsoleServer({ server: o.server, wheel: o.wheel, idleSeconds: o.idleSeconds, access: o.access });
  }

  /** The addresses that are open. */
  get addresses(): string[] {
    return [...this.#open.keys()];
  }

  /** Opens what is new; a sentence when something cannot be opened, and then nothing is. */
  async prepare(stanzas: readonly ListenStanza[]): Promise<string | undefined> {
    const wanted = stanzas.filter((stanza) => stanza.enable);
    this.#wanted = new Set(wanted.map((stanza) => stanza.address));
    for (const stanza of wanted) {
      if (this.#open.has(stanza.address)) continue;
      const problem = await this.#openOne(stanza);
      if (problem === undefined) continue;
      await this.abort();
      return `Cannot open Control_Listener "${stanza.address}": ${problem}`;
    }
    return undefined;
  }

  /** What was prepared stays, what the configuration does not have any more is closed. */
  async commit(): Promise<void> {
    for (const [address, listener] of this.#prepared) this.#open.set(address, listener);
    this.#prepared = new Map();
    for (const [address, listener] of this.#open) {
      if (this.#wanted.has(address)) continue;
      this.#open.delete(address);
      await closed(listener);
    }
  }

  async abort(): Promise<void> {
    for (const listener of this.#prepared.values()) await closed(listener);
    this.#prepared = new Map();
  }

  async close(): Promise<void> {
    this.#consoles.close();
    this.#wanted = new Set();
    await this.commit();
  }

  #openOne(stanza: ListenStanza): Promise<string | undefined> {
    const { wheel, clock, panic } = this.#o;
    const listener = new Listener({
      address: stanza.address,
      ...(stanza.backlog === undefined ? {} : { backlog: stanza.backlog }),
      ...(stanza.recvBuffer === undefined ? {} : { recvBuffer: stanza.recvBuffer }),
      ...(stanza.sendBuffer === undefined ? {} : { sendBuffer: stanza.sendBuffer }),
      fileMode: stanza.fileMode ?? 0o660,
      connectionsMax: consolesMax,
      wheel,
      mono: () => clock.mono(),
      panic,
      tag: String(process.pid),
      accept: (socket) => this.#consoles.serve(socket, stanza.address),
    });
    return new Promise((done) =>
      listener.open((error) => {
        if (error === undefined) this.#prepared.set(stanza.address, listener);
        done(error?.message);
      }),
    );
  }
}

function closed(listener: Listener): Promise<void> {
  return new Promise((done) => listener.close(done));
}
