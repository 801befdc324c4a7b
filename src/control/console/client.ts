/*
 * The client's side of the console protocol: opens an endpoint, says one command at a time, gives its answer.
 *
 * The one rule: a server that vanishes is an error in words, never a hang. ec_console and the tests use this client.
 * Not here: line editing, paging, prompts (the command ec_console).
 */
import { connect, type Socket } from 'node:net';
import { parseEndpoint } from '#base';
import { formatFrame, FrameReader, protocolVersion } from './wire.ts';

export interface ConsoleAnswer {
  readonly ok: boolean;
  readonly text: string;
}

export interface ServerHello {
  readonly product: string;
  readonly version: string;
  readonly revision: string;
}

export class ConsoleClient {
  readonly hello: ServerHello;
  readonly #socket: Socket;
  readonly #frames: () => Promise<Record<string, unknown>>;
  #lastId = 0;

  private constructor(socket: Socket, hello: ServerHello, frames: () => Promise<Record<string, unknown>>) {
    this.#socket = socket;
    this.hello = hello;
    this.#frames = frames;
  }

  /** Opens `/path` or `host:port` (CON-01). Rejects with a sentence when nothing answers or it is no console. */
  static async open(endpoint: string): Promise<ConsoleClient> {
    const at = parseEndpoint(endpoint);
    if (!at) throw new Error(`"${endpoint}" is no console endpoint: expected /path, host:port or [v6]:port`);
    const socket = at.kind === 'unix' ? connect(at.path) : connect({ host: at.host, port: at.port });
    await new Promise<void>((done, fail) => {
      socket.once('connect', done);
      socket.once('error', (error) => fail(new Error(`no console answers at ${endpoint}: ${error.message}`)));
    });
    try {
      const frames = reader(socket, endpoint);
      const hello = await frames();
      if (hello['kind'] !== 'hello' || hello['protocol'] !== protocolVersion)
        throw new Error(`${endpoint} does not speak version ${protocolVersion} of the console protocol`);
      return new ConsoleClient(socket, hello as unknown as ServerHello, frames);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Runs one command line and gathers its whole answer. */
  async run(line: string): Promise<ConsoleAnswer> {
    const id = ++this.#lastId;
    this.#socket.write(formatFrame({ kind: 'command', id, line }));
    let text = '';
    for (;;) {
      const frame = await this.#frames();
      if (frame['id'] !== id) continue;
      if (frame['kind'] === 'part') text += String(frame['text']);
      if (frame['kind'] === 'end') return { ok: frame['ok'] === true, text };
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

function reader(socket: Socket, endpoint: string): () => Promise<Record<string, unknown>> {
  const waiting: Record<string, unknown>[] = [];
  const frames = new FrameReader();
  let over: Error | undefined;
  let wake: (() => void) | undefined;
  const end = (why: string) => {
    over ??= new Error(`the console at ${endpoint} ${why}`);
    wake?.();
  };
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const got = frames.feed(text);
    waiting.push(...got.frames);
    if (got.problem) end(`said something else than frames: ${got.problem}`);
    wake?.();
  });
  socket.on('close', () => end('closed the connection'));
  socket.on('error', (error) => end(`failed: ${error.message}`));
  return async () => {
    for (;;) {
      const next = waiting.shift();
      if (next) return next;
      if (over) throw over;
      await new Promise<void>((done) => (wake = done));
    }
  };
}
