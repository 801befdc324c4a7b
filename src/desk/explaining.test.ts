/** What an explanation and a search cost: counted, not timed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, seededRandom, TimerWheel } from '#base';
import { Queues, type DomainQueue, type SendingOptions } from '#queue';
import { deskAnswers, type DeskPorts, type Found, type MessageStanding, type QueueStanding, type Steered } from './index.ts';

const options = {
  retryInterval: 1200,
  maxRetryInterval: 43_200,
  maxRetries: 'auto',
  messageExpiration: 8_640_000,
  neverAttemptExpiredMessages: false,
  suspendDelivery: true,
  blackhole: 'false',
  maxRecipientsPerBatch: 100,
  maxResidentActiveQueue: 0,
  dropBodyAfterTransFail: 3,
  delayedBindingDomainFuzz: 0,
  xclient: 'no',
} as SendingOptions;

function nothing(): void {
  // Not looked at.
}

function desk(messages: number): { ask: (question: string, args: unknown) => unknown; queue: DomainQueue; reads: () => number } {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  let reads = 0;
  const queues = new Queues({
    resolver: { sending: () => options, domainGateway: () => undefined },
    spool: { note: nothing, settled: nothing, loadBody: (_id, done) => done(undefined, Buffer.from('x')) },
    notices: { send: (_facts, done) => done() },
    clock,
    wheel,
    random: seededRandom(1),
    records: { record: nothing },
    counters: { add: nothing },
    panic: { log: nothing },
  });
  for (let i = 0; i < messages; i += 1)
    queues.accepted(
      {
        batchId: `b${i}`,
        connectionId: 'c',
        sender: `s${i % 10}@origin.test`,
        recipients: [
          { id: `r${i}`, address: `u${i}@a.test`, local: `u${i}`, domain: 'a.test', binding: 'default', bindingGroup: 'default' },
        ],
        receivedAt: clock.now(),
        size: 1,
        remoteIp: '192.0.2.1',
        remotePort: 1,
        protocol: 'esmtp',
        helo: 'h',
        contextConnection: {},
        contextMessage: {},
      },
      undefined,
    );
  const ports: DeskPorts = {
    queues,
    clock,
    wheel,
    standing: () => undefined,
    way: () => undefined,
    envelope: (_id, done) => done(undefined),
    body: (_id, done) => {
      reads += 1;
      done(Buffer.from('X-Job: 1\r\n\r\nx'));
    },
    assign: (_of, done) => done(undefined),
    assignNeedsBody: () => false,
    binding: (name) => (name === 'other' ? { group: 'default', binding: 'other' } : undefined),
    refresh: nothing,
  };
  const answers = new Map(deskAnswers(ports, 0));
  const queue = queues.find('default', 'a.test');
  assert.ok(queue);
  return { ask: (question, args) => answers.get(question)?.(args), queue, reads: () => reads };
}

test('CON explain looks at the same number of messages whatever is queued, and says that it was not all', () => {
  const looked = [300, 30_000].map((messages) => {
    const { ask } = desk(messages);
    const standing = ask('queue.explain', { binding: 'default', domain: 'a.test' }) as QueueStanding;
    assert.equal(standing.waiting, messages);
    const { message } = ask('message.explain', { id: `r${messages - 1}` }) as MessageStanding;
    assert.equal(message.recipients[0]?.address, `u${messages - 1}@a.test`);
    return standing.looked;
  });
  assert.deepEqual(looked, [200, 200]);
});

test('CON a search in headers stops at its bound, is gone on with by its cursor, and reads only what matches in all else', async () => {
  const { ask, reads } = desk(12_000);
  const header = { name: 'X-Job', value: 'none' };
  const first = (await ask('queue.search', { header, limit: 10 })) as Found;
  assert.ok(first.read >= 5_000 && first.read < 5_050, String(first.read));
  const second = (await ask('queue.search', { header, limit: 10, cursors: { 0: first.cursor } })) as Found;
  const third = (await ask('queue.search', { header, limit: 10, cursors: { 0: second.cursor } })) as Found;
  assert.equal(third.cursor, undefined);
  assert.deepEqual([first.looked + second.looked + third.looked, reads()], [12_000, 12_000]);
  const few = (await ask('queue.search', {
    header: { name: 'x-job', value: '1' },
    sender: 's3@*',
    recipient: 'u1*3@*',
    limit: 10,
  })) as Found;
  assert.equal(few.messages.length, 10);
});

test('CON a cursor whose place is gone says so; a command for the whole queue says exactly what it did', async () => {
  const { ask, queue } = desk(2_000);
  const found = (await ask('queue.search', { recipient: '*', limit: 5 })) as Found;
  const dry = (await ask('queue.steer', { action: 'rebind', to: 'other', isDry: true })) as Steered;
  assert.deepEqual([dry.messages, queue.waiting], [2_000, 2_000]);
  const refused = (await ask('queue.steer', { action: 'rebind', to: 'nowhere', isDry: false })) as Steered;
  assert.match(refused.problem ?? '', /there is no binding or group "nowhere"/);
  assert.equal(queue.waiting, 2_000);
  void ask('queue.steer', { action: 'rebind', to: 'other', isDry: false });
  const lost = (await ask('queue.search', { recipient: '*', limit: 5, cursors: { 0: found.cursor } })) as Found;
  assert.equal(lost.isCursorLost, true);
});
