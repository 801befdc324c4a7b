/**
 * Every misbehaviour of a receiver at every stage of a connection: exactly the documented record, and no recipient lost or served twice.
 *
 * The one rule: the server misbehaves once, then does its work; what the records say is compared word for word.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE, SILENCE, startServer, World, type ServerScript } from './fixtures.test.ts';

interface Place {
  readonly verb: string;
  readonly stage: number;
  readonly silence: string;
  /** A 5yz here is about the mail; elsewhere it is the host that fails. */
  readonly isVerdict: boolean;
}

const places: readonly Place[] = [
  { verb: 'banner', stage: 12, silence: 'no banner', isVerdict: false },
  { verb: 'EHLO', stage: 11, silence: 'no HELO/EHLO response', isVerdict: false },
  { verb: 'MAIL', stage: 3, silence: 'no MAIL FROM response', isVerdict: true },
  { verb: 'RCPT', stage: 5, silence: 'no RCPT TO response', isVerdict: true },
  { verb: 'DATA', stage: 7, silence: 'no DATA response', isVerdict: true },
  { verb: '.', stage: 9, silence: 'no BODY response', isVerdict: true },
];
const closed = '451 4.4.2 [internal] connection closed by remote host';
const faults: readonly (readonly [string, string, (place: Place) => string])[] = [
  ['a closed connection', CLOSE, () => closed],
  ['silence', SILENCE, ({ silence }) => `451 4.4.2 [internal] ${silence}`],
  ['421', `421 4.3.2 going down${CLOSE}`, () => '421 4.3.2 going down'],
  ['421 and an open connection', '421 4.3.2 going down', () => '421 4.3.2 going down'],
  ['words that are no reply', 'hello there', () => '451 4.4.2 [internal] malformed reply: hello there'],
  ['a temporary refusal', '450 4.2.0 not now', () => '450 4.2.0 not now'],
  ['a reply of several lines with two codes', '450-one\r\n451 two', () => '451 one two'],
  ['a line without end', `${'4'.repeat(70_000)}`, () => '451 4.4.2 [internal] malformed reply'],
];

for (const extensions of [['PIPELINING'], []])
  for (const place of places)
    test(`Q-12, Q-13, SD-1087: receivers that misbehave at ${place.verb} ${extensions.length > 0 ? 'in a pipeline' : 'one command at a time'}: the record tells, and each recipient gets the message once`, async (t) => {
      for (const [name, answer, reply] of faults) {
        let isBad = true;
        let silenced = -1;
        const script: ServerScript = {
          extensions,
          answer: (verb, _line, peer) => {
            // Who falls silent says nothing more, whatever else came in the same piece.
            if (silenced === peer.number) return SILENCE;
            if (!isBad || verb !== place.verb) return undefined;
            isBad = false;
            if (answer === SILENCE) silenced = peer.number;
            return answer;
          },
        };
        const server = await startServer(t, script);
        const seconds = { connectTimeout: 30, ehloTimeout: 30, mailfromTimeout: 30, rcpttoTimeout: 30, bodyTimeout: 30, rsetTimeout: 30 };
        const options = { ...seconds, remoteSmtpPort: server.port, retryInterval: 60, hostFailureRetry: 20, maxOutboundConnections: 1 };
        const world = new World(t, { options, isManual: true });
        world.send(['one@a.test', 'two@a.test']);
        await world.until(() => !isBad, `${name} at ${place.verb}`);
        await world.turns(60);
        if (name === 'silence') world.pass(31);
        await world.until(() => world.failures.length > 0, `${name} at ${place.verb}`);
        // A refusal of one RCPT is about that recipient alone.
        const isOfOne = place.verb === 'RCPT' && /refusal|two codes/.test(name);
        assert.equal(world.failures.length, isOfOne ? 1 : 2, `${name}: ${world.summary()}`);
        for (const failure of world.failures)
          assert.ok(failure.startsWith(`T ${place.stage} ${reply(place)}`), `${name} at ${place.verb}: ${failure}`);
        for (let i = 0; i < 5 && world.settled.length === 0; i += 1) {
          world.pass(61);
          await world.turns(60);
        }
        await world.until(() => world.settled.length === 1, `${name} at ${place.verb} healed`);
        const got = server.messages.flatMap(({ to }) => to).toSorted();
        assert.deepEqual(got, ['RCPT TO:<one@a.test>', 'RCPT TO:<two@a.test>'], `${name} at ${place.verb}`);
        assert.equal(world.kinds.match(/D/g)?.length, 2);
        assert.equal(world.notices.length, 0);
      }
    });

