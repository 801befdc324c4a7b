/**
 * A command on a real pseudo-terminal, driven step by step: what must be seen, then what is typed.
 *
 * The one rule: each step waits for its text, without escape codes, in what came after the step before, so a slow machine only makes it slower. Python's pty module
 * makes the terminal, because Node cannot.
 */
import { spawn } from 'node:child_process';

const driver = `
import os, pty, re, select, sys, json, time, signal, fcntl, termios, struct
plan = json.load(sys.stdin)
pid, fd = pty.fork()
if pid == 0:
    os.execvpe(plan["command"][0], plan["command"], plan["env"])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", plan["rows"], plan["columns"], 0, 0))
seen = ""
mark = 0
end = time.monotonic() + plan["seconds"]
def read():
    global seen
    ready, _, _ = select.select([fd], [], [], 0.2)
    if not ready: return True
    try:
        chunk = os.read(fd, 65536)
    except OSError:
        return False
    if not chunk: return False
    seen += chunk.decode("utf-8", "replace")
    return True
missed = None
for expect, send in plan["steps"]:
    while True:
        shown = re.sub("\\x1b\\[[0-9;]*[A-Za-z]", "", seen)
        found = re.search(expect, shown[mark:])
        if found:
            mark += found.end()
            break
        if time.monotonic() > end or not read():
            missed = expect
            break
    if missed: break
    os.write(fd, send.encode())
alive = True
while missed is None and alive and time.monotonic() < end: alive = read()
if alive: os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
json.dump({"seen": seen, "missed": missed, "status": os.waitstatus_to_exitcode(status)}, sys.stdout)
`;

export interface TerminalRun {
  readonly seen: string;
  /** The step that never came true. */
  readonly missed: string | null;
  readonly status: number;
}

/** `steps`: a Python regular expression to wait for, and what is typed then. */
export function onTerminal(
  command: readonly string[],
  steps: readonly (readonly [expect: string, type: string])[],
  o: { rows?: number; columns?: number; env?: Record<string, string>; seconds?: number } = {},
): Promise<TerminalRun> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', TERM: 'xterm', ...o.env };
  const child = spawn('python3', ['-c', driver], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ command, steps, env, rows: o.rows ?? 24, columns: o.columns ?? 100, seconds: o.seconds ?? 60 }));
  let out = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => void (out += text));
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', () => {
      try {
        done(JSON.parse(out) as TerminalRun);
      } catch {
        fail(new Error(`the terminal's driver said: ${out}`));
      }
    });
  });
}
