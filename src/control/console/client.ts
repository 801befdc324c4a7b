/*
 * The client's side of the console protocol: opens an endpoint, says one command at a time, gives its answer.
 *
 * The one rule: a server that vanishes is an error in words, never a hang. ec_console and the tests use this client.
 * Not here: line editing, paging, prompts (the command ec_console).
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { bestMechanism, saslClient } from '#auth';
import { parseEndpoint } from '#base';
import { formatFrame, FrameReader, protocolVersion } from './wire.ts';

export interface ConsoleAnswer {
  readonly ok: boolean;
  readonly text: string;
}

/** How to prove who one is, when the server asks. */
export interface ClientIdentity {
  readonly user: string;
  /** Called when a password is needed. */
  password(): Promise<string>;
}

export interface ServerHello {
  readonly product: string;
  readonly version: string;
  readonly revision: string;
}

export class ConsoleClient {
  readonly hello: ServerHello;
  readonly #stream: Duplex;
  readonly #frames: () => Promise<Record<string, unknown>>;
  #lastId = 0;

  private constructor(stream: Duplex, hello: ServerHello, frames: () => Promise<Record<string, unknown>>) {
    this.#stream = stream;
    this.hello = hello;
    this.#frames = frames;
  }

  /**
   * Opens `/path` or `host:port` (CON-01), and proves who it is when the server asks for it. Rejects with a sentence when nothing answers, it is
   * no console, or it does not let us in.
   */
  static async open(endpoint: string, identity?: ClientIdentity): Promise<ConsoleClient> {
    const at = parseEndpoint(endpoint);
    if (!at) throw new Error(`"${endpoint}" is no console endpoint: expected /path, host:port or [v6]:port`);
    const socket = at.kind === 'unix' ? connect(at.path) : connect({ host: at.host, port: at.port });
    await new Promise<void>((done, fail) => {
      socket.once('connect', done);
      socket.once('error', (error) => fail(new Error(`no console answers at ${endpoint}: ${error.message}${whatToLookAt(error)}`)));
    });
    return ConsoleClient.over(socket, endpoint, identity);
  }

  /** The same over a stream that leads to a console already (a tunnel); `endpoint` is its name in messages. */
  static async over(stream: Duplex, endpoint: string, identity?: ClientIdentity): Promise<ConsoleClient> {
    try {
      const frames = reader(stream, endpoint);
      const hello = await frames();
      if (hello['kind'] !== 'hello' || hello['protocol'] !== protocolVersion)
        throw new Error(`${endpoint} does not speak version ${protocolVersion} of the console protocol`);
      if (typeof hello['refused'] === 'string') throw new Error(`the console at ${endpoint} refuses: ${hello['refused']}`);
      if (Array.isArray(hello['mechanisms'])) {
        const offered = hello['mechanisms'].map(String);
        await authenticate({ stream, frames, offered, host: endpoint.replace(/^.*@|:\d+$/g, ''), identity });
      }
      return new ConsoleClient(stream, hello as unknown as ServerHello, frames);
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  /** The other side has ended the connection, or we have. */
  get isClosed(): boolean {
    return this.#stream.destroyed || this.#stream.readableEnded;
  }

  /** Runs one command line and gathers its whole answer. */
  async run(line: string): Promise<ConsoleAnswer> {
    const id = ++this.#lastId;
    this.#stream.write(formatFrame({ kind: 'command', id, line }));
    let text = '';
    for (;;) {
      const frame = await this.#frames();
      if (frame['id'] !== id) continue;
      if (frame['kind'] === 'part') text += String(frame['text']);
      if (frame['kind'] === 'end') return { ok: frame['ok'] === true, text };
    }
  }

  /** What may follow, or end, the last word of a line; frames of other answers are passed over. */
  async complete(line: string): Promise<string[]> {
    const id = ++this.#lastId;
    this.#stream.write(formatFrame({ kind: 'complete', id, line }));
    for (;;) {
      const frame = await this.#frames();
      if (frame['id'] === id && frame['kind'] === 'completions' && Array.isArray(frame['words'])) return frame['words'].map(String);
    }
  }

  close(): void {
    this.#stream.destroy();
  }
}

interface Door {
  readonly stream: Duplex;
  readonly frames: () => Promise<Record<string, unknown>>;
  readonly offered: readonly string[];
  readonly host: string;
  readonly identity: ClientIdentity | undefined;
}

/** One attempt, by the best mechanism that the server offers; the server offers those in clear text only where nobody listens. */
async function authenticate({ stream, frames, offered, host, identity }: Door): Promise<void> {
  if (identity === undefined) throw new Error('Authorization required for console session: name a user (user@host:port)');
  const mechanism = bestMechanism(offered, { clear: true });
  if (mechanism === undefined) throw new Error(`the server wants ${offered.join(' or ')}, which this client does not know`);
  const { user } = identity;
  const nonce = randomBytes(18).toString('base64url');
  const sasl = saslClient(mechanism, { user, password: await identity.password(), service: 'control', host, nonce });
  const encode = (text: string | undefined) => (text === undefined ? {} : { data: Buffer.from(text).toString('base64') });
  stream.write(formatFrame({ kind: 'auth', mechanism, ...encode(sasl.initial()) }));
  for (;;) {
    const frame = await frames();
    if (frame['kind'] === 'denied') throw new Error(`the server does not let ${user} in: ${String(frame['reason'])}`);
    if (frame['kind'] === 'welcome') {
      sasl.finish();
      return;
    }
    if (frame['kind'] === 'challenge')
      stream.write(formatFrame({ kind: 'auth', ...encode(await sasl.answer(Buffer.from(String(frame['data']), 'base64').toString())) }));
  }
}

function reader(socket: Duplex, endpoint: string): () => Promise<Record<string, unknown>> {
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

/** What a person looks at first when nobody answers. */
function whatToLookAt(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return '; does the server run, and is this its Control_Listener?';
  return error.code === 'EACCES' ? '; File_Mode of this Control_Listener is for other users' : '';
}
