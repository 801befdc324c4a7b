/*
 * The console's sockets: opened and closed as the configuration says, each connection served by the control room.
 *
 * The one rule: a socket of another program and a file of any kind is never replaced (the net room refuses), and a TCP address is
 * not opened, because nothing here authenticates yet: only the permissions of a Unix socket guard the console (CON-10).
 * Truth: LSN-02 to LSN-06, CON-08, CON-10.
 */
import type { Clock, TimerWheel } from '#base';
import { ConsoleServer, type ServerPort } from '#control';
import type { ListenStanza } from '#inbound';
import { Listener } from '#net';
import type { PanicLog } from '#observe';

export interface ControlListenerOptions {
  readonly server: ServerPort;
  readonly wheel: TimerWheel;
  readonly clock: Clock;
  readonly panic: PanicLog;
  readonly idleSeconds: () => number;
}

export class ControlListener {
  readonly #o: ControlListenerOptions;
  readonly #console: ConsoleServer;
  readonly #open = new Map<string, Listener>();

  constructor(o: ControlListenerOptions) {
    this.#o = o;
    this.#console = new ConsoleServer({ server: o.server, wheel: o.wheel, idleSeconds: o.idleSeconds });
  }

  /** The addresses that are open. */
  get addresses(): string[] {
    return [...this.#open.keys()];
  }

  /** Opens what is new, closes what is gone; the reasons of what could not be opened. */
  async apply(stanzas: readonly ListenStanza[]): Promise<string[]> {
    const wanted = new Map(stanzas.filter((stanza) => stanza.enable).map((stanza) => [stanza.address, stanza]));
    const problems: string[] = [];
    for (const [address, listener] of this.#open) {
      if (wanted.has(address)) continue;
      this.#open.delete(address);
      await new Promise<void>((done) => listener.close(done));
    }
    for (const [address, stanza] of wanted) {
      if (this.#open.has(address)) continue;
      if (!address.startsWith('/')) {
        problems.push(
          `Control_Listener "${address}" is not opened: console connections over TCP need authentication, which is not there yet; use a Unix socket`,
        );
        continue;
      }
      const problem = await this.#openOne(address, stanza);
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
  }

  async close(): Promise<void> {
    this.#console.close();
    await this.apply([]);
  }

  #openOne(address: string, stanza: ListenStanza): Promise<string | undefined> {
    const { wheel, clock, panic } = this.#o;
    const listener = new Listener({
      address,
      fileMode: stanza.fileMode ?? 0o660,
      wheel,
      mono: () => clock.mono(),
      panic,
      tag: String(process.pid),
      accept: (socket) => this.#console.serve(socket),
    });
    return new Promise((done) =>
      listener.open((error) => {
        if (error === undefined) this.#open.set(address, listener);
        done(error === undefined ? undefined : `Control_Listener "${address}" cannot be opened: ${error.message}`);
      }),
    );
  }
}
