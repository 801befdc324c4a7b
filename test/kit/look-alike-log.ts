/**
 * What the loggers that write in the form of other servers are tried with: one message received, deferred, delivered, one failed, one refused
 * command of each kind.
 *
 * The one rule: the records are the same for all of them, and so is the trouble; each test says only what its lines must look like.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import type { OpenLogger } from '#hooks';
import { messageIdFact, systemLogFs, Writer, type MailRecord } from '#observe';

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

const dialogue = {
  remoteIp: '10.0.0.9',
  remotePort: 4025,
  localIp: '10.0.0.2',
  localPort: 25,
  connectionId: 'CONN',
  pathway: 'default',
  pathwayGroup: 'default',
  module: '',
};
const greeted = ['ehlo_domain', 'cl.test', 'ehlo_string', 'EHLO cl.test'];
const withSender = ['mailfrom_string', 'MAIL FROM:<a@b.test>', 'mailfrom_localpart', 'a', 'mailfrom_domain', 'b.test'];
const withRecipient = [...withSender, 'rcptto_string', 'RCPT TO:<bob@c.test>', 'rcptto_localpart', 'bob', 'rcptto_domain', 'c.test'];

/** What a client heard at each step of its dialogue. */
const refusals: readonly MailRecord[] = [
  { kind: 'J', at, ...dialogue, phase: 'just connected', code: 421, contextConnection: [], contextMessage: [], text: 'too many' },
  { kind: 'J', at, ...dialogue, phase: 'awaiting mailfrom', code: 501, contextConnection: greeted, contextMessage: [], text: '5.5.2 bad' },
  {
    kind: 'J',
    at,
    ...dialogue,
    phase: 'relaying denied',
    code: 550,
    contextConnection: greeted,
    contextMessage: withRecipient,
    text: '5.7.1 relaying denied',
  },
  {
    kind: 'J',
    at,
    ...dialogue,
    phase: 'data phase',
    code: 451,
    contextConnection: greeted,
    contextMessage: withRecipient,
    text: '4.3.0 later',
  },
];

/** The reply of the one that failed would break a line. */
const lookAlikeRecords: readonly MailRecord[] = [
  { kind: 'R', ...ids, ...route, facts: [messageIdFact, ' <one@client.test> '], ...people, size: 266, protocol: 'esmtp' },
  { kind: 'T', ...ids, ...route, ...attempt, stage: 5, reply: '450 4.2.2 full', isBounce: true },
  { kind: 'D', ...ids, ...route, ...attempt, reply: '250 2.0.0 ok' },
  { kind: 'P', ...ids, ...route, ...attempt, stage: 5, reply: '550 nobody\n"x"', isBounce: true },
  { kind: 'D', ...ids, ...route, ...attempt, remoteIp: '', reply: '250 kept' },
  ...refusals,
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
