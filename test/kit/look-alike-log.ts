/**
 * What the loggers that write in the form of other servers are tried with: one message received, deferred, delivered, one refused.
 *
 * The one rule: the records are the same for all of them, and so is the trouble; each test says only what its lines must look like.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import type { OpenLogger } from '#hooks';
import { systemLogFs, Writer, type MailRecord } from '#observe';

const at = 1_700_000_000_000;
const ids = { at, messageId: '00/00-25004-31B987F3', batchId: 'BATCH', connectionId: 'CONN' };
const route = { bindingGroup: 'default', binding: 'default', remoteIp: '10.0.0.1', facts: [] };
const people = { recipientLocal: 'bob', recipientDomain: 'c.test', senderLocal: 'a', senderDomain: 'b.test' };
const attempt = {
  domain: 'mx.test',
  size: 200,
  retries: 0,
  elapsedMs: 93_784_000,
  sender: 'a@b.test',
  recipient: 'bob@c.test',
  messageSize: 266,
};

/** The reply of the last one would break a line. */
const lookAlikeRecords: readonly MailRecord[] = [
  { kind: 'R', ...ids, ...route, ...people, size: 266, protocol: 'esmtp' },
  { kind: 'T', ...ids, ...route, ...attempt, stage: 5, reply: '450 4.2.2 full', isBounce: true },
  { kind: 'D', ...ids, ...route, ...attempt, reply: '250 2.0.0 ok' },
  { kind: 'P', ...ids, ...route, ...attempt, stage: 5, reply: '550 nobody\n"x"', isBounce: true },
];

/** The lines that a logger with these options wrote of them and of one trouble, by the name of its option without "log". */
export function lookAlikeLog(
  t: TestContext,
  open: OpenLogger,
  options: Record<string, unknown> = {},
): (name: 'main' | 'panic') => string[] {
  const dir = mkdtempSync(join(tmpdir(), 'look-alike-'));
  const clock = new ManualClock(at);
  const timers = new TimerWheel({ clock });
  const scope = { instance: '', options: { mainlog: join(dir, 'main'), paniclog: join(dir, 'panic'), ...options } };
  const writer = new Writer({ clock, timers, fs: systemLogFs, loggers: (ports) => [open(scope, ports)] });
  t.after(() => {
    writer.close();
    rmSync(dir, { recursive: true });
  });
  writer.record(lookAlikeRecords);
  writer.panic({ at, level: 'ERROR', source: 'NET', isModule: false, text: 'trouble' });
  writer.ports.files.flush();
  return (name) => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1);
}
