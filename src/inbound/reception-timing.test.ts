/**
 * Which receptions are measured and told, by a clock that is moved by hand.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReceptionTimer, ValidationModule, Verdict } from '#hooks';
import { ReceptionTiming } from '#modules/reception_timing';
import { timingLines } from '#modules/reception_timing_logger';
import { settle, World } from '../../test/kit/inbound.ts';

const BODY = ['Subject: x', 'Date: Mon, 1 Jan 2024 00:00:00 +0000', 'Message-ID: <1@a.test>', '', 'text'];

function timed(modules: readonly ValidationModule[] = []): { world: World; lines: string[]; take: () => string[] } {
  const lines: string[] = [];
  const timer: { timing?: ReceptionTimer } = {};
  const world = new World({ modules, timer: () => timer.timing });
  timer.timing = new ReceptionTiming(world.clock, (one) => lines.push(...timingLines(one)));
  const take = (): string[] => lines.splice(0).map((line) => line.replace(/ src=.* pathway=default /, ' | '));
  return { world, lines, take };
}

const policy = (phase: 'mailfrom' | 'rcptto' | 'data' | 'data_spool_each_rcpt', verdict: Verdict): ValidationModule => ({
  name: 'p',
  hooks: { [phase]: () => verdict },
});
const NO: Verdict = { kind: 'reject', reply: { code: 550, text: 'no' } };

test('SMTP-22: a received message is told once for each recipient, with the ids of the mainlog, its time since MAIL FROM and since its last octet', async () => {
  const keeps: ValidationModule = {
    name: 'keeps',
    hooks: { data: ({ context }) => (context.setMessage('cl_MID', '<"1"@a.test>\r\nx'), { kind: 'continue' }) },
  };
  const { world, lines } = timed([keeps]);
  world.spool.isSlow = true;
  const client = await world.connect();
  client.lines('EHLO c.test');
  world.clock.advance(5000);
  client.lines('MAIL FROM:<a@a.test>');
  world.clock.advance(40);
  client.lines('RCPT TO:<b@here.test>', 'RCPT TO:<c@here.test>', 'DATA', ...BODY);
  world.clock.set(0);
  client.lines('.');
  world.clock.advance(0.519);
  assert.deepEqual(lines, []);
  world.spool.answerAll();
  const { envelope, text } = world.spool.stored[0] ?? assert.fail('not stored');
  const ids = world.records.flatMap((r) => (r.kind === 'R' ? [r.messageId] : []));
  assert.equal(ids.length, 2);
  assert.deepEqual(
    lines,
    ids.map(
      (id) =>
        `received after 0.040519 s (scanned in 0.000519 s) size=${text.length} src=192.0.2.7:4025 dst=192.0.2.1:25 ` +
        String.raw`pathway=default ID=${id} batch-ID=${envelope.batchId} Message-ID="<\"1\"@a.test>\r\nx"`,
    ),
  );
  lines.length = 0;
  client.lines('QUIT');
  client.hangUp();
  await settle();
  assert.deepEqual(lines, []);
});

test('SMTP-21, SMTP-22: what is refused is told where it is refused: MAIL and RCPT one by one, a body for each of its recipients; the ids are those of the batch', async () => {
  const mail = timed([policy('mailfrom', NO)]);
  const first = await mail.world.connect();
  first.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'MAIL FROM:<a');
  const zero = 'rejected after 0.000000 s (scanned in 0.000000 s) size=0???';
  const told = mail.take();
  assert.equal(told.length, 2);
  for (const line of told) {
    const form = /^(.*) \| ID=(\S+) batch-ID=(\S+) Message-ID="" (.*)$/.exec(line);
    assert.deepEqual([form?.[1], form?.[2], form?.[4]], [zero, form?.[3], 'phase=4 (awaiting mailfrom)']);
  }
  const { world, take } = timed([policy('data', NO)]);
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>');
  world.clock.advance(2);
  client.lines('RCPT TO:<b@elsewhere.test>');
  world.clock.advance(1);
  client.lines('RCPT TO:<b@here.test>', 'RCPT TO:<c@here.test>', 'RCPT TO:<x', 'DATA', ...BODY, '.');
  const lines = take();
  const [batch] = /ID=\S+/.exec(lines[0] ?? '') ?? [];
  const size = /size=(\d+) /.exec(lines[2] ?? '')?.[1] ?? '';
  assert.ok(Number(size) > 80);
  const ids = `| ${batch} batch-${batch} Message-ID="" phase=`;
  const late = `rejected after 0.003000 s (scanned in 0.000000 s) size=`;
  assert.deepEqual(lines, [
    `rejected after 0.002000 s (scanned in 0.000000 s) size=0??? ${ids}13 (relaying denied)`,
    `${late}0??? ${ids}6 (awaiting rcptto)`,
    `${late}${size} ${ids}11 (async body handler)`,
    `${late}${size} ${ids}11 (async body handler)`,
  ]);
});

test('SMTP-22: a client that goes without QUIT and without a reply to its message is told, at its phase; one that says QUIT or RSET, or is shown out, is not', async () => {
  for (const [said, phase] of [
    [['MAIL FROM:<a@a.test>'], '6 (awaiting rcptto)'],
    [['MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', ...BODY], '9 (reading body)'],
  ] as const) {
    const { world, take } = timed();
    const client = await world.connect();
    client.lines('EHLO c.test', ...said);
    world.clock.advance(1001.713);
    client.hangUp();
    for (let i = 0; i < 5; i++) await settle();
    const [line, ...more] = take();
    assert.deepEqual(more, []);
    assert.match(line ?? '', /^unexpected disconnect after 1\.001713 s \(scanned in 0\.000000 s\) size=0\?\?\? \| ID=/);
    assert.ok(line?.endsWith(` phase=${phase}`), line);
  }
  const { world, take } = timed();
  for (const last of ['QUIT', 'RSET', 'EHLO again.test']) {
    const client = await world.connect();
    client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', last);
    client.hangUp();
    for (let i = 0; i < 5; i++) await settle();
  }
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>');
  client.session.cut();
  for (let i = 0; i < 5; i++) await settle();
  assert.deepEqual(take(), []);
});

test('SMTP-22, A68: a client that vanishes while policy looks at its message is an unexpected disconnect of phase 12, and no message stays', async () => {
  const slow: ValidationModule = { name: 'slow', hooks: { data_spool_each_rcpt: () => 'later' } };
  const { world, take } = timed([slow]);
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', ...BODY, '.');
  world.clock.advance(7.025);
  client.hangUp();
  for (let i = 0; i < 5; i++) await settle();
  const [line, ...more] = take();
  assert.deepEqual([more, world.spool.stored], [[], []]);
  assert.match(
    line ?? '',
    /^unexpected disconnect after 0\.007025 s \(scanned in 0\.007025 s\) size=\d+ \| .* phase=12 \(async body response\)$/,
  );
});

test('SMTP-22: mail that policy takes only to throw away is received, too; where nobody measures, no id is spent at MAIL FROM', async () => {
  const { world, take } = timed([policy('rcptto', { kind: 'discard' })]);
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', ...BODY, '.');
  const [line, ...more] = take();
  assert.deepEqual(more, []);
  assert.match(line ?? '', /^received after 0\.000000 s \(scanned in 0\.000000 s\) size=\d+ \| ID=(\S+) batch-ID=\1 Message-ID=""$/);
  const plain = new World();
  const other = await plain.connect();
  const before = plain.intake.nextId();
  other.lines('EHLO c.test', 'MAIL FROM:<a@a.test>');
  assert.equal(other.session.timed, undefined);
  assert.equal(counter(plain.intake.nextId()) - counter(before), 1);
});

/** The first part of an id as a number: its digits stand in reverse order. */
function counter(id: string): number {
  return Number.parseInt([...id.slice(0, 5).replace('/', '')].reverse().join(''), 16);
}
