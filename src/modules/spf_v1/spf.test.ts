/**
 * The module spf_v1 in a session: when it asks, what it writes, and that it refuses nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModuleLog } from '#observe';
import type { Query } from '#trust';
import { codes, settle, World, type FakeClient } from '../../../test/kit/inbound.ts';
import { SpfModule, spfSettings } from './index.ts';

const RECORDS: Readonly<Record<string, string>> = {
  'good.test': 'v=spf1 ip4:192.0.2.7 -all',
  'bad.test': 'v=spf1 exp=why.bad.test -all',
  'why.bad.test': 'Go away, (%{s})',
  'soft.test': 'v=spf1 ~all',
  'c.test': 'v=spf1 -all',
};

interface Setting {
  readonly world: World;
  readonly asked: string[];
  readonly lines: string[];
}

function setting(options: Readonly<Record<string, unknown>> = {}, o: { query?: Query; context?: Record<string, string> } = {}): Setting {
  const asked: string[] = [];
  const lines: string[] = [];
  const query: Query = (name, type, done) => {
    asked.push(`${type} ${name}`);
    const text = RECORDS[name];
    const rest = { ttl: 60, isAuthenticated: false };
    if (text === undefined || type !== 'TXT') done({ kind: 'nxdomain', ...rest });
    else done({ kind: 'records', name, records: [{ name, type, ttl: 60, chunks: [Buffer.from(text)] }], ...rest });
  };
  const log: ModuleLog = {
    name: 'spf_v1',
    debugLevel: 'INFO',
    wants: () => true,
    log: (level, text) => void lines.push(`${level} ${text}`),
  };
  const holder: { world?: World } = {};
  const wheel = {
    schedule: (ms: number, work: () => void) => holder.world!.wheel.schedule(ms, work),
    cancel: (id: number) => holder.world!.wheel.cancel(id),
  };
  const module = new SpfModule(spfSettings({ instance: 'one', options }), {
    query: o.query ?? query,
    clock: { now: () => 1_700_000_000_000 },
    wheel,
    log,
  });
  const world = new World({ modules: [module], options: { relayHosts: ['192.0.2.7'], context: new Map(Object.entries(o.context ?? {})) } });
  holder.world = world;
  return { world, asked, lines };
}

async function talk(client: FakeClient, ...lines: string[]): Promise<string> {
  let said = '';
  for (const line of lines) {
    said += client.lines(line);
    for (let i = 0; i < 40; i++) await settle();
    said += client.take();
  }
  return said;
}

/** Sends one message and gives what was stored of it. */
async function stored(
  { world }: Setting,
  sender: string,
): Promise<{ text: string; status: string | undefined; context: Record<string, string> }> {
  const client = await world.connect();
  const said = await talk(client, 'EHLO c.test', `MAIL FROM:<${sender}>`, 'RCPT TO:<b@x.test>', 'DATA', 'Subject: x\r\n\r\ntext\r\n.');
  assert.equal(codes(said), '250 250 250 354 250');
  const { text, envelope } = world.spool.stored.at(-1) ?? assert.fail('not stored');
  return { text: text.replace(/\r\n(?=[ \t])/g, ''), status: envelope.contextMessage['spf_status'], context: envelope.contextMessage };
}

test('MOD-02 the result is in spf_status and in both fields, and no result refuses anything', async () => {
  const it = setting();
  const good = await stored(it, 'a@good.test');
  assert.equal(good.status, 'pass');
  assert.match(
    good.text,
    /^Authentication-Results: mx\.here\.test; spf=pass reason="ip4:192\.0\.2\.7 of good\.test matches" smtp\.mailfrom=a@good\.test\r\nReceived-SPF: pass \(mx\.here\.test: ip4:192\.0\.2\.7 of good\.test matches\) receiver=mx\.here\.test; client-ip=192\.0\.2\.7; envelope-from="a@good\.test"; helo=c\.test; identity=mailfrom\r\nReturn-Path:/,
  );
  const bad = await stored(it, 'a@bad.test');
  assert.equal(bad.status, 'fail');
  assert.equal(bad.context['spf_status_explanation'], 'Go away, (a@bad.test)');
  assert.match(bad.text, /Received-SPF: fail \(mx\.here\.test: Go away, \\\(a@bad\.test\\\): -all of bad\.test matches\)/);
  assert.equal((await stored(it, 'a@soft.test')).status, 'softfail');
  assert.equal((await stored(it, 'a@nothing.test')).status, 'none');
  assert.ok(it.lines.includes('INFO 192.0.2.7 a@bad.test: fail (-all of bad.test matches)'));
});

test('MOD-02 the null sender is judged by its HELO, and says so', async () => {
  const { status, text } = await stored(setting(), '');
  assert.equal(status, 'fail');
  assert.match(text, /spf=fail .* smtp\.helo=c\.test\r\n/);
  assert.match(text, /identity=helo\r\n/);
});

test('MOD-02 add_headers, add_authentication_results, context_variable, the two fallback strings and default_rule are obeyed', async () => {
  const quiet = await stored(setting({ addHeaders: false, addAuthenticationResults: false, contextVariable: 'who' }), 'a@bad.test');
  assert.match(quiet.text, /^Return-Path/);
  assert.deepEqual([quiet.context['who'], quiet.context['who_explanation'], quiet.status], ['fail', 'Go away, (a@bad.test)', undefined]);
  const worded = setting({ failFallbackString: 'No', softfailFallbackString: 'Hardly' });
  assert.match((await stored(worded, 'a@soft.test')).text, /spf=softfail reason="Hardly: /);
  assert.match((await stored(worded, '')).text, /spf=fail reason="No: /);
  const ruled = await stored(setting({ defaultRule: 'ip4:192.0.2.0/24 -all' }), 'a@nothing.test');
  assert.equal(ruled.status, 'pass');
  assert.throws(() => spfSettings({ instance: undefined, options: { contextVariable: '' } }), /spf_v1: Context_Variable is empty/);
});

test('MOD-02 delay_check asks at the first RCPT TO, once', async () => {
  const it = setting({ delayCheck: true });
  const client = await it.world.connect();
  await talk(client, 'EHLO c.test', 'MAIL FROM:<a@good.test>');
  assert.deepEqual(it.asked, []);
  await talk(client, 'RCPT TO:<b@x.test>', 'RCPT TO:<c@x.test>');
  assert.deepEqual(it.asked, ['TXT good.test']);
});

test('LSN-13 a session with __bypass_spf_v1 is not looked at', async () => {
  const it = setting({}, { context: { __bypass_spf_v1: 'true' } });
  const { text, status } = await stored(it, 'a@bad.test');
  assert.deepEqual([it.asked, status, text.startsWith('Return-Path')], [[], undefined, true]);
});

test('A57 SPF: a name server that never answers makes it temperror after twenty seconds, and the mail goes on', async () => {
  const it = setting({}, { query: () => undefined });
  const client = await it.world.connect();
  assert.equal(codes(await talk(client, 'EHLO c.test', 'MAIL FROM:<a@good.test>')), '250');
  it.world.advance(20_100);
  await settle();
  assert.equal(codes(client.take()), '250');
  await talk(client, 'RCPT TO:<b@x.test>', 'DATA', 'Subject: x\r\n\r\ntext\r\n.');
  assert.equal(it.world.spool.stored[0]?.envelope.contextMessage['spf_status'], 'temperror');
});
