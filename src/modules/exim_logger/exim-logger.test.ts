/*
 * exim_logger: the shape of each line, its switches, on real files.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { systemLogFs, Writer, type MailRecord } from '#observe';
import { openEximLogger } from './index.ts';

const ids = { at: 1_700_000_000_000, messageId: '00/00-25004-31B987F3', batchId: 'BATCH', connectionId: 'CONN' };
const route = { bindingGroup: 'default', binding: 'default', remoteIp: '10.0.0.1', facts: [] };
const attempt = {
  domain: 'mx.test',
  size: 200,
  retries: 0,
  elapsedMs: 93_784_000,
  sender: 'a@b.test',
  recipient: 'bob@c.test',
  messageSize: 266,
};
const records: MailRecord[] = [
  {
    kind: 'R',
    ...ids,
    ...route,
    recipientLocal: 'bob',
    recipientDomain: 'c.test',
    senderLocal: 'a',
    senderDomain: 'b.test',
    size: 266,
    protocol: 'esmtp',
  },
  { kind: 'T', ...ids, ...route, ...attempt, stage: 5, reply: '450 4.2.2 full', isBounce: true },
  { kind: 'D', ...ids, ...route, ...attempt, reply: '250 2.0.0 ok' },
  { kind: 'P', ...ids, ...route, ...attempt, stage: 5, reply: '550 nobody\n"x"', isBounce: true },
];

function setUp(t: TestContext, options: Record<string, unknown>) {
  const dir = mkdtempSync(join(tmpdir(), 'exim-logger-'));
  const clock = new ManualClock(1_700_000_000_000);
  const timers = new TimerWheel({ clock });
  const scope = { instance: '', options: { mainlog: join(dir, 'main'), paniclog: join(dir, 'panic'), ...options } };
  const writer = new Writer({ clock, timers, fs: systemLogFs, loggers: (ports) => [openEximLogger(scope, ports)] });
  t.after(() => {
    writer.close();
    rmSync(dir, { recursive: true });
  });
  writer.record(records);
  writer.panic({ at: 1_700_000_000_000, level: 'ERROR', source: 'NET', isModule: false, text: 'trouble' });
  writer.ports.files.flush();
  const read = (name: string): string[] => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1);
  return read;
}

test('LOG-25 exim_logger writes each event in the shape of Exim, one line whatever a peer said, and diagnostics to paniclog', (t) => {
  const read = setUp(t, {});
  const shapes = [
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} <= a@b\.test H=\[10\.0\.0\.1\] P=esmtp S=266 id=00\/00-25004-31B987F3 for bob@c\.test$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} == bob@c\.test R=default T=remote_smtp H=mx\.test \[10\.0\.0\.1\] defer \(0\): 450 4\.2\.2 full$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} => bob@c\.test F=<a@b\.test> R=default T=remote_smtp H=mx\.test \[10\.0\.0\.1\] S=200 C="250 2\.0\.0 ok"$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} Completed$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} \*\* bob@c\.test F=<a@b\.test> R=default T=remote_smtp H=mx\.test \[10\.0\.0\.1\]: 550 nobody\\n"x"$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} Completed$/,
  ];
  const lines = read('main');
  assert.equal(lines.length, shapes.length, lines.join('\n'));
  shapes.forEach((shape, i) => assert.match(lines[i]!, shape));
  assert.deepEqual(read('panic'), ['1700000000:NET: trouble']);
});

test('log_transient_failures = false keeps temporary failures out of exim_logger', (t) => {
  const read = setUp(t, { logTransientFailures: false });
  assert.equal(
    read('main').some((line) => line.includes('4.2.2')),
    false,
  );
  assert.ok(read('main').length > 3);
});

test('LOG-25 a million messages, received and delivered, are below 700 MB', (t) => {
  const lines = setUp(t, { logTransientFailures: false })('main');
  assert.ok(Buffer.byteLength(lines.slice(0, 3).join('\n')) < 700);
});
