/**
 * One running server for all tests of a file, since starting one costs more than most of what is asked of it.
 *
 * The one rule: tests of a file that share a server use mailboxes, senders or sinks of their own, and none of them stops it.
 * Not here: servers that a test stops, kills or starves itself (startServer).
 */
import { after, before } from 'node:test';
import { prepareServer, type Server, type ServerOptions } from './server.ts';
import { SmtpClient } from './smtp-client.ts';

export class SharedServer {
  #server: Server | undefined;

  constructor(options: ServerOptions) {
    before(async () => {
      this.#server = await prepareServer(options);
      await this.#server.start();
    });
    after(() => this.#server?.end());
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error('the server of this file is not running');
    return this.#server;
  }

  port(name = 'smtp'): number {
    return this.server.ports[name]!;
  }

  /** A connection that was greeted and has said EHLO. */
  greet(name = 'smtp'): Promise<SmtpClient> {
    return SmtpClient.greet(this.port(name));
  }
}
