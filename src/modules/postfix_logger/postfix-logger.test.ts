/*
 * postfix_logger: the shape of each line, its switches, on real files.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { systemLogFs, Writer, type MailRecord } from '#observe';
import { openPostfixLogger } from './index.ts';

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
  const dir = mkdtempSync(join(tmpdir(), 'postfix-logger-'));
  const clock = new ManualClock(1_700_000_000_000);
  const timers = new TimerWheel({ clock });
  const scope = { instance: '', options: { mainlog: join(dir, 'main'), paniclog: join(dir, 'panic'), ...options } };
  const writer = new Writer({ clock, timers, fs: systemLogFs, loggers: (ports) => [openPostfixLogger(scope, ports)] });
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

test('LOG-25 postfix_logger writes each event in the shape of Postfix, one line whatever a peer said, and diagnostics to paniclog', (t) => {
  const read = setUp(t, {});
  const shapes = [
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/smtpd\[\d+\]: 00002500431B987F3: client=unknown\[10\.0\.0\.1\]$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/cleanup\[\d+\]: 00002500431B987F3: message-id=<BATCH>$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/qmgr\[\d+\]: 00002500431B987F3: from=<a@b\.test>, size=266, nrcpt=1 \(queue active\)$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/smtp\[\d+\]: 00002500431B987F3: to=<bob@c\.test>, relay=mx\.test\[10\.0\.0\.1\]:25, delay=93784\.00, delays=93784\.00\/0\/0\/0, dsn=4\.2\.2, status=deferred \(host mx\.test\[10\.0\.0\.1\] said: 450 4\.2\.2 full\)$/,
    /: 00002500431B987F3: to=<bob@c\.test>, .*, dsn=2\.0\.0, status=sent \(250 2\.0\.0 ok\)$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/qmgr\[\d+\]: 00002500431B987F3: removed$/,
    /: 00002500431B987F3: to=<bob@c\.test>, .*, dsn=5\.0\.0, status=bounced \(host .* said: 550 nobody\\n"x"\)$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/qmgr\[\d+\]: 00002500431B987F3: removed$/,
  ];
  const lines = read('main');
  assert.equal(lines.length, shapes.length, lines.join('\n'));
  shapes.forEach((shape, i) => assert.match(lines[i]!, shape));
  assert.deepEqual(read('panic'), ['1700000000:NET: trouble']);
});

test('log_transient_failures = false keeps temporary failures out of postfix_logger', (t) => {
  const read = setUp(t, { logTransientFailures: false });
  assert.equal(
    read('main').some((line) => line.includes('4.2.2')),
    false,
  );
  assert.ok(read('main').length > 3);
});
