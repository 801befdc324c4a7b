/**
 * The module openarc in a session: what it writes, and that it refuses nothing. Chains that hold are in trust and in test/contracts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModuleLog } from '#observe';
import { codes, settle, World } from '../../../test/kit/inbound.ts';
import { OpenarcModule } from './index.ts';

async function send(fields: string, context: Record<string, string> = {}) {
  const log: ModuleLog = { name: 'openarc', debugLevel: 'ERROR', wants: () => false, log: () => undefined };
  const wheel = { schedule: () => 1, cancel: () => undefined };
  const module = new OpenarcModule({
    query: (_name, _type, done) => done({ kind: 'nxdomain', ttl: 1, isAuthenticated: false }),
    clock: { now: () => 1_700_000_000_000 },
    wheel,
    log,
  });
  const world = new World({ modules: [module], options: { relayDomains: ['here.test'], context: new Map(Object.entries(context)) } });
  const client = await world.connect();
  assert.equal(codes(client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA')), '250 250 250 354');
  client.lines(`${fields}From: a@a.test\r\n\r\ntext`, '.');
  for (let i = 0; i < 60; i++) await settle();
  const { text, envelope } = world.spool.stored[0] ?? assert.fail('not stored');
  return { text: text.replace(/\r\n(?=[ \t])/g, ''), cv: envelope.contextMessage['arc_cv'] };
}

test('openarc: arc_cv is set, a chain that fails is told with its reason and not refused, a message without ARC gets no field', async () => {
  const bad = await send('ARC-Seal: i=1; cv=none\r\n');
  assert.equal(bad.cv, 'fail');
  assert.match(bad.text, /^Authentication-Results: mx\.here\.test; arc=fail reason="set 1 has no arc-authentication-results"\r\n/);
  const none = await send('');
  assert.deepEqual([none.cv, none.text.startsWith('Return-Path')], ['none', true]);
  assert.equal((await send('', { __bypass_openarc: 'true' })).cv, undefined);
});
