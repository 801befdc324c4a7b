/*
 * syslog:// against a real datagram socket, which Python keeps.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { LogFiles, systemLogFs, type LogSink } from '#observe';
import { syslogScheme, syslogSettings } from './index.ts';

const receiver = `
import socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("ready",flush=True)
for _ in range(3): print(s.recv(65536).decode(),flush=True)
`;

test('LOG-22 lines go to syslog as datagrams with facility, priority, ident and pid; what waited while nobody listened goes too', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'syslog-'));
  const path = join(dir, 'log');
  const clock = new ManualClock(1_700_000_000_000);
  const timers = new TimerWheel({ clock });
  const troubles: string[] = [];
  const files = new LogFiles({ fs: systemLogFs, clock, timers, trouble: (text) => troubles.push(text) });
  files.useSchemes([syslogScheme(syslogSettings({ ident: 'mx', defaultFacility: 'local0' }))]);
  t.after(() => {
    files.close();
    rmSync(dir, { recursive: true });
  });
  const early = files.openTarget(`syslog://?socket=${path}`, 0) as LogSink;
  early.add('early');
  assert.equal(early.flush(), false);
  assert.match(troubles[0]!, /nobody listens on .*; lines are kept meanwhile, at most 20000/);

  const python = spawn('python3', ['-c', receiver, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => python.kill());
  let said = '';
  const heard = (text: string) =>
    new Promise<void>((done) => {
      const look = () => said.includes(text) && done();
      python.stdout.on('data', look);
      look();
    });
  python.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await heard('ready');
  clock.advance(1100);
  timers.advance();
  early.flush();
  await heard('early');
  const other = files.openTarget(`syslog://?facility=mail&priority=info&socket=${path}`, 0) as LogSink;
  other.add('zwei ü');
  other.add('y'.repeat(20_000));
  other.flush();
  await heard('zwei');
  await heard('yyyy');
  const lines = said.split('\n').slice(1, 4);
  assert.match(lines[0]!, new RegExp(`^<131>[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d mx\\[${process.pid}\\]: early$`));
  assert.match(lines[1]!, /^<22>.* mx\[\d+\]: zwei ü$/);
  assert.equal(Buffer.byteLength(lines[2]!), 8000);
  assert.match(troubles[1]!, /is written again; 0 lines were lost/);
});

test('LOG-22 a facility or priority that does not exist is refused with what would be right', () => {
  const clock = new ManualClock(0);
  const files = new LogFiles({ fs: systemLogFs, clock, timers: new TimerWheel({ clock }), trouble: () => undefined });
  files.useSchemes([syslogScheme(syslogSettings({}))]);
  assert.match(files.openTarget('syslog://?facility=post', 0) as string, /expected facility=mail, daemon/);
  assert.match(files.openTarget('syslog://?priority=huge', 0) as string, /priority=emerg/);
});
