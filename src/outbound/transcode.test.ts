/**
 * Refusals in other words, and what follows from them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecipientResult } from '#queue';
import { startServer, World } from './fixtures.test.ts';
import { transcoded, type MatchPort } from './transcode.ts';

const match: MatchPort = (pattern, text) => new RegExp(pattern).exec(text)?.map((group) => group ?? '');
const of = (kind: RecipientResult['kind'], reply: string): RecipientResult => ({ kind, reply, stage: 5, remoteIp: '192.0.2.1', bytes: 0 });
const rule = (pattern: string, replace: string) => ({ responseTranscodePattern: pattern, responseTranscodeReplace: replace });

test("Q-15: the manual's own example makes a hard bounce of a soft one, with what the groups matched", () => {
  const soft = of('transient', "454 no such user 'bob'");
  const { kind, reply } = transcoded(soft, rule("454 no such user ('.*')", '554 no such user $1'), match);
  assert.deepEqual([kind, reply], ['permanent', "554 no such user 'bob'"]);
  const whole = transcoded(of('permanent', '550 5.7.1 blocked'), rule('^550.*blocked', '451 4.7.1 later: $0 $2'), match);
  assert.deepEqual([whole.kind, whole.reply], ['transient', '451 4.7.1 later: 550 5.7.1 blocked ']);
});

test('Q-14, Q-15: our own transient failures may be rewritten, our permanent ones never, deliveries never, nor into something that is no refusal', () => {
  const ours = transcoded(of('transient', '454 4.4.4 [internal] no MX or A for domain'), rule('no MX', '554 5.4.4 no such domain'), match);
  assert.equal(ours.kind, 'permanent');
  for (const result of [of('permanent', '554 5.4.7 [internal] exceeded max retries without delivery'), of('delivered', '250 no MX')])
    assert.equal(transcoded(result, rule('.', '451 later'), match), result);
  const refused = of('permanent', '550 no');
  for (const words of ['250 fine', 'no code', '45', '650 x']) assert.equal(transcoded(refused, rule('550', words), match), refused);
  assert.equal(transcoded(refused, rule('551', '451 x'), match), refused);
  assert.equal(transcoded(refused, {}, match), refused);
});

test('Q-15: a rewritten reply decides whether the mail is tried again, for each recipient by itself', async (t) => {
  const server = await startServer(t, {
    answer: (verb, line) =>
      verb === 'RCPT'
        ? line.includes('<soft')
          ? '550 5.7.1 try again'
          : line.includes('<hard')
            ? '450 mailbox gone'
            : undefined
        : undefined,
  });
  const world = new World(t, {
    options: { remoteSmtpPort: server.port },
    of: (domain) => (domain === 'hard.test' ? rule('^450 (.*)$', '550 5.1.1 $1') : rule('try again$', '451 4.7.1 again')),
    match,
  });
  world.send(['soft@soft.test', 'good@soft.test']);
  world.send('hard@hard.test');
  await world.until(() => world.records.length === 3);
  assert.deepEqual(world.failures.toSorted(), ['P 5 550 5.1.1 mailbox gone', 'T 5 451 4.7.1 again']);
});

test('Q-15: a domain that DNS does not know may be given up at once by a rewritten reply of ours', async (t) => {
  const world = new World(t, { options: rule('no MX or A', '554 5.4.4 unknown domain'), dns: () => ({ kind: 'none' }), match });
  world.send('1@a.test');
  world.send('2@a.test');
  await world.until(() => world.kinds === 'PP');
  assert.deepEqual(world.failures, ['P 0 554 5.4.4 unknown domain', 'P 0 554 5.4.4 unknown domain']);
});

test('Q-15: a host that cannot be reached has a reply of ours, which may be rewritten', async (t) => {
  const world = new World(t, {
    options: { ...rule('No valid hosts', '550 5.4.1 host gone'), remoteSmtpPort: 1 },
    redirect: (to) => ({ ...to, port: 1 }),
    match,
  });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'P');
});
