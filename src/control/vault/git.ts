/*
 * The git program, asked with arguments and never through a shell: the one place where the configuration repository meets it.
 *
 * The one rule: only what is said here decides what git does. The user's and the system's git configuration, hooks and transports that run
 * commands are shut out, file names are literal, output is bytes. When root asks, git runs as the owner of the working copy (ECC-03), so that
 * a repository that somebody else owns never runs anything as root.
 * Bounds: OUTPUT_MAX bytes of output, RUN_MS of time a call; beyond them the call fails with a sentence. Not here: what is asked (its neighbours).
 */
import { execFile } from 'node:child_process';
import { VaultError } from './errors.ts';

/** Bytes. */
const OUTPUT_MAX = 256 * 1024 * 1024;
/** Milliseconds: a fetch over a slow line takes its time, a hung one ends. */
const RUN_MS = 120_000;

const settings = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.autocrlf=false',
  'core.safecrlf=false',
  'core.quotePath=false',
  'core.symlinks=true',
  'protocol.ext.allow=never',
  'commit.gpgSign=false',
  'gc.auto=0',
  'advice.detachedHead=false',
  'init.defaultBranch=main',
  'merge.conflictStyle=merge',
];

export interface GitSetup {
  /** What git may see of the caller's environment: PATH, HOME and SSH_AUTH_SOCK are taken from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Runs git as somebody else. */
  readonly as?: { readonly uid: number; readonly gid: number };
  /** Told of every call and what came of it (--debug). */
  readonly trace?: (line: string) => void;
}

interface GitResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

interface Call {
  readonly cwd: string;
  readonly input?: string | Buffer;
  /** An index of its own, so that what is staged stays as it is. */
  readonly index?: string;
  readonly author?: { readonly name: string; readonly email: string };
}

export class Git {
  readonly #setup: GitSetup;

  constructor(setup: GitSetup) {
    this.#setup = setup;
  }

  /** The answer's text without its last line break. Rejects with VaultError when git says no. */
  async text(call: Call, ...args: string[]): Promise<string> {
    return (await this.bytes(call, ...args)).toString('utf8').replace(/\n$/, '');
  }

  async bytes(call: Call, ...args: string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await this.run(call, ...args);
    if (code !== 0) throw new VaultError('git-failed', `git ${args[0] ?? ''} failed: ${stderr.trim() || `exit status ${code}`}`);
    return stdout;
  }

  /** Whatever git says; rejects only when it could not be run. */
  run(call: Call, ...args: string[]): Promise<GitResult> {
    const { as, trace } = this.#setup;
    const all = [...settings.flatMap((setting) => ['-c', setting]), ...args];
    return new Promise((done, fail) => {
      const child = execFile(
        'git',
        all,
        {
          cwd: call.cwd,
          encoding: 'buffer',
          maxBuffer: OUTPUT_MAX,
          timeout: RUN_MS,
          env: this.#environment(call),
          ...(as === undefined ? {} : { uid: as.uid, gid: as.gid }),
        },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
          trace?.(`git ${args.join(' ')} -> ${code}`);
          if (error !== null && code === -1) fail(notRun(error, args[0] ?? ''));
          else done({ code, stdout, stderr: stderr.toString('utf8') });
        },
      );
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(call.input ?? '');
    });
  }

  #environment(call: Call): NodeJS.ProcessEnv {
    const { PATH, HOME, SSH_AUTH_SOCK, TZ } = this.#setup.environment;
    const { name, email } = call.author ?? { name: 'eccfg', email: 'eccfg@localhost' };
    return {
      ...(PATH === undefined ? {} : { PATH }),
      ...(HOME === undefined ? {} : { HOME }),
      ...(SSH_AUTH_SOCK === undefined ? {} : { SSH_AUTH_SOCK }),
      ...(TZ === undefined ? {} : { TZ }),
      ...(call.index === undefined ? {} : { GIT_INDEX_FILE: call.index }),
      LC_ALL: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_LITERAL_PATHSPECS: '1',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
    };
  }
}

function notRun(error: Error & { code?: unknown; killed?: boolean }, verb: string): VaultError {
  if (error.code === 'ENOENT')
    return new VaultError('no-git', 'The git program was not found: eccfg keeps its repository with it. Install the package "git".');
  if (error.killed === true) return new VaultError('git-failed', `git ${verb} was given up after ${RUN_MS / 1000} s`);
  return new VaultError('git-failed', `git ${verb} could not be run: ${error.message}`);
}

/** Fields that end with a zero byte. */
export function zeroFields(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\0')
    .filter((field) => field !== '');
}