test('Q-12, Q-13: a permanent refusal is the verdict where it is about the mail, and the failure of the host where it is not', async (t) => {
  for (const place of places) {
    const server = await startServer(t, { answer: (verb) => (verb === place.verb ? '550 5.7.1 not you' : undefined) });
    const world = new World(t, { options: { remoteSmtpPort: server.port } });
    world.send(['one@a.test', 'two@a.test']);
    if (place.verb === 'EHLO') {
      await world.until(() => world.kinds === 'DD');
      assert.ok(
        server.lines.some((line) => line.startsWith('HELO')),
        'a server of old',
      );
      continue;
    }
    await world.until(() => world.records.length === 2);
    const kind = place.isVerdict ? 'P' : 'T';
    assert.deepEqual(
      world.failures,
      Array.from({ length: 2 }, () => `${kind} ${place.stage} 550 5.7.1 not you`),
      place.verb,
    );
    assert.equal(world.notices.length, place.isVerdict ? 1 : 0);
  }
});

test('Q-12, MO-465: whatever goes wrong between two messages costs the second nothing: it is tried again at once on another connection', async (t) => {
  for (const answer of [CLOSE, `421 4.3.2 enough${CLOSE}`]) {
    let isBad = true;
    const server = await startServer(t, {
      extensions: [],
      answer: (verb, _line, peer) => {
        if (verb !== 'MAIL' || peer.messages === 0 || !isBad) return undefined;
        isBad = false;
        return answer;
      },
    });
    const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
    world.send('one@a.test');
    world.send('two@a.test');
    await world.until(() => world.kinds === 'DD');
    assert.equal(server.connections, 2);
    assert.deepEqual(world.failures, []);
  }
});

test('Q-12, Q-13, SHP-10: whatever a receiver does at RSET is no verdict: the message behind it is delivered once, at no cost', async (t) => {
  for (const extensions of [['PIPELINING'], ['CHUNKING', 'PIPELINING'], []])
    for (const [name, answer] of [...faults, ['a permanent refusal', '550 5.5.1 never'] as const]) {
      let isBad = true;
      const silenced = new Set<number>();
      const server = await startServer(t, {
        extensions,
        answer: (verb, line, peer) => {
          if (silenced.has(peer.number)) return SILENCE;
          if (verb === 'RCPT' && line.includes('<nobody@')) return '550 5.1.1 no such user';
          if (verb !== 'RSET' || !isBad) return undefined;
          isBad = false;
          if (answer === SILENCE) silenced.add(peer.number);
          return answer;
        },
      });
      const options = { remoteSmtpPort: server.port, rsetTimeout: 30, retryInterval: 3600, maxOutboundConnections: 1 };
      const world = new World(t, { options, isManual: true });
      world.send('nobody@a.test');
      world.send('two@a.test');
      const what = `${name} with ${extensions.join(' ')}`;
      await world.until(() => !isBad, what);
      await world.turns(60);
      if (name === 'silence') world.pass(31);
      await world.until(() => world.settled.length === 2, what);
      assert.equal(world.kinds, 'PD', what);
      assert.deepEqual(
        server.messages.map(({ to }) => to),
        [['RCPT TO:<two@a.test>']],
        what,
      );
    }
});

test('A50: a reply of fifty thousand lines ends the attempt, and what is kept of it is short', async (t) => {
  const endless = await startServer(t, { answer: (verb) => (verb === 'EHLO' ? `${'250-X\r\n'.repeat(50_000)}250 X` : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: endless.port } });
  world.send('one@a.test');
  await world.until(() => world.records.length === 1);
  const [failure = ''] = world.failures;
  assert.ok(failure.startsWith('T 11 451 4.4.2 [internal] malformed reply: 250 X'), failure.slice(0, 100));
  assert.ok(failure.length < 2_500, `${failure.length} characters`);
});
