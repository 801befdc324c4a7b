/**
 * What a change of a big configuration costs the event loops: the longest delay of a turn during `config set`, `config commit` and `config reload`
 * on a server with 10,000 bindings and 10,000 domains, each with a queue that holds mail.
 *
 * The one rule: the server measures itself (`threads reset`, then the command, then `threads`); clients only add the time a person waits.
 * Rounds before the first that counts let the collector put away what 10,000 fresh queues left behind, which any work would make it do; `firstTurnsMs` tells them.
 * On a machine with other work a turn also waits for a processor: what the kernel says of the loop's thread (time run, time waited) stands beside it.
 * Run: bin/node -C impetus-source bench/reload.ts [bindings] [rounds]. One JSON line a command.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConsoleClient } from '#control';
import { banner, sleep } from './load.ts';
import { freePort } from './measure.ts';

const count = Number(process.argv[2] ?? 10_000);
const rounds = Number(process.argv[3] ?? 5);
const warmUp = 2;
const here = dirname(fileURLToPath(import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'bench-reload-'));
const port = await freePort();
const lines = [
  `Hostname = "bench.test"\nSpoolBase = "${dir}/spool"\nPidFile = "${dir}/pid"\nRelay_Hosts = ( 127.0.0.0/8 )\nSuspend_Delivery = true`,
];
lines.push(
  `ESMTP_Listener { Listen "127.0.0.1:${port}" { SMTP_Extensions = ( "XSETCONTEXT" ) } }\nControl_Listener { Listen "${dir}/control" {} }`,
);
lines.push(`ec_logger { mainlog = "${dir}/mainlog.ec" paniclog = "${dir}/paniclog.ec" rejectlog = "${dir}/rejectlog.ec" }`);
for (let i = 0; i < count; i += 1)
  lines.push(`Binding "b${i}" { Max_Outbound_Connections = ${10 + (i % 7)} }`, `Domain "d${i}.test" { Max_Retries = ${i % 9} }`);
writeFileSync(join(dir, 'ecelerity.conf'), `${lines.join('\n')}\n`);

const server = spawn(join(here, '../bin/ecelerity'), ['-c', join(dir, 'ecelerity.conf'), '--foreground', '--allow-root'], {
  stdio: 'ignore',
});
try {
  await banner(port);
  const console_ = await ConsoleClient.open(join(dir, 'control'));
  await fill();
  const results = new Map<string, { first: number[]; loop: number[]; ran: number[]; queued: number[]; wait: number[] }>();
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const [name, commands] of changes(round)) {
      await console_.run('threads reset');
      const before = scheduled();
      const begun = performance.now();
      for (const command of commands) {
        const said = await console_.run(command);
        if (!said.ok) throw new Error(`${command}: ${said.text}`);
      }
      const wait = performance.now() - begun;
      await sleep(200);
      const after = scheduled();
      const { text } = await console_.run('threads');
      const longest = Math.max(...[...text.matchAll(/^loop \d+ +([\d.]+) ms/gm)].map((match) => Number(match[1])));
      const figures = results.get(name) ?? { first: [], loop: [], ran: [], queued: [], wait: [] };
      results.set(name, figures);
      if (round < 0) {
        figures.first.push(longest);
        continue;
      }
      figures.loop.push(longest);
      figures.ran.push(after.ran - before.ran);
      figures.queued.push(after.waited - before.waited);
      figures.wait.push(Math.round(wait));
    }
  }
  for (const [change, { first, loop, ran, queued, wait }] of results)
    console.log(
      JSON.stringify({
        change,
        scopes: 2 * count,
        load: loadavg()[0]!.toFixed(1),
        firstTurnsMs: first,
        longestTurnMs: loop,
        loopRanMs: ran,
        loopWaitedForCpuMs: queued,
        clientWaitsMs: wait,
      }),
    );
  console_.close();
} finally {
  server.kill('SIGTERM');
  await new Promise((done) => server.once('exit', done));
  rmSync(dir, { recursive: true, force: true });
}

/** Milliseconds that the thread of loop 0 ran, and stood in line for a processor, since it began. */
function scheduled(): { ran: number; waited: number } {
  const tasks = `/proc/${server.pid}/task`;
  const task = readdirSync(tasks).find((id) => readFileSync(`${tasks}/${id}/comm`, 'utf8') === 'loop 0\n');
  const [ran = 0, waited = 0] = task === undefined ? [] : readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ').map(Number);
  return { ran: Math.round(ran / 1e6), waited: Math.round(waited / 1e6) };
}

function changes(round: number): [string, string[]][] {
  return [
    ['set of one domain', [`config set domain d5.test max_retries ${round + 20}`]],
    ['set of a global option', [`config set max_retries ${round + 30}`]],
    ['transaction with one new binding', ['config begin', `config set binding new${round} max_outbound_connections 3`, 'config commit']],
    ['reload', ['config reload']],
  ];
}

/** One message for each of the domains: their queues exist and hold mail. */
async function fill(): Promise<void> {
  const { connect } = await import('node:net');
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  const got = { answers: 0, last: '', trouble: '' };
  socket.on('data', (text: string) => {
    got.answers += text.split('\r\n').length - 1;
    got.last = text.trimEnd().slice(-200);
  });
  socket.on('error', (error) => (got.trouble ||= String(error)));
  socket.on('close', () => (got.trouble ||= 'the server closed the connection'));
  const heard = async (n: number): Promise<void> => {
    while (got.answers < n) {
      if (got.trouble !== '') throw new Error(`mail for the domains could not be left: ${got.trouble}; the last answer was "${got.last}"`);
      await sleep(2);
    }
  };
  const batch = 100;
  socket.write('HELO bench\r\n');
  for (let i = 0; i < count; i += batch) {
    const to = Array.from({ length: Math.min(batch, count - i) }, (_none, n) => `RCPT TO:<a@d${i + n}.test>\r\n`).join('');
    const before = got.answers;
    socket.write(`MAIL FROM:<a@b.test>\r\n${to}DATA\r\n`);
    await heard(before + Math.min(batch, count - i) + 2);
    const stored = got.answers;
    socket.write('Subject: x\r\n\r\nx\r\n.\r\n');
    await heard(stored + 1);
  }
  socket.end('QUIT\r\n');
}
