/* Tests of inbound-throttles.ts.
 * The one rule: a count belongs to the scope that sets the option, for all loops together.
 * Facts: SMTP-18, FB-14, SHP-05. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ManualClock } from '#base';
import { memoryFiles, readConfiguration } from '#config';
import { LimitTable } from '#limits';
import { inboundThrottles } from './inbound-throttles.ts';
import { resolverOf } from './site.ts';

const text = `Inbound_Throttle_Messages = 3
Pathway_Group g { Inbound_Throttle_Messages = 2 Pathway a { } Pathway b { Inbound_Throttle_Messages = 1 } }
Pathway free { Inbound_Throttle_Messages = 0 }
ESMTP_Listener { Listen ":1" { Pathway = a } Listen ":2" { Pathway = b } Listen ":3" { } Listen ":4" { } Listen ":5" { Pathway = free } }`;

test('SMTP-18 FB-14 who inherits Inbound_Throttle_Messages shares its count, who sets it has its own, over all loops; 0 is none', () => {
  const { snapshot } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  const resolver = resolverOf(snapshot!);
  const clock = new ManualClock();
  const shared = LimitTable.create({ loops: 2, slots: 8, rates: 16 });
  const loops = [0, 1].map((loop) => inboundThrottles(resolver, LimitTable.attach(shared, { loop, clock })));
  const record = (listen: string) => resolver.listening({ listener: 'esmtp_listener', listen });
  const taken = (listen: string): number => {
    let count = 0;
    while (count < 10 && loops[count % 2]!.take(record(listen))) count += 1;
    return count;
  };
  clock.advance(5000);
  assert.deepEqual([taken(':1'), taken(':2'), taken(':3'), taken(':4'), taken(':5')], [2, 1, 3, 0, 10]);
  assert.deepEqual(
    [':1', ':2', ':4', ':5'].map((listen) => loops[0]!.hasRoom(record(listen))),
    [false, false, false, true],
  );
  clock.advance(1000);
  assert.deepEqual(
    [':1', ':2', ':4'].map((listen) => loops[1]!.hasRoom(record(listen))),
    [true, true, true],
  );
  assert.equal(taken(':4'), 3);
});
