/*
 * Starting the server in the background: the same command again, in a session of its own, watched until it is ready.
 *
 * The one rule: this command ends only when the server said that it is ready, or ended; what it printed until then is passed on,
 * and the exit status says which it was. Interrupted from the terminal, it takes the unfinished server with it.
 * Bounded by whoever waits for this command (ec_ctl: TRY). Not here: what the server does.
 */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const lookMs = 25;

/** Starts this very command again with --foreground. Resolves with the exit status for the shell. */
export function startInBackground(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'ecelerity-'));
  const output = new Follower(join(dir, 'output'), process.stdout);
  const errors = new Follower(join(dir, 'errors'), process.stderr);
  const args = [...process.execArgv, process.argv[1]!, ...process.argv.slice(2), '--foreground', '--detached'];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', output.fd, errors.fd] });
  return new Promise((done) => {
    const finish = (status: number) => {
      clearInterval(look);
      for (const follower of [output, errors]) {
        follower.pass();
        follower.close();
      }
      rmSync(dir, { recursive: true, force: true });
      child.unref();
      done(status);
    };
    const look = setInterval(() => {
      errors.pass();
      if (/^impetus: ready/m.test(output.pass())) finish(0);
    }, lookMs);
    child.on('error', (error) => {
      process.stderr.write(`ecelerity: cannot start ${process.execPath}: ${error.message}\n`);
      finish(71);
    });
    child.on('exit', (code, signal) => finish(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    process.once('SIGINT', () => {
      child.kill('SIGTERM');
      finish(130);
    });
  });
}

/** Passes on what another process writes to a file. */
class Follower {
  /** For the other process to write to, from its start to its end. */
  readonly fd: number;
  readonly #to: NodeJS.WriteStream;
  #passed = 0;
  #tail = '';

  constructor(path: string, to: NodeJS.WriteStream) {
    this.fd = openSync(path, 'wx+', 0o600);
    this.#to = to;
  }

  /** Gives the end of what was passed on so far. */
  pass(): string {
    const bytes = Buffer.alloc(fstatSync(this.fd).size - this.#passed);
    if (bytes.length === 0) return this.#tail;
    this.#passed += readSync(this.fd, bytes, 0, bytes.length, this.#passed);
    this.#to.write(bytes);
    this.#tail = (this.#tail + bytes.toString('latin1')).slice(-256);
    return this.#tail;
  }

  close(): void {
    closeSync(this.fd);
  }
}
