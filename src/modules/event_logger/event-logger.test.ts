/*
 * event_logger: one schema, numbers without gaps, one line whatever a peer said.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { systemLogFs, Writer, type MailRecord } from '#observe';
import { openEventLogger } from './index.ts';

const ids = { at: 1_700_000_000_123, messageId: 'M', batchId: 'B', connectionId: 'C' };
const route = { bindingGroup: 'g', binding: 'b', remoteIp: '10.0.0.1', facts: [] };
const nasty = 'x\r\n{"sequence":9}\u2028\u0000"\\';
const attempt = { domain: 'd.test', size: 5, retries: 1, elapsedMs: 7.4, sender: '', recipient: 'r@d.test', messageSize: 9, reply: nasty };
const people = { recipientLocal: 'r', recipientDomain: 'd.test', senderLocal: 's', senderDomain: 'e.test' };
const records: MailRecord[] = [
  { kind: 'R', ...ids, ...route, ...people, size: 9, protocol: 'esmtp' },
  { kind: 'D', ...ids, ...route, ...attempt },
  { kind: 'X', ...ids, ...route, ...attempt },
  { kind: 'T', ...ids, ...route, ...attempt, stage: 5, isBounce: true },
  { kind: 'P', ...ids, ...route, ...attempt, stage: 5, isBounce: true },
  {
    kind: 'B',
    ...ids,
    recipient: 'r@d.test',
    sender: 's@e.test',
    bindingGroup: '',
    binding: '',
    bounceClass: 10,
    size: 3,
    remoteIp: '',
    reply: nasty,
  },
  {
    kind: 'F',
    at: ids.at,
    messageId: 'M',
    recipientLocal: 'r',
    recipientDomain: 'd.test',
    binding: 'b',
    bindingGroup: 'g',
    feedbackType: 'abuse',
    reportDomain: 'f.test',
    userString: nasty,
  },
  {
    kind: 'J',
    at: ids.at,
    remoteIp: '10.0.0.2',
    remotePort: 1,
    localIp: '10.0.0.3',
    localPort: 25,
    connectionId: 'C',
    pathway: 'p',
    pathwayGroup: 'pg',
    phase: 'rcpt',
    code: 550,
    module: '',
    contextConnection: [],
    contextMessage: [],
    text: nasty,
  },
];

test('A75 event_logger writes each record as one line of JSON with its type and a sequence number without gaps; eventlog and eventlog_mode place it', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'event-logger-'));
  const clock = new ManualClock(0);
  const timers = new TimerWheel({ clock });
  const scope = { instance: '', options: { eventlog: join(dir, 'e'), eventlogMode: 0o640 } };
  const classify = () => ({ code: 10, name: 'Invalid Recipient' });
  const writer = new Writer({ clock, timers, fs: systemLogFs, classify, loggers: (ports) => [openEventLogger(scope, ports)] });
  t.after(() => {
    writer.close();
    rmSync(dir, { recursive: true });
  });
  writer.record(records);
  writer.record(records);
  writer.ports.files.flush();
  const text = readFileSync(join(dir, 'e'), 'utf8');
  assert.doesNotMatch(text, /[\u2028\r]/);
  const events = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    Array.from({ length: 16 }, (_, i) => i + 1),
  );
  assert.equal(new Set(events.map(({ stream }) => stream)).size, 1);
  const { stream: _, ...failed } = events[4]!;
  assert.deepEqual(failed, {
    sequence: 5,
    type: 'permanent_failure',
    time: '2023-11-14T22:13:20.123Z',
    message_id: 'M',
    batch_id: 'B',
    connection_id: 'C',
    sender: '',
    recipient: 'r@d.test',
    binding_group: 'g',
    binding: 'b',
    remote_ip: '10.0.0.1',
    reply: nasty,
    domain: 'd.test',
    size: 9,
    sent: 5,
    retries: 1,
    elapsed_ms: 7,
    stage: 5,
    bounce_class: 10,
    bounce_name: 'Invalid Recipient',
  });
  const types = 'reception delivery transfer transient_failure permanent_failure out_of_band_bounce feedback rejection';
  assert.equal(
    events
      .slice(0, 8)
      .map(({ type }) => type)
      .join(' '),
    types,
  );
  assert.equal(statSync(join(dir, 'e')).mode & 0o777, 0o640);
});
