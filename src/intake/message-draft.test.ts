/**
 * One message through the door.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ValidationContext,
  type BodySink,
  type HookView,
  type MailboxStore,
  type Phase,
  type PhaseHook,
  type StoreRecipient,
  type ValidationModule,
  type Verdict,
} from '#hooks';
import type { Envelope } from '#mail';
import { NO_BINDINGS, World } from '../../test/kit/inbound.ts';
import type { IntakeError } from './errors.ts';
import type { MessageDraft } from './message-draft.ts';
import type { BindingPort, DoorNotice, DoorNoticePort, EnvelopeHead } from './ports.ts';
import { ResidentBudget } from './resident-budget.ts';

function head(...addresses: readonly string[]): EnvelopeHead {
  return {
    connection: { id: 'conn', remoteIp: '192.0.2.7', remotePort: 1, localIp: '', localPort: 25, protocol: 'esmtp', helo: 'c.test' },
    protocol: 'esmtp',
    context: new ValidationContext(),
    sender: 'a@a.test',
    senderDomain: 'a.test',
    recipients: addresses.map((address) => ({ address, local: address.split('@')[0] ?? '', domain: address.split('@')[1] ?? '' })),
  };
}

function finish(draft: MessageDraft): { error?: IntakeError | undefined; batchId?: string | undefined; answers: number } {
  const outcome = { answers: 0 } as { error?: IntakeError | undefined; batchId?: string | undefined; answers: number };
  draft.finish((error, batchId) => {
    outcome.answers++;
    outcome.error = error;
    outcome.batchId = batchId;
  });
  return outcome;
}

class FakeStore implements MailboxStore {
  readonly name = 'fake';
  readonly committed: { envelope: Envelope; text: string }[] = [];
  aborted = 0;
  failWith: Error | undefined;
  readonly #domain: string;

  constructor(domain: string) {
    this.#domain = domain;
  }

  claims(domain: string): boolean {
    return domain === this.#domain;
  }

  check(_local: string, _domain: string, answer: (verdict: Verdict) => void): void {
    answer({ kind: 'continue' });
  }

  open(_recipients: readonly StoreRecipient[]): BodySink {
    const chunks: Buffer[] = [];
    return {
      onDrain: undefined,
      append: (chunk) => chunks.push(chunk) > 0,
      commit: (envelope, done) => {
        if (this.failWith === undefined) this.committed.push({ envelope, text: Buffer.concat(chunks).toString() });
        done(this.failWith);
      },
      abort: () => void this.aborted++,
    };
  }
}

test('Each recipient has a message id of its own within one batch, and the queue gets the body that was kept (SMTP-03, SMTP-17)', () => {
  const world = new World();
  const draft = world.intake.open(head('b@x.test', 'c@x.test'));
  draft.append(Buffer.from('one '));
  draft.append(Buffer.from('two'));
  const outcome = finish(draft);
  assert.equal(outcome.batchId, draft.batchId);
  const [taken] = world.accepted;
  assert.equal(taken?.body?.toString(), 'one two');
  assert.deepEqual(new Set([draft.batchId, ...(taken?.envelope.recipients.map(({ id }) => id) ?? [])]).size, 3);
  assert.match(draft.batchId, /^[0-9A-F]{2}\/[0-9A-F]{2}-\d{5}-[0-9A-F]{8}$/);
  assert.equal(taken?.envelope.size, 7);
  assert.deepEqual(
    taken?.envelope.recipients.map(({ binding, bindingGroup }) => [binding, bindingGroup]),
    [
      ['default', 'default'],
      ['default', 'default'],
    ],
  );
});

test('A body over the threshold, or when all drafts together hold too much, is not handed on but read back from the spool (SPL-08)', () => {
  const resident = new ResidentBudget({ perMessage: 100, total: 150 });
  const world = new World({ resident });
  const large = world.intake.open(head('b@x.test'));
  large.append(Buffer.alloc(60));
  large.append(Buffer.alloc(60));
  assert.equal(resident.used, 0);
  const first = world.intake.open(head('b@x.test'));
  const second = world.intake.open(head('b@x.test'));
  first.append(Buffer.alloc(90));
  second.append(Buffer.alloc(90));
  for (const draft of [large, first, second]) finish(draft);
  assert.deepEqual(
    world.accepted.map(({ body }) => body?.length),
    [undefined, 90, undefined],
  );
  assert.equal(resident.used, 0, 'all room is given back');
});

test('Recipients of a store go to the store, others to the spool; one answer when both are durable (OUT-48, SPL-04)', () => {
  const store = new FakeStore('here.test');
  const world = new World({ stores: [store] });
  world.spool.isSlow = true;
  const draft = world.intake.open(head('b@here.test', 'c@far.test', 'd@here.test'));
  draft.append(Buffer.from('body'));
  const outcome = finish(draft);
  assert.equal(outcome.answers, 0);
  world.spool.answerAll();
  assert.deepEqual([outcome.answers, outcome.error], [1, undefined]);
  assert.deepEqual(
    store.committed[0]?.envelope.recipients.map(({ local }) => local),
    ['b', 'd'],
  );
  assert.deepEqual(
    world.accepted.map(({ envelope }) => envelope.recipients.map(({ local }) => local)),
    [['c']],
  );
  assert.deepEqual(
    world.records.map((record) => record.kind),
    ['R', 'R', 'R'],
  );
});

test('When a store fails nothing is spooled; when only a store takes the message the spool sees nothing (OUT-48, A62)', () => {
  const store = new FakeStore('here.test');
  const world = new World({ stores: [store] });
  store.failWith = new Error('ENOSPC');
  const failed = finish(world.intake.open(head('b@here.test', 'c@far.test')));
  assert.equal(failed.error?.code, 'storage');
  assert.equal(failed.error?.reply.code, 452);
  assert.deepEqual([world.spool.stored.length, world.spool.aborted, world.accepted.length], [0, 1, 0]);
  assert.match(world.panics[0] ?? '', /not stored: ENOSPC/);
  finish(world.intake.open(head('b@here.test')));
  assert.equal(world.panics[1], world.panics[0], 'the same line for every message, so that the panic log counts it and does not fill up');
  store.failWith = undefined;
  finish(world.intake.open(head('b@here.test')));
  assert.equal(world.spool.drafts.length, 1, 'the one of before');
});

test('set_binding assigns bindings and groups that exist; others change nothing and leave a panic line (POL-05, POL-27)', () => {
  const bindings: BindingPort = {
    hasBinding: (name) => name === 'b1',
    chooseFromGroup: (group, domain) => (group === 'g' ? `g-of-${domain}` : undefined),
    isDefaultForbidden: false,
  };
  const wanted = ['b1', 'nowhere', 'group:g', 'group:none', 'default'];
  const results: boolean[] = [];
  const assign: ValidationModule = {
    name: 'policy',
    hooks: {
      set_binding: ({ recipient }: HookView) => {
        const name = wanted[Number(recipient?.local)] ?? '';
        results.push(
          recipient !== undefined && (name.startsWith('group:') ? recipient.setBindingGroup(name.slice(6)) : recipient.setBinding(name)),
        );
        recipient?.setPriority(name === 'b1' ? 1 : 0);
        return { kind: 'continue' };
      },
    },
  };
  const world = new World({ modules: [assign], bindings });
  finish(world.intake.open(head(...wanted.map((_, i) => `${i}@x.test`))));
  assert.deepEqual(results, [true, false, true, false, true]);
  assert.deepEqual(
    world.accepted[0]?.envelope.recipients.map(({ binding, bindingGroup, priority }) => [binding, bindingGroup, priority ?? 0]),
    [
      ['b1', 'default', 1],
      ['default', 'default', 0],
      ['g-of-x.test', 'g', 0],
      ['default', 'default', 0],
      ['default', 'default', 0],
    ],
  );
  assert.equal(world.panics.length, 2);
  assert.match(world.panics[0] ?? '', /there is no binding "nowhere"; assignment unchanged/);
});

test('Default_Binding=none refuses mail that policy did not assign, and takes what it did (OUT-03)', () => {
  const bindings: BindingPort = { ...NO_BINDINGS, hasBinding: () => true, isDefaultForbidden: true };
  const plain = new World({ bindings });
  assert.equal(finish(plain.intake.open(head('b@x.test'))).error?.code, 'no-binding');
  assert.equal(plain.spool.aborted, 1);
  const assign: ValidationModule = {
    name: 'p',
    hooks: { set_binding: ({ recipient }) => (recipient?.setBinding('b1') === true ? { kind: 'continue' } : { kind: 'done' }) },
  };
  const assigned = new World({ bindings, modules: [assign] });
  assert.equal(finish(assigned.intake.open(head('b@x.test'))).error, undefined);
});

test('Ten thousand recipients decided at once need no stack, and each later answer goes on where it stopped (POL-01)', () => {
  const waiting: (() => void)[] = [];
  const module: ValidationModule = {
    name: 'p',
    hooks: {
      data_spool_each_rcpt: ({ recipient }, later) => {
        if (Number(recipient?.local) % 5000 !== 0) return { kind: 'continue' };
        waiting.push(() => later({ kind: 'discard' }));
        return 'later';
      },
    },
  };
  const world = new World({ modules: [module] });
  const outcome = finish(world.intake.open(head(...Array.from({ length: 10_000 }, (_, i) => `${i}@x.test`))));
  while (waiting.length > 0) waiting.shift()?.();
  assert.deepEqual([outcome.answers, outcome.error], [1, undefined]);
  assert.equal(world.accepted[0]?.envelope.recipients.length, 9_998);
});

test('A draft that is aborted answers once, gives its room back and stores nothing; a second finish is an error (A68)', () => {
  const resident = new ResidentBudget();
  const world = new World({ resident });
  const draft = world.intake.open(head('b@x.test'));
  draft.append(Buffer.alloc(50));
  assert.equal(draft.abandonedSize, 50);
  draft.abort();
  draft.abort();
  assert.deepEqual([resident.used, world.spool.aborted, draft.append(Buffer.alloc(1))], [0, 1, true]);
  assert.equal(finish(draft).error?.code, 'aborted');
  const done = world.intake.open(head('b@x.test'));
  finish(done);
  done.abort();
  assert.equal(world.spool.stored.length, 1);
  assert.equal(finish(done).error?.code, 'aborted');
});

test('A draft asks to wait until every place it writes to has room again', () => {
  const world = new World();
  world.spool.highBytes = 10;
  const draft = world.intake.open(head('b@x.test'));
  let drains = 0;
  draft.onDrain = () => void drains++;
  assert.equal(draft.append(Buffer.alloc(8)), true);
  assert.equal(draft.append(Buffer.alloc(8)), false);
  assert.equal(draft.append(Buffer.alloc(8)), false);
  world.spool.drafts[0]?.drain();
  assert.equal(drains, 1);
});

test('A defect behind the door does not unsay what is durable: it leaves a panic line, and the client hears yes (SPL-04)', () => {
  const world = new World();
  world.accepted.push = () => {
    throw new Error('defect');
  };
  const outcome = finish(world.intake.open(head('b@x.test')));
  assert.deepEqual([outcome.answers, outcome.error, world.spool.stored.length], [1, undefined, 1]);
  assert.match(world.panics[0] ?? '', /is stored but was not taken over: Error: defect/);
});

test('A notice of our own enters by the same door, as protocol internal and without address (LOG-10)', () => {
  const world = new World();
  let id = '';
  const recipients = [{ address: 'a@a.test', local: 'a', domain: 'a.test' }];
  world.intake.submit({ sender: '', senderDomain: '', recipients }, Buffer.from('notice'), (_error, batchId) => {
    id = batchId ?? '';
  });
  const [taken] = world.accepted;
  assert.equal(taken?.envelope.batchId, id);
  assert.deepEqual([taken?.envelope.protocol, taken?.envelope.sender, taken?.envelope.remoteIp], ['internal', '', '']);
  const [record] = world.records;
  assert.ok(record?.kind === 'R' && record.protocol === 'internal' && record.senderDomain === '');
  assert.equal(world.intake.submitting, 0);
});

test('A notice of our own is taken whatever policy says of it in set_binding, and also where Default_Binding is none (POL-01, OUT-03)', () => {
  const reply = { code: 550, enhanced: '5.7.1', text: 'no' };
  const recipients = [{ address: 'a@a.test', local: 'a', domain: 'a.test' }];
  for (const verdict of [{ kind: 'reject', reply }, { kind: 'disconnect' }, { kind: 'discard' }] as const) {
    const bindings: BindingPort = { ...NO_BINDINGS, isDefaultForbidden: true };
    const world = new World({ bindings, modules: [hooking('set_binding', () => verdict)] });
    let answer: unknown;
    world.intake.submit({ sender: '', senderDomain: '', recipients }, Buffer.from('notice'), (error, batchId) => {
      answer = error ?? batchId;
    });
    assert.equal(answer, world.accepted[0]?.envelope.batchId, verdict.kind);
    assert.deepEqual([world.accepted.length, world.spool.stored.length], [1, 1], verdict.kind);
  }
});

function hooking(phase: Phase, hook: PhaseHook): ValidationModule {
  return { name: 'p', hooks: { [phase]: hook } };
}

const received = Buffer.from('Received: x\r\nX-Spam: no\r\nSubject: s\r\n\r\nbody\r\n');

test('Headers that a module changes are changed where the message is kept and for the queue, and later phases see it so (POL-07)', () => {
  let seen = '';
  const store = new FakeStore('here.test');
  const change = hooking('data_spool', ({ message }) => {
    assert.equal(message?.top(2)?.toString(), received.toString().slice(0, -4));
    const isDone = message?.edit([
      { kind: 'add', name: 'X-First', value: '1' },
      { kind: 'remove', name: 'x-spam' },
      { kind: 'replace', name: 'Subject', value: 'new' },
      { kind: 'append', name: 'X-Last', value: 'é' },
    ]);
    assert.equal(isDone, true);
    return { kind: 'continue' };
  });
  const look = hooking('data_spool_each_rcpt', ({ message }) => {
    seen = message?.top(100)?.toString() ?? '';
    return { kind: 'continue' };
  });
  const world = new World({ modules: [change, look], stores: [store] });
  const draft = world.intake.open(head('b@here.test', 'c@far.test'));
  draft.append(received);
  const outcome = finish(draft);
  const wanted = 'X-First: 1\r\nReceived: x\r\nSubject: new\r\nX-Last: é\r\n\r\nbody\r\n';
  assert.deepEqual([outcome.error, seen], [undefined, wanted]);
  assert.deepEqual([store.committed[0]?.text, Buffer.from(world.spool.stored[0]?.text ?? '', 'latin1').toString()], [wanted, wanted]);
  assert.deepEqual([world.accepted[0]?.body?.toString(), world.accepted[0]?.envelope.size], [wanted, Buffer.byteLength(wanted)]);
  assert.deepEqual([store.aborted, world.spool.aborted], [1, 1], 'what was written before is given up');
});

test('A message too large to be kept can be read at its beginning and not changed; without any room it cannot even be read (POL-07)', () => {
  const answers: unknown[] = [];
  const module = hooking('data_spool', ({ message }) => {
    answers.push(message?.top(10)?.toString().slice(0, 8), message?.edit([{ kind: 'remove', name: 'Subject' }]));
    return { kind: 'continue' };
  });
  const editable = new ResidentBudget({ perMessage: 60, total: 60 });
  const world = new World({ modules: [module], editable });
  const large = world.intake.open(head('b@x.test'));
  for (let i = 0; i < 3; i++) large.append(received);
  assert.equal(editable.used, 60);
  const second = world.intake.open(head('b@x.test'));
  second.append(received);
  assert.equal(finish(large).error, undefined);
  assert.equal(finish(second).error, undefined);
  assert.deepEqual(answers, ['Received', false, undefined, false]);
  assert.equal(world.spool.stored[0]?.text, received.toString().repeat(3));
  assert.equal(editable.used, 0, 'all room is given back');
});

test('A changed message is written no faster than its place takes it, and is given up when the client goes meanwhile (A68)', () => {
  const module = hooking('data_spool', ({ message }) =>
    message?.edit([{ kind: 'add', name: 'X', value: '1' }]) === true ? { kind: 'continue' } : { kind: 'discard' },
  );
  const world = new World({ modules: [module] });
  world.spool.highBytes = 70_000;
  const begin = () => {
    const draft = world.intake.open(head('b@x.test'));
    draft.append(Buffer.concat([received, Buffer.alloc(200_000, 'y')]));
    return { draft, outcome: finish(draft) };
  };
  const kept = begin();
  const anew = world.spool.drafts[1];
  assert.deepEqual([kept.outcome.answers, anew?.waitingBytes], [0, 131_072]);
  anew?.drain();
  anew?.drain();
  assert.deepEqual([kept.outcome.answers, kept.outcome.error], [1, undefined]);
  assert.equal(world.spool.stored[0]?.text.length, 6 + received.length + 200_000);
  const gone = begin();
  gone.draft.abort();
  world.spool.drafts[3]?.drain();
  assert.deepEqual([gone.outcome.error?.code, world.spool.stored.length], ['aborted', 1]);
});

test('A recipient that a module rewrites is stored as such, by the store of its new domain; routing domain and gateway stay beside the address (POL-06, POL-07)', () => {
  const store = new FakeStore('here.test');
  const results: boolean[] = [];
  const module = hooking('data_spool_each_rcpt', ({ recipient }) => {
    if (recipient?.local === 'a') results.push(recipient.rewrite('new@here.test'), recipient.rewrite('no address'));
    if (recipient?.local === 'b') results.push(recipient.setRoutingDomain('Route.TEST'), recipient.setRoutingDomain('a b'));
    if (recipient?.local === 'c') results.push(recipient.setGateway('gw.test:2525'), recipient.setGateway('a b'));
    return { kind: 'continue' };
  });
  const world = new World({ modules: [module], stores: [store] });
  const draft = world.intake.open(head('a@far.test', 'b@far.test', 'c@far.test'));
  draft.append(received);
  assert.equal(finish(draft).error, undefined);
  assert.deepEqual(results, [true, false, true, false, true, false]);
  assert.deepEqual(
    store.committed.map(({ envelope, text }) => [envelope.recipients[0]?.address, text]),
    [['new@here.test', received.toString()]],
  );
  assert.deepEqual(
    world.accepted[0]?.envelope.recipients.map(({ address, domain, gateway }) => [address, domain, gateway]),
    [
      ['b@far.test', 'route.test', undefined],
      ['c@far.test', 'far.test', 'gw.test:2525'],
    ],
  );
});

test('A refusal for a while, or by set_binding, refuses the message, whose one reply is for all; a discard drops that one (POL-01, POL-07)', () => {
  for (const phase of ['data_spool_each_rcpt', 'set_binding'] as const) {
    const module = hooking(phase, ({ recipient }) =>
      recipient?.local === 'bad' ? { kind: 'reject', reply: { code: 451, text: 'no' } } : { kind: 'continue' },
    );
    const world = new World({ modules: [module] });
    const outcome = finish(world.intake.open(head('b@x.test', 'bad@x.test')));
    assert.deepEqual([outcome.error?.reply.code, outcome.error?.module, world.spool.stored.length], [451, 'p', 0], phase);
  }
  const drop = hooking('data_spool_each_rcpt', ({ recipient }) => ({ kind: recipient?.local === 'bad' ? 'discard' : 'continue' }));
  const world = new World({ modules: [drop] });
  finish(world.intake.open(head('b@x.test', 'bad@x.test')));
  assert.deepEqual(
    world.accepted[0]?.envelope.recipients.map(({ local }) => local),
    ['b'],
  );
});

function telling(o: { error?: Error } = {}) {
  const told: DoorNotice[] = [];
  const tell: DoorNoticePort = (notice, done) => {
    told.push(notice);
    done(o.error);
  };
  return { told, tell };
}

test('BNC-05 recipients that policy refuses for good are told of by mail while others are taken; when all are refused the client hears it', () => {
  const no = { code: 550, enhanced: '5.7.1', text: 'not for you' };
  const module = hooking('data_spool_each_rcpt', ({ recipient }) =>
    recipient?.local.startsWith('bad') === true ? { kind: 'reject', reply: no } : { kind: 'continue' },
  );
  const { told, tell } = telling();
  const world = new World({ modules: [module], tell });
  const draft = world.intake.open(head('b@x.test', 'bad1@x.test', 'bad2@x.test'));
  draft.append(Buffer.from('Subject: s\r\n\r\n'));
  assert.equal(finish(draft).error, undefined);
  assert.deepEqual(
    world.accepted[0]?.envelope.recipients.map(({ local }) => local),
    ['b'],
  );
  assert.deepEqual(
    told.map(({ action, recipients, original }) => [
      action,
      recipients.map(({ address, reply, module: by }) => [address, reply.code, by]),
      original?.length,
    ]),
    [
      [
        'failed',
        [
          ['bad1@x.test', 550, 'p'],
          ['bad2@x.test', 550, 'p'],
        ],
        14,
      ],
    ],
  );
  const all = finish(world.intake.open(head('bad1@x.test', 'bad2@x.test')));
  assert.deepEqual([all.error?.reply, all.error?.module, told.length, world.accepted.length], [no, 'p', 1, 1]);
});

test('BNC-05 A62 a message whose notice of refused recipients cannot be stored is not taken', () => {
  const module = hooking('data_spool_each_rcpt', ({ recipient }) =>
    recipient?.local === 'bad' ? { kind: 'reject', reply: { code: 550, text: 'no' } } : { kind: 'continue' },
  );
  const { tell } = telling({ error: new Error('disk full') });
  const world = new World({ modules: [module], tell });
  const outcome = finish(world.intake.open(head('b@x.test', 'bad@x.test')));
  assert.deepEqual([outcome.error?.code, outcome.error?.reply.code, world.accepted.length], ['storage', 452, 0]);
});

test('RFC 3461 NOTIFY=SUCCESS is answered for mailboxes of this host, once they have the message, and never to the null sender', () => {
  const { told, tell } = telling();
  const world = new World({ stores: [new FakeStore('here.test')], tell });
  const { recipients, ...rest } = head('a@here.test', 'b@here.test', 'c@far.test');
  const asking = recipients.map((one) => (one.local === 'b' ? one : { ...one, notify: ['SUCCESS'] }));
  finish(world.intake.open({ ...rest, recipients: asking }));
  finish(world.intake.open({ ...rest, recipients: asking, sender: '' }));
  assert.deepEqual(
    told.map(({ action, recipients: of }) => [action, of.map(({ address }) => address)]),
    [['delivered', ['a@here.test']]],
  );
});

test('A notice of our own meets set_binding and no module that could refuse or drop it (POL-01)', () => {
  const met: string[] = [];
  const watch = (phase: Phase): ValidationModule =>
    hooking(phase, () => {
      met.push(phase);
      return { kind: 'continue' };
    });
  const world = new World({ modules: [watch('data_spool'), watch('data_spool_each_rcpt'), watch('set_binding')] });
  const recipients = [{ address: 'a@a.test', local: 'a', domain: 'a.test' }];
  world.intake.submit({ sender: '', senderDomain: '', recipients }, Buffer.from('notice'), () => undefined);
  assert.deepEqual(met, ['set_binding']);
});

test('POL-07 a message too large to be changed still gets fields in front, where it is spooled, and nothing else', () => {
  const seen: boolean[] = [];
  const module: ValidationModule = {
    name: 'm',
    hooks: {
      data_spool: ({ message }) => {
        seen.push(message?.edit([{ kind: 'add', name: 'B', value: 'two' }]) === true);
        seen.push(message?.edit([{ kind: 'add', name: 'A', value: 'one' }]) === true);
        seen.push(message?.edit([{ kind: 'remove', name: 'X' }]) === true);
        return { kind: 'continue' };
      },
    },
  };
  const world = new World({ modules: [module], editable: new ResidentBudget({ perMessage: 10, total: 10 }) });
  const draft = world.intake.open(head('b@x.test'));
  draft.append(Buffer.from('X: y\r\n\r\nbody of some length\r\n'));
  assert.equal(finish(draft).error, undefined);
  assert.deepEqual(seen, [true, true, false]);
  const { text, envelope } = world.spool.stored[0] ?? assert.fail('not stored');
  assert.equal(text, 'A: one\r\nB: two\r\nX: y\r\n\r\nbody of some length\r\n');
  assert.deepEqual([envelope.size, world.accepted[0]?.body?.length], [text.length, text.length]);
  const kept = new World({
    modules: [module],
    editable: new ResidentBudget({ perMessage: 10, total: 10 }),
    stores: [new FakeStore('x.test')],
  });
  const other = kept.intake.open(head('b@x.test'));
  other.append(Buffer.from('X: y\r\n\r\nbody of some length\r\n'));
  finish(other);
  assert.deepEqual(seen.slice(3), [false, false, false], 'a store takes no fields in front');
});
