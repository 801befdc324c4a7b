/**
 * Two consoles race commits a thousand times. `npm run soak` runs it; RACES may be set.
 *
 * The one rule: exactly one wins each time, and what is saved at the end is the last one that won.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raceCommits } from '../kit/console.ts';
import { startServer } from '../kit/server.ts';

const races = Number(process.env['RACES'] ?? 1000);

test(`CC-15 ${races} races of two commits have exactly one winner each`, async (t) => {
  const server = await startServer(t, { conf: 'Max_Retries = 1\n' });
  const last = await raceCommits(server, races);
  assert.match(server.read('ecelerity.conf'), new RegExp(`^Max_Retries = ${last}$`, 'm'));
});
