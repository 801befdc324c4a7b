/**
 * One message into a program: written into a file without a name while it is received, then given to the program as its standard input.
 *
 * The one rule: the program sees a message only when all of it is here and policy has taken it, so that it never acts on half of one; its exit
 * status is the answer to the client. It is run without a shell, without arguments, with PATH alone in its environment, in a
 * session of its own, and is killed after SECONDS_MAX. Bound: WAITING_BYTES_MAX bytes not yet written.
 * Not here: how many programs run at a time (index.ts). Truth: rule OUT-48.
 */
import { spawn } from 'node:child_process';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreRefusal, type BodySink, type Reply } from '#hooks';
import type { Envelope } from '#mail';
import type { PipeSettings } from './settings.ts';

export const SECONDS_MAX = 60;
const WAITING_BYTES_MAX = 262_144;
const BEGIN_BYTES = 65_536;

interface PipePorts {
  readonly settings: PipeSettings;
  /** Where the unnamed files are made. */
  readonly folder: string;
  /** A name that no other has. */
  readonly name: () => string;
  /** Waits for its turn; `leave` must be called when the program has ended. Throws when too many wait. */
  readonly enter: () => Promise<{ leave(): void }>;
  readonly secondsMax: number;
}

export class PipeDelivery implements BodySink {
  onDrain: (() => void) | undefined;
  readonly #o: PipePorts;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #written = 0;
  #isFull = false;
  #isAborted = false;
  #file: FileHandle | undefined;
  #work: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(o: PipePorts) {
    this.#o = o;
  }

  append(chunk: Buffer): boolean {
    if (this.#isAborted || this.#failure !== undefined) return true;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= BEGIN_BYTES) this.#then(() => this.#write());
    this.#isFull = this.#waitingBytes > WAITING_BYTES_MAX;
    return !this.#isFull;
  }

  commit(_envelope: Envelope, done: (error?: Error) => void): void {
    this.#then(() => this.#write());
    this.#then(() => this.#hand());
    void this.#work.then(async () => {
      await this.#close();
      done(this.#failure);
    });
  }

  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#waiting = [];
    void this.#work.then(() => this.#close());
  }

  /** Queues a step. After a failure no further step runs. */
  #then(step: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#failure !== undefined || this.#isAborted) return;
      try {
        await step();
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        this.#waiting = [];
        this.#drained();
      }
    });
  }

  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#file ??= await this.#unnamed();
    // At a place of its own each time: the file's own position stays at the start, where the program begins to read.
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, this.#written);
      if (bytesWritten === 0) throw new Error('pipe_transport: nothing could be written');
      at += bytesWritten;
      this.#written += bytesWritten;
    }
    this.#drained();
  }

  #drained(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.onDrain?.();
  }

  async #unnamed(): Promise<FileHandle> {
    const path = join(this.#o.folder, `impetus-pipe-${this.#o.name()}`);
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return file;
  }

  async #hand(): Promise<void> {
    const turn = await this.#o.enter();
    const { outputFile, errorFile } = this.#o.settings;
    let output: FileHandle | undefined;
    let errors: FileHandle | undefined;
    try {
      output = await open(outputFile, 'a', 0o640);
      errors = await open(errorFile, 'a', 0o640);
      const refusal = await this.#run([(this.#file as FileHandle).fd, output.fd, errors.fd]);
      if (refusal !== undefined) throw new StoreRefusal(refusal);
    } finally {
      turn.leave();
      await output?.close();
      await errors?.close();
    }
  }

  /** The reply with which the message is refused, if it is. */
  #run(stdio: number[]): Promise<Reply | undefined> {
    const { settings, secondsMax } = this.#o;
    return new Promise((resolve) => {
      const env = { PATH: '/usr/local/bin:/usr/bin:/bin' };
      const child = spawn(settings.program, [], {
        stdio,
        cwd: '/',
        env,
        detached: true,
        timeout: secondsMax * 1000,
        killSignal: 'SIGKILL',
      });
      child.once('error', (error) =>
        resolve(later(`pipe transport cannot run its program: ${'code' in error ? String(error.code) : 'failed'}`)),
      );
      child.once('exit', (status) => {
        if (status === null) {
          killGroup(child.pid);
          resolve(later('pipe transport was ended by a signal'));
        } else resolve(refusalOf(settings, status));
      });
    });
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

function refusalOf(settings: PipeSettings, status: number): Reply | undefined {
  const reply = settings.replies.get(status);
  if (reply !== undefined) return reply.code < 400 ? undefined : reply;
  return status === 0 ? undefined : { code: 504, enhanced: '5.5.0', text: `pipe transport gave exit status ${status}` };
}

function later(text: string): Reply {
  return { code: 451, enhanced: '4.3.0', text };
}

/** What the program began and left behind. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone with all that it began.
  }
}
