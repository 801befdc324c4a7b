/** The simulation of all limits for a million messages. */
import { test } from 'node:test';
import { judgeShaping } from '../kit/shaping-world.ts';

test('SHP-01 SHP-02 SHP-03 SHP-05 FB-14 over a million messages of two loops no limit is exceeded, and each is used to 98%', async () => {
  await judgeShaping(1_000_000, 11);
});
