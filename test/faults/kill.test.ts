/**
 * The short form of the kill campaign; the long one is `npm run soak`.
 *
 * The one rule: nothing answered 250 is ever lost, whatever moment the process dies at.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { runCampaign } from '../kit/kill-campaign.ts';

test('A66 a server killed with SIGKILL at six random moments under load loses nothing, invents nothing and repeats only what was in flight', async (t) => {
  const account = await runCampaign({ kills: 6, clients: 8, seed: 20261122 });
  t.diagnostic(JSON.stringify(account));
  assert.ok(account.answered > 50, `the load was too small to mean anything: ${account.answered} messages`);
});

test('A66 a server of two event loops keeps the same promise', async (t) => {
  const account = await runCampaign({ kills: 3, clients: 8, seed: 4711, loops: 2 });
  t.diagnostic(JSON.stringify(account));
  assert.ok(account.answered > 20, `the load was too small to mean anything: ${account.answered} messages`);
});
