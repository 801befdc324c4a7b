/**
 * The long kill campaign: a hundred SIGKILLs under load, with one event loop and with two. `npm run soak` runs it.
 *
 * The one rule: none lost, none invented, second copies only where a delivery was in flight. KILLS and SEED may be set.
 */
import { test } from 'node:test';
import { runCampaign } from '../kit/kill-campaign.ts';

const kills = Number(process.env['KILLS'] ?? 100);
const seed = Number(process.env['SEED'] ?? 1);

for (const loops of [1, 2]) {
  test(`A66 ${kills} kills with ${loops} event loops`, async (t) => {
    const account = await runCampaign({ kills, clients: 16, seed, loops }, (line) => t.diagnostic(line));
    t.diagnostic(JSON.stringify({ kills, seed, loops, ...account }));
  });
}
