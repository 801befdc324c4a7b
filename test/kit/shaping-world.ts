/**
 * A site with limits of every kind, for the simulation: throttles shared by queues and loops, and limits on connections that overlap.
 *
 * The one rule: it gives the queues and says what must hold of each definition; a test runs it for as long as it likes.
 */
import assert from 'node:assert/strict';
import type { SendingRate } from '#queue';
import { Simulation, worstWindow, type SimulatedQueue } from './shaping-simulation.ts';

const messageRates: Readonly<Record<string, SendingRate>> = {
  fast: { count: 900, periodSeconds: 1 },
  five: { count: 5, periodSeconds: 1 },
  odd: { count: 70, periodSeconds: 7 },
  slow: { count: 3, periodSeconds: 10 },
  big: { count: 3_000, periodSeconds: 5 },
};
const connectionRate: SendingRate = { count: 20, periodSeconds: 10 };
const limits: Readonly<Record<string, number>> = { 'binding b0': 6, 'scope regex': 4 };
const SERVER_MAX = 150;
const OWN_MAX = 5;

function queuesOf(): SimulatedQueue[] {
  const queues: SimulatedQueue[] = [];
  for (const [id, rate] of Object.entries(messageRates))
    for (let i = 0; i < 12; i += 1) {
      const limited = { outboundThrottleMessages: rate, maxOutboundConnections: OWN_MAX };
      queues.push({ binding: `b${i + 1}`, domain: `${id}.test`, limits: limited, ids: { outboundThrottleMessages: id } });
    }
  for (let i = 0; i < 4; i += 1) {
    const one = { outboundThrottleConnections: connectionRate, maxDeliveriesPerConnection: 3, maxOutboundConnections: OWN_MAX };
    queues.push({ binding: `b${i + 1}`, domain: 'opened.test', limits: one, ids: { outboundThrottleConnections: 'opened' } });
    const bound = { serverMaxOutboundConnections: 6, maxOutboundConnections: OWN_MAX };
    queues.push({ binding: 'b0', domain: `bound${i}.test`, limits: bound, ids: { serverMaxOutboundConnections: 'binding b0' } });
    const shared = { scopeMaxOutboundConnections: 4, maxOutboundConnections: OWN_MAX };
    queues.push({ binding: `b${i}`, domain: 'regex.test', limits: shared, ids: { scopeMaxOutboundConnections: 'scope regex' } });
  }
  return queues;
}

/** Runs for so many messages and judges every limit: never exceeded, and used to 98% while there was mail. */
export async function judgeShaping(messages: number, seed: number): Promise<void> {
  const queues = queuesOf();
  const simulation = new Simulation({ queues, serverMax: SERVER_MAX, seed, topUp: 40 });
  const seconds = await simulation.run(messages);
  const { ledger } = simulation;
  await simulation.stop();
  for (const [id, rate] of Object.entries(messageRates)) {
    const times = ledger.begun.get(id) ?? [];
    const worst = worstWindow(times, rate);
    assert.ok(worst <= rate.count, `${id}: ${worst} in ${rate.periodSeconds} s, ${rate.count} are allowed`);
    // The first connections take a moment; what is left over of the last window is not counted against it.
    const possible = ((seconds - 0.5) / rate.periodSeconds) * rate.count - rate.count * Math.min(1, rate.periodSeconds / seconds);
    assert.ok(times.length >= possible * 0.98, `${id}: ${times.length} messages in ${seconds} s, ${possible} were possible`);
  }
  const dialled = ledger.dialled.get('opened') ?? [];
  assert.ok(worstWindow(dialled, connectionRate) <= connectionRate.count, 'connections opened in a window');
  const openable = ((seconds - connectionRate.periodSeconds) / connectionRate.periodSeconds) * connectionRate.count;
  assert.ok(dialled.length >= openable * 0.98, `${dialled.length} connections in ${seconds} s, ${openable} were possible`);
  for (const [id, limit] of Object.entries(limits)) {
    assert.equal(ledger.peak.get(id), limit, `most connections of ${id}: all that there may be, and never more`);
  }
  assert.ok((ledger.peak.get('server') ?? 0) <= SERVER_MAX);
  for (const { binding, domain } of queues) assert.ok((ledger.peak.get(`${binding} ${domain}`) ?? 0) <= OWN_MAX, `${binding} ${domain}`);
  for (const [id, open] of ledger.open) assert.equal(open, 0, `${id}: a place was not given back`);
}
