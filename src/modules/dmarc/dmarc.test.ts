/**
 * The module dmarc in a session: what is told, what is refused, and who is not judged.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { ModuleLog } from '#observe';
import type { Query } from '#trust';
import { testSealer } from '../../../test/kit/arc.ts';
import { codes, settle, World, type FakeClient } from '../../../test/kit/inbound.ts';
import { DmarcModule, dmarcSettings } from './index.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = `v=DKIM1; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
const RECORDS: Readonly<Record<string, string>> = {
  '_dmarc.strict.test': 'v=DMARC1; p=reject',
  '_dmarc.soft.test': 'v=DMARC1; p=quarantine',
  's._domainkey.lists.test': key,
  's._domainkey.evil.test': key,
  'strict.test': 'v=spf1 ip4:192.0.2.7 -all',
};

function worldOf(action: string | undefined, o: { query?: Query; relays?: boolean; trustedSealers?: string[] } = {}): World {
  const query: Query = (name, type, done) => {
    const text = RECORDS[name];
    const rest = { ttl: 60, isAuthenticated: false };
    if (text === undefined || type !== 'TXT') done({ kind: 'nxdomain', ...rest });
    else done({ kind: 'records', name, records: [{ name, type, ttl: 60, chunks: [Buffer.from(text)] }], ...rest });
  };
  const log: ModuleLog = { name: 'dmarc', debugLevel: 'ERROR', wants: () => false, log: () => undefined };
  const holder: { world?: World } = {};
  const wheel = {
    schedule: (ms: number, work: () => void) => holder.world!.wheel.schedule(ms, work),
    cancel: (id: number) => holder.world!.wheel.cancel(id),
  };
  const module = new DmarcModule(dmarcSettings({ instance: undefined, options: { action, trustedSealers: o.trustedSealers } }), {
    query: o.query ?? query,
    clock: { now: () => 1_700_000_000_000 },
    wheel,
    log,
  });
  const options = o.relays === true ? { relayHosts: ['192.0.2.7'] } : { relayDomains: ['here.test'] };
  return (holder.world = new World({ modules: [module], options }));
}

async function talk(client: FakeClient, ...lines: string[]): Promise<string> {
  let said = '';
  for (const line of lines) {
    said += client.lines(line);
    for (let i = 0; i < 60; i++) await settle();
    said += client.take();
  }
  return said;
}

/** Mail of somebody else in the name of strict.test, as hops that seal passed it on, each with what it says it found. */
async function passedOn(...hops: readonly (readonly [domain: string, found: string])[]): Promise<string> {
  let text = 'From: a@strict.test\r\nSubject: x\r\n\r\ntext\r\n';
  for (const [i, [domain, found]] of hops.entries()) {
    const seal = testSealer({ signingDomain: domain, selector: 's' }, rsa.privateKey);
    const top = `Authentication-Results: ${domain}; ${found}\r\n`;
    text = (await seal(text, { arc_cv: i === 0 ? 'none' : 'pass' }, { localName: domain, top })).text;
  }
  return text.replace(/Subject: x\r\n\r\ntext\r\n$/, '');
}

async function send(
  world: World,
  from: string,
  sender = 'x@other.test',
): Promise<{ reply: string; text: string; context: Record<string, string> }> {
  const client = await world.connect();
  const said = await talk(
    client,
    'EHLO c.test',
    `MAIL FROM:<${sender}>`,
    'RCPT TO:<b@here.test>',
    'DATA',
    `${from}Subject: x\r\n\r\ntext\r\n.`,
  );
  const stored = codes(said).endsWith('354 250') ? world.spool.stored.at(-1) : undefined;
  return {
    reply: said.split('\r\n').at(-2) ?? '',
    text: stored?.text.replace(/\r\n(?=[ \t])/g, '') ?? '',
    context: stored?.envelope.contextMessage ?? {},
  };
}

test('dmarc: with action = context the result and what the domain wants are told, and nothing is refused', async () => {
  const world = worldOf('context');
  const failed = await send(world, 'From: a@strict.test\r\n');
  assert.deepEqual(
    [failed.context['dmarc_status'], failed.context['dmarc_policy'], failed.context['dmarc_domain']],
    ['fail', 'reject', 'strict.test'],
  );
  assert.match(
    failed.text,
    /^Authentication-Results: mx\.here\.test; dmarc=fail reason="[^"]+" header\.from=strict\.test policy\.dmarc=reject\r\n/,
  );
  const passed = await send(world, 'From: a@strict.test\r\n', 'x@strict.test');
  assert.deepEqual([passed.context['dmarc_status'], passed.context['dmarc_policy']], ['pass', 'none']);
  assert.equal((await send(world, 'From: a@strict.test\r\nFrom: a@soft.test\r\n')).context['dmarc_status'], 'permerror');
  assert.equal((await send(world, 'From: a@nothing.test\r\n')).context['dmarc_status'], 'none');
});

