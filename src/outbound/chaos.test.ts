import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#base';
import { CLOSE, startServer, World, type Answer } from './fixtures.test.ts';

/*
 * A server of a bad character, chosen by a seed: it refuses, defers, closes and says 421 anywhere. Whatever it does, no message is lost,
 * none reaches a wrong recipient, and a copy too many exists only where the server took a message and its yes never arrived.
 */
const extensionSets = [['PIPELINING'], [], ['PIPELINING', 'CHUNKING'], ['CHUNKING', 'SIZE 100000']];

for (let seed = 1; seed <= 24; seed += 1) {
  test(`#2809, MO-465, SD-1426, A14: under a server of bad character every message has one end and the right recipient (seed ${seed})`, async (t) => {
    const random = seededRandom(seed);
    let swallowed = 0;
    const temper = (verb: string): Answer => {
      const dice = random.int(100);
      if (verb === 'QUIT' || verb === 'banner' || verb === 'EHLO') return dice < 3 ? `421 not today${CLOSE}` : undefined;
      if (dice < 4) return `421 enough${CLOSE}`;
      if (dice < 7) return CLOSE;
      if (dice < 12) return '451 4.3.0 later';
      if (verb === 'RCPT' && dice < 16) return '550 5.1.1 unknown';
      if (verb === 'MAIL' && dice < 14) return '553 5.1.8 no';
      if (verb === 'DATA' && dice < 14) return '554 5.0.0 no data';
      return (verb === '.' || verb === 'BDAT') && dice < 16 ? `250 taken, but${CLOSE}` : undefined;
    };
    const server = await startServer(t, {
      extensions: extensionSets[seed % extensionSets.length] ?? [],
      answer: (verb) => {
        const answer = temper(verb);
        if (answer?.startsWith('250') === true) swallowed += 1;
        return answer;
      },
    });
    const world = new World(t, {
      isManual: true,
      options: {
        remoteSmtpPort: server.port,
        maxOutboundConnections: 1 + (seed % 4),
        retryInterval: 60,
        maxRetryInterval: 60,
        messageExpiration: 10_000_000,
        hostFailureRetry: 10,
      },
    });
    const count = 60;
    for (let i = 0; i < count; i += 1)
      world.send([`u${i}@a.test`, `v${i}@a.test`].slice(0, 1 + random.int(2)), {
        text: `Subject: ${i}\r\n\r\n.${i}\r\n`,
        resident: random.int(2) === 0,
      });
    for (let round = 0; round < 200 && world.settled.length < count; round += 1) {
      await world.turns(60);
      world.pass(61);
    }
    assert.equal(world.settled.length, count, world.summary());
    const delivered = world.records.filter((r) => r.kind === 'D').length;
    const failed = world.records.filter((r) => r.kind === 'P').length;
    assert.equal(delivered + failed, world.notes.filter((note) => note.kind !== 'deferred').length);
    for (const { to, data } of server.messages) {
      const number = /^Subject: (\d+)\r\n\r\n\.?\.(\d+)\r\n$/.exec(data)?.[1] ?? 'torn';
      for (const line of to) assert.match(line, new RegExp(`<[uv]${number}@`), data);
    }
    const copies = server.messages.reduce((sum, { to }) => sum + to.length, 0);
    assert.ok(copies >= delivered, 'nothing is believed delivered that was not taken');
    assert.ok(copies - delivered <= swallowed * 2, `${copies} copies of ${delivered}, ${swallowed} answers lost`);
    assert.deepEqual(world.panics, []);
  });
}
