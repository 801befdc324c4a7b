/**
 * What becomes of each recipient, and when it is tried again: replies of the hop, records of the log.
 *
 * The one rule: times are small and never asserted; attempts, kinds and texts are.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { linesOf, mainMatching, mainRecords } from '../kit/log-lines.ts';
import { arrivals, handIn } from '../kit/outgoing.ts';
import { prepareServer, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const tries = new Map<string, number>();
const hop = new Sink({
  extensions: ['PIPELINING', 'ENHANCEDSTATUSCODES'],
  replies: {
    MAIL: (line) => (line.includes('<banned@') ? '550 5.7.1 not you' : undefined),
    RCPT: (line) => {
      const address = /<(.*)>/.exec(line)?.[1] ?? '';
      const count = (tries.get(address) ?? 0) + 1;
      tries.set(address, count);
      if (address.startsWith('gone')) return '550 5.1.1 No such account';
      if (address.startsWith('busy')) return '450 4.2.1 mailbox busy';
      if (address.startsWith('many')) return '552 5.5.3 too many recipients';
      if (address.startsWith('moved')) return '251 2.1.5 forwarded';
      const times = /^try(\d)/.exec(address)?.[1];
      return times !== undefined && count < Number(times) ? '451 4.3.0 once more' : undefined;
    },
  },
});
const dataHop = new Sink({ extensions: [], replies: { DATA: '554 5.5.0 no data' } });
const dotHop = new Sink({ replies: { '.': '554 5.6.0 not this' } });
const quitter = new Sink({ replies: { banner: '421 4.3.2 no adequate servers' } });
let server: Server;

before(async () => {
  await Promise.all([hop, dataHop, dotHop, quitter].map((each) => each.listen()));
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Generate_Bounces = false
Retry_Interval = 1
Max_Retry_Interval = 2
Host_Failure_Retry = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Routes = ( "127.0.0.1:{port:hop}" )
Domain "wait.test" { Retry_Interval = 3600 Max_Retry_Interval = 3600 }
Domain "twice.test" { Max_Retries = 2 }
Domain "never.test" { Never_Retry = true }
Domain "old.test" { Message_Expiration = 2 }
Domain "stale.test" { Message_Expiration = 1 Never_Attempt_Expired_Messages = true }
Domain "data.test" { Routes = ( "127.0.0.1:{port:data}" ) }
Domain "dot.test" { Routes = ( "127.0.0.1:{port:dot}" ) }
Domain "quit.test" { Routes = ( "127.0.0.1:{port:quit}" ) Retry_Interval = 3600 }
`,
    ports: { hop: hop.port, data: dataHop.port, dot: dotHop.port, quit: quitter.port },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all([hop, dataHop, dotHop, quitter].map((each) => each.close()));
});

const of = (domain: string) => (record: { fields: readonly string[] }) => record.fields[0] === domain;

test('OUT-43 each recipient of one transaction has its own outcome: delivered, to be tried again, failed', async () => {
  await handIn(server, ['good@wait.test', 'gone@wait.test', 'busy@wait.test', 'moved@wait.test', 'many@wait.test']);
  const [message] = await arrivals(hop, 'wait.test');
  assert.deepEqual(message?.rcptTo, ['RCPT TO:<good@wait.test>', 'RCPT TO:<moved@wait.test>']);
  assert.equal((await mainMatching(server, 'D', 2, of('wait.test'))).length, 2);
  const failed = await mainMatching(server, 'P', 1, of('wait.test'));
  assert.deepEqual(
    failed.map(({ fields }) => fields.at(-1)),
    ['550 5.1.1 No such account'],
  );
  const deferred = await mainMatching(server, 'T', 2, of('wait.test'));
  assert.deepEqual(deferred.map(({ fields }) => fields.at(-1)).sort(), ['450 4.2.1 mailbox busy', '552 5.5.3 too many recipients']);
});

test('Q-12 the records tell the stage at which it ended: MAIL 3, RCPT 5, DATA 7, final dot 9', async () => {
  await handIn(server, 'u@mail.test', { from: 'banned@sender.test' });
  await handIn(server, 'gone@rcpt.test');
  await handIn(server, 'u@data.test');
  await handIn(server, 'u@dot.test');
  const stages: Record<string, string> = {};
  for (const domain of ['mail.test', 'rcpt.test', 'data.test', 'dot.test']) {
    const [record] = await mainMatching(server, 'P', 1, of(domain));
    stages[domain] = record?.fields[4] ?? '';
  }
  assert.deepEqual(stages, { 'mail.test': '3', 'rcpt.test': '5', 'data.test': '7', 'dot.test': '9' });
});

test('Q-02 a message that met transient failures is tried again until it is taken, and its record counts them', async () => {
  await handIn(server, 'try3@again.test');
  await arrivals(hop, 'again.test');
  const [delivery] = await mainMatching(server, 'D', 1, of('again.test'));
  assert.equal(delivery?.fields[4], '2', 'two retries');
  const attempts = (await mainMatching(server, 'T', 2, of('again.test'))).map(({ fields }) => fields[5]);
  assert.deepEqual(attempts, ['0', '1']);
});

test('Q-03 Q-05 Max_Retries, Never_Retry and Message_Expiration end with their texts', async () => {
  const ends: Record<string, [string, number]> = {
    'twice.test': ['554 5.4.7 [internal] exceeded max retries without delivery', 3],
    'never.test': ['554 5.4.7 [internal] exceeded max retries without delivery', 1],
    'old.test': ['554 5.4.7 [internal] exceeded max time without delivery', 3],
    'stale.test': ['554 5.4.5 [internal] Delivery not attempted (message expired)', 1],
  };
  for (const domain of Object.keys(ends)) await handIn(server, `busy@${domain}`);
  for (const [domain, [text, times]] of Object.entries(ends)) {
    const [failure] = await mainMatching(server, 'P', 1, of(domain));
    assert.equal(failure?.fields.at(-1), text, domain);
    assert.equal(tries.get(`busy@${domain}`), times, `attempts for ${domain}`);
  }
});

test('a hop whose greeting is 421 costs the message one attempt and never fails it', async () => {
  await handIn(server, 'u@quit.test');
  const [record] = await mainMatching(server, 'T', 1, of('quit.test'));
  assert.deepEqual([record?.fields[4], record?.fields.at(-1)], ['12', '421 4.3.2 no adequate servers']);
  assert.equal(mainRecords(server, 'P').filter(of('quit.test')).length, 0);
});

test('LOG-01 LOG-10 the lines of reception, delivery, transient and permanent failure are exactly as documented', async () => {
  await handIn(server, 'try2@Line.test', { from: 'bob@example.test' });
  await handIn(server, 'gone@line.test', { from: 'bob@example.test' });
  await mainMatching(server, 'D', 1, of('line.test'));
  await mainMatching(server, 'P', 1, of('line.test'));
  const id = '[0-9A-F]{2}/[0-9A-F]{2}-\\d{5}-[0-9A-F]{8}';
  const head = `^\\d{10}@${id}@${id}@${id}`;
  const seconds = '\\d+(?:\\.\\d{1,3})?';
  const shapes = [
    `${head}@R@(?:try2|gone)@line\\.test@bob@example\\.test@127\\.0\\.0\\.1@\\d+@esmtp@default@default$`,
    `${head}@T@line\\.test@0@default@default@5@0@${seconds}@127\\.0\\.0\\.1@451 4\\.3\\.0 once more$`,
    `${head}@D@line\\.test@\\d+@default@default@1@${seconds}@127\\.0\\.0\\.1$`,
    `${head}@P@line\\.test@0@default@default@5@0@${seconds}@127\\.0\\.0\\.1@550 5\\.1\\.1 No such account$`,
  ].map((shape) => new RegExp(shape));
  const lines = linesOf(server, 'mainlog.ec').filter((line) => line.includes('@line.test@'));
  assert.deepEqual(
    shapes.map((shape) => lines.filter((line) => shape.test(line)).length),
    [2, 1, 1, 1],
    lines.join('\n'),
  );
  assert.equal(lines.length, 5);
  const size = mainRecords(server, 'R').find(({ fields }) => fields[0] === 'try2')?.fields[5];
  assert.equal(mainRecords(server, 'D').find(of('line.test'))?.fields[1], size, 'R and D tell the same size');
});

test('a message is counted once: no recipient of this file ended twice', () => {
  const ended = mainRecords(server).filter(({ kind }) => kind === 'D' || kind === 'P');
  const ids = ended.map(({ messageId }) => messageId);
  assert.equal(new Set(ids).size, ids.length, 'no message ended twice');
});