test('dmarc: with action = reject mail that fails is refused where its domain wants that, and mail without one author always', async () => {
  const world = worldOf('reject');
  assert.match(
    (await send(world, 'From: a@strict.test\r\n')).reply,
    /^550 rejected by DMARC policy of strict\.test: nobody of strict\.test stands behind it$/,
  );
  assert.match((await send(world, 'From: b@nothing.test, a@strict.test\r\n')).reply, /^550 rejected by DMARC policy of strict\.test/);
  assert.match(
    (await send(world, 'From: a@nothing.test\r\nFrom: a@nothing.test\r\n')).reply,
    /^550 rejected by DMARC policy: there are 2 From fields/,
  );
  assert.match((await send(world, 'From: a@strict.test\r\n', 'x@strict.test')).reply, /^250 /);
  const soft = await send(world, 'From: a@soft.test\r\n');
  assert.deepEqual([soft.reply.slice(0, 3), soft.context['dmarc_policy']], ['250', 'quarantine']);
});

test('dmarc: clients who may relay are not judged; a name server that is silent refuses nothing', async () => {
  const ours = await send(worldOf('reject', { relays: true }), 'From: a@strict.test\r\n');
  assert.deepEqual([ours.reply.slice(0, 3), ours.context['dmarc_status']], ['250', undefined]);
  const world = worldOf('reject', { query: () => undefined });
  const client = await world.connect();
  await talk(client, 'EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA', 'From: a@strict.test\r\n\r\ntext\r\n.');
  world.advance(20_100);
  assert.equal(codes(await talk(client)), '');
  for (let i = 0; i < 20; i++) await settle();
  assert.equal(world.spool.stored[0]?.envelope.contextMessage['dmarc_status'], 'temperror');
});

test('RFC 8617 7.2 dmarc: trusted_sealers who found the author behind a message set the wish of its domain aside, and that is told', async () => {
  const world = worldOf('reject', { trustedSealers: ['Lists.test'] });
  const good = ['lists.test', 'spf=fail; dmarc=pass (p=reject) header.from=strict.test'] as const;
  const { reply, text, context } = await send(world, await passedOn(good));
  assert.match(reply, /^250 /);
  assert.deepEqual([context['dmarc_status'], context['dmarc_policy'], context['dmarc_sealers']], ['fail', 'none', 'lists.test']);
  assert.match(
    text,
    /^Authentication-Results: mx\.here\.test; dmarc=fail reason="nobody of strict\.test stands behind it; reject is set aside: sealed by lists\.test" /,
  );
  assert.match((await send(world, await passedOn(good, good))).reply, /^250 /);
});

test('RFC 8617 7.2 dmarc: nobody is trusted by default; a stranger among the hops, a changed text or another finding leave the refusal as it is', async () => {
  const good = ['lists.test', 'dmarc=pass header.from=strict.test'] as const;
  const refused = async (text: string, trustedSealers: string[] = ['lists.test']): Promise<string> => {
    const { reply } = await send(worldOf('reject', { trustedSealers }), text);
    return /^550 rejected by DMARC policy of strict\.test: nobody of strict\.test stands behind it(.*)$/.exec(reply)?.[1] ?? reply;
  };
  assert.equal(await refused(await passedOn(good), []), '');
  assert.equal(await refused(await passedOn()), ', and nobody sealed it');
  for (const hops of [
    [good, ['evil.test', good[1]]],
    [['evil.test', good[1]], good],
  ] as const)
    assert.equal(await refused(await passedOn(...hops)), ', and evil.test is not trusted to seal');
  assert.match(
    await refused((await passedOn(good)).replace('i=1; lists.test;', 'i=1; lists.other;')),
    /^, and its chain fails: the seal of set 1: /,
  );
  for (const found of [
    'dmarc=fail header.from=strict.test',
    'dmarc=pass header.from=evil.test',
    'dmarc=pass',
    'none',
    'spf=pass reason="; dmarc=pass header.from=strict.test"',
    'spf=pass (; dmarc=pass header.from=strict.test)',
    'dmarc=fail header.from=strict.test; dmarc=pass header.from=strict.test',
    'dmarc=pass header.from=evil.test header.from=strict.test',
    'dmarc=pass "; header.from=strict.test',
  ])
    assert.equal(await refused(await passedOn(['lists.test', found])), ', and lists.test had not found strict.test behind it', found);
  assert.throws(() => dmarcSettings({ instance: undefined, options: { trustedSealers: ['a b'] } }), /cannot use "a b" in Trusted_Sealers/);
});
