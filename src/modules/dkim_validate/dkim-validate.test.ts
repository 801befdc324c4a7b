/**
 * The module dkim_validate in a session: what it writes, for messages of every size.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { MessageDigest, namedRules, SignatureDraft, signature } from '#dkim';
import { ResidentBudget } from '#intake';
import type { ModuleLog } from '#observe';
import type { Query } from '#trust';
import { codes, settle, World } from '../../../test/kit/inbound.ts';
import { DkimValidateModule } from './index.ts';

const edwards = generateKeyPairSync('ed25519');
const KEY = `k=ed25519; t=y; p=${edwards.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`;

function signed(message: string): string {
  const digest = new MessageDigest(() => [{ digest: 'sha256', canonicalization: 'relaxed' }]);
  digest.push(Buffer.from(message));
  const digested = digest.finish()!;
  const plan = {
    domain: 'a.test',
    selector: 'e',
    algorithm: 'ed25519-sha256',
    headerCanonicalization: 'relaxed',
    bodyCanonicalization: 'relaxed',
    headers: namedRules({ names: ['From', 'Subject', 'Received'], skipped: [], oversigned: ['Received'] })!,
    identity: undefined,
    lifetimeSeconds: 0,
    hasBodyLength: false,
    copiesHeaders: false,
  } as const;
  const draft = new SignatureDraft(digested.header, plan, {
    body: digested.hash({ digest: 'sha256', canonicalization: 'relaxed' }),
    now: 1_700_000_000,
  });
  return draft.header(signature(draft.input, 'ed25519-sha256', edwards.privateKey)) + message;
}

interface Outcome {
  readonly text: string;
  readonly context: Readonly<Record<string, string>>;
}

async function send(
  message: string,
  o: { editable?: ResidentBudget; context?: Record<string, string>; query?: Query } = {},
): Promise<Outcome & { world: World }> {
  const query: Query = (name, type, done) => {
    const rest = { ttl: 60, isAuthenticated: false };
    if (name !== 'e._domainkey.a.test') done({ kind: 'nxdomain', ...rest });
    else done({ kind: 'records', name, records: [{ name, type: 'TXT', ttl: 60, chunks: [Buffer.from(KEY)] }], ...rest });
  };
  const log: ModuleLog = { name: 'dkim_validate', debugLevel: 'ERROR', wants: () => false, log: () => undefined };
  const holder: { world?: World } = {};
  const wheel = {
    schedule: (ms: number, work: () => void) => holder.world!.wheel.schedule(ms, work),
    cancel: (id: number) => holder.world!.wheel.cancel(id),
  };
  const module = new DkimValidateModule({
    query: o.query ?? query,
    clock: { now: () => 1_700_000_000_000 },
    wheel,
    log,
  });
  const options = { relayDomains: ['here.test'], context: new Map(Object.entries(o.context ?? {})) };
  const world = (holder.world = new World({ modules: [module], options, ...(o.editable === undefined ? {} : { editable: o.editable }) }));
  const client = await world.connect();
  assert.equal(codes(client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA')), '250 250 250 354');
  client.lines(message, '.');
  for (let i = 0; i < 60; i++) await settle();
  if (o.query !== undefined) {
    world.advance(20_100);
    for (let i = 0; i < 20; i++) await settle();
  }
  const { text, envelope } = world.spool.stored[0] ?? assert.fail('not stored');
  return { world, text: text.replace(/\r\n(?=[ \t])/g, ''), context: envelope.contextMessage };
}

const PLAIN = 'From: a@a.test\r\nSubject: x\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\ntext';

test('MOD-03 dkim_validate writes each verdict, dkim_status and dkim_domains; our own Received does not break a signature that asserts there is none', async () => {
  const good = await send(signed(`${PLAIN}\r\n`).slice(0, -2));
  assert.match(
    good.text,
    /^Authentication-Results: mx\.here\.test; dkim=pass reason="the domain is testing" header\.d=a\.test header\.i=@a\.test header\.s=e header\.a=ed25519-sha256 header\.b=\S+\r\nReturn-Path/,
  );
  assert.deepEqual([good.context['dkim_status'], good.context['dkim_domains']], ['pass', 'a.test']);
  const two = await send(`DKIM-Signature: nonsense\r\n${signed(`${PLAIN}\r\n`).slice(0, -2)}`);
  assert.match(two.text, /dkim=permerror reason="the field cannot be read"; dkim=pass/);
  assert.equal(two.context['dkim_status'], 'pass');
  const bad = await send(signed(`${PLAIN}\r\n`).slice(0, -2).replace('text', 'test'));
  assert.match(bad.text, /dkim=fail reason="the body was changed; the domain is testing"/);
  assert.deepEqual(
    [bad.context['dkim_status'], bad.context['dkim_domains']],
    ['none', undefined],
    'RFC 6376 3.6.1: as if it were not signed',
  );
  const both = await send(`DKIM-Signature: nonsense\r\n${signed(`${PLAIN}\r\n`).slice(0, -2).replace('text', 'test')}`);
  assert.equal(both.context['dkim_status'], 'permerror');
});

test('MOD-03 a message without a signature gets no field, and a bypassed session none either', async () => {
  const none = await send(PLAIN);
  assert.deepEqual([none.context['dkim_status'], none.text.startsWith('Return-Path')], ['none', true]);
  const bypassed = await send(signed(`${PLAIN}\r\n`).slice(0, -2), { context: { __bypass_dkim_validate: 'true' } });
  assert.deepEqual([bypassed.context['dkim_status'], bypassed.text.startsWith('Return-Path')], [undefined, true]);
});

test('MOD-03 a message too large to be held is checked as it comes, and gets its field in front', async () => {
  const text = signed(`${PLAIN}\r\n${'A line of some length.\r\n'.repeat(20_000)}`).slice(0, -2);
  const large = await send(text, { editable: new ResidentBudget({ perMessage: 1000, total: 1000 }) });
  assert.match(large.text, /^Authentication-Results: mx\.here\.test; dkim=pass/);
  assert.ok(large.text.length > 400_000);
});

test('A56 dkim_validate: a name server that is silent makes it temperror after twenty seconds, and the mail goes on', async () => {
  const late = await send(signed(`${PLAIN}\r\n`).slice(0, -2), { query: () => undefined });
  assert.equal(late.context['dkim_status'], 'temperror');
});
