/*
 * bounce_logger: the documented lines, its switches and its markers, on real files.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { bounceLine, systemLogFs, Writer, type OutOfBandRecord, type PermanentRecord } from '#observe';
import { openBounceLogger } from './index.ts';
import { manifest } from './manifest.ts';

const ids = { messageId: '91/6D-07914-E67BC044', batchId: '00/00-03736-F4101B54', connectionId: '00/00-04532-A3456B54' };
const route = {
  bindingGroup: 'group-a',
  binding: 'binding-a',
  remoteIp: '10.0.0.1',
  sender: 'info@postalengine.com',
  recipient: 'johndoe@example.fict',
};
const at = 1064868656_000;
const outOfBand: OutOfBandRecord = {
  kind: 'B',
  at,
  ...ids,
  ...route,
  bounceClass: 24,
  size: 1223,
  reply: '554 5.4.7 [internal] exceeded max time without delivery',
};
const failed: PermanentRecord = {
  kind: 'P',
  at,
  ...ids,
  ...route,
  domain: 'example.fict',
  size: 0,
  stage: 5,
  retries: 1,
  elapsedMs: 10,
  reply: '550 5.1.1 nobody',
  isBounce: true,
  messageSize: 77,
  facts: [],
};

test('LOG-02 a bounce is the line of the manual’s sample, field by field', () => {
  assert.equal(
    bounceLine(outOfBand, 24),
    '1064868656@91/6D-07914-E67BC044@00/00-03736-F4101B54@00/00-04532-A3456B54@B@johndoe@example.fict@info@postalengine.com@group-a@binding-a@21@24@1223@10.0.0.1@554 5.4.7 [internal] exceeded max time without delivery',
  );
  assert.match(
    bounceLine(failed, 10),
    /@B@johndoe@example\.fict@info@postalengine\.com@group-a@binding-a@5@10@77@10\.0\.0\.1@550 5\.1\.1 nobody$/,
  );
});

test('A75 whatever a peer sent, a bounce is one line of sixteen fields', () => {
  const line = bounceLine({ ...failed, recipient: '"a@b"@c@d', sender: '', reply: '550 x@y\n\x1b' }, 1);
  assert.equal(line.split(/(?<!\\)@/).length, 16);
  assert.doesNotMatch(line, /\n/);
});

function setUp(t: TestContext, options: Record<string, unknown>) {
  const dir = mkdtempSync(join(tmpdir(), 'bounce-logger-'));
  const clock = new ManualClock(at);
  const timers = new TimerWheel({ clock });
  const scope = { instance: '', options: { bouncelog: join(dir, 'bounce'), ...options } };
  const classify = (reply: string) => ({ code: reply.includes('nobody') ? 10 : 1, name: '' });
  const writer = new Writer({ clock, timers, fs: systemLogFs, classify, loggers: (ports) => [openBounceLogger(scope, ports)] });
  t.after(() => {
    writer.close();
    rmSync(dir, { recursive: true });
  });
  writer.record([
    outOfBand,
    failed,
    { ...failed, kind: 'T', reply: '450 later' },
    { ...failed, isBounce: false },
    { ...outOfBand, bounceClass: 80 },
  ]);
  clock.advance(60_000);
  timers.advance();
  writer.ports.files.flush();
  return readFileSync(join(dir, 'bounce'), 'utf8').split('\n').slice(0, -1);
}
const kinds = (lines: string[]): string[] =>
  lines.map((line) =>
    line
      .split('@')
      .filter((_, i) => i === 4 || i === 11 || i === 12)
      .join(' '),
  );

test('LOG-21 BNC-08 LOG-11 by default all three kinds are logged with their class, subscribe requests and other senders are not, and a marker a minute', (t) => {
  const lines = setUp(t, {});
  assert.deepEqual(kinds(lines), ['B 21 24', 'B 5 10', 'T 5 1', 'M1']);
  assert.equal(lines.at(-1), '1064868716@@@@M1');
});

test('LOG-21 log_inband_bounces, log_outofband_bounces, log_transient_failures and heartbeat each switch their lines off', (t) => {
  assert.deepEqual(kinds(setUp(t, { logInbandBounces: false, heartbeat: 0 })), ['B 21 24', 'T 5 1']);
  assert.deepEqual(kinds(setUp(t, { logOutofbandBounces: false, heartbeat: 0 })), ['B 5 10', 'T 5 1']);
  assert.deepEqual(kinds(setUp(t, { logTransientFailures: false, heartbeat: 0, bouncelogMode: 0o600 })), ['B 21 24', 'B 5 10']);
  assert.ok(manifest.options.every(({ status }) => status === 'works'));
});
