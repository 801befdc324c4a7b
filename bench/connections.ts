/**
 * What a connection costs: resident memory of the server with 9,000 idle, then 9,000 slow clients, while ordinary mail flows.
 *
 * The one rule: the figure is a difference (with the clients minus before them) divided by their number; the server is warmed up with mail
 * first, so that its heap has the size of work. Slow clients send one byte a second: a third of them a command, the others a body.
 * Usage: bin/node -C impetus-source bench/connections.ts [--count 9000] [--loops 1] [--seconds 40]
 * One JSON line a phase on standard output. Figures and what they mean: bench/README.md.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { banner, cpuSeconds, endTree, send, sleep } from './load.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '9000' },
    loops: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '40' },
  },
});
const count = Number(values.count);
const seconds = Number(values.seconds);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(tmpdir(), 'impetus-bench-connections');

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Resident bytes of one process. */
function resident(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}

/** The least of some readings: between two of them the collector may have freed what ordinary mail left behind. */
async function settled(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    await sleep(500);
    least = Math.min(least, resident(pid));
  }
  return least;
}

/** A client that has said `opening`, line by line, and now waits. */
function client(port: number, opening: readonly string[]): Promise<Socket> {
  return new Promise((done, failed) => {
    const left = [...opening];
    const socket = connect(port, '127.0.0.1');
    socket.once('error', failed);
    let said = '';
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1');
      if (!/^\d{3} .*\r\n$/m.test(said.slice(said.lastIndexOf('\n', said.length - 2) + 1))) return;
      said = '';
      const next = left.shift();
      if (next === undefined) done(socket);
      else socket.write(`${next}\r\n`);
    });
  });
}

/** Opens `count` clients, 50 at a time. */
async function openAll(port: number, openingOf: (index: number) => readonly string[]): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i += 50) {
    const some = Array.from({ length: Math.min(50, count - i) }, (_, j) => client(port, openingOf(i + j)));
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

async function mail(port: number, messages: number): Promise<number> {
  const start = performance.now();
  await send(port, { sessions: 10, count: messages, bytes: 5120, keep: true });
  return Math.round(messages / ((performance.now() - start) / 1000));
}

function report(phase: string, facts: Readonly<Record<string, number>>): void {
  console.log(JSON.stringify({ phase, count, loops: Number(values.loops), ...facts, load: Number(loadavg()[0]!.toFixed(1)) }));
}

/** One byte a second on each socket, spread over the second; ends when told. */
function trickle(sockets: readonly Socket[], byteOf: (index: number) => string): () => void {
  const parts = 20;
  let turn = 0;
  const timer = setInterval(() => {
    for (let i = turn % parts; i < sockets.length; i += parts) sockets[i]!.write(byteOf(i));
    turn++;
  }, 1000 / parts);
  return () => clearInterval(timer);
}

const BODY_OPENING = ['EHLO slow.test', 'MAIL FROM:<a@slow.test>', 'RCPT TO:<b@sink.test>', 'DATA'];

/** Each phase has a server of its own: memory that an earlier phase gave back would be used again and not be seen. */
async function measure(phase: 'idle' | 'slow'): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  writeFileSync(join(folder, 'ecelerity.conf'), configuration(port));
  const program = join(root, 'bin/ecelerity');
  const server = spawn(program, ['-c', join(folder, 'ecelerity.conf'), '--foreground', '--allow-root'], {
    stdio: 'ignore',
    detached: true,
  });
  const pid = server.pid!;
  try {
    await banner(port);
    await mail(port, 5000);
    const before = await settled(pid);
    const rateBefore = await mail(port, 1000);
    const isSlow = phase === 'slow';
    const start = performance.now();
    const sockets = await openAll(port, (i) => (isSlow && i % 3 > 0 ? BODY_OPENING : ['EHLO slow.test']));
    const openSeconds = (performance.now() - start) / 1000;
    const cpu = cpuSeconds(pid);
    const stop = isSlow ? trickle(sockets, (i) => (i % 3 > 0 ? 'x' : 'N')) : () => undefined;
    await sleep(seconds * 1000);
    const cpuUsed = cpuSeconds(pid) - cpu;
    const rateWith = await mail(port, 1000);
    const after = await settled(pid);
    stop();
    const open = sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
    report(phase, {
      kilobytesEach: Number(((after - before) / count / 1024).toFixed(1)),
      megabytesBefore: Math.round(before / 1048576),
      megabytesWith: Math.round(after / 1048576),
      open,
      openPerSecond: Math.round(count / openSeconds),
      cpuPercent: Math.round((cpuUsed / seconds) * 100),
      mailPerSecondBefore: rateBefore,
      mailPerSecondWith: rateWith,
    });
    for (const socket of sockets) socket.destroy();
  } finally {
    await endTree(pid);
    rmSync(folder, { recursive: true, force: true });
  }
}

function configuration(port: number): string {
  return `Hostname = "bench.test"
SpoolBase = "${folder}/spool"
PidFile = "${folder}/pid"
Relay_Hosts = ( 127.0.0.0/8 )
Suspend_Delivery = true
Max_Resident_Messages = 0
EventLoop "pool" { Concurrency = ${values.loops} }
ESMTP_Listener { Listen "127.0.0.1:${port}" { Idle_Time = 0 } }
Control_Listener { Listen "${folder}/control" {} }
ec_logger { mainlog = "${folder}/mainlog" paniclog = "${folder}/paniclog" }
`;
}

await measure('idle');
await measure('slow');
