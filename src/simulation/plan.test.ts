/** Plans of mail on a simulated clock: times that can be reckoned by hand come out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '#base';
import type { SendingOptions } from '#queue';
import { simulate, type SimulationResult } from './plan.ts';

const defaults = {
  retryInterval: 1200,
  maxRetryInterval: 43_200,
  maxRetries: 'auto',
  messageExpiration: 8_640_000,
  neverRetry: false,
  neverAttemptExpiredMessages: false,
  suspendDelivery: false,
  blackhole: 'false',
  generateBounces: true,
  bouncesInlineOriginal: 'headers',
  maxRecipientsPerBatch: 100,
  maxResidentActiveQueue: 250,
  dropBodyAfterTransFail: 3,
  delayedBindingDomainFuzz: 0,
  remoteSmtpPort: 25,
  lmtpPort: 2003,
  transform8bitmimeContent: 'no',
  xclient: 'no',
  deliveryMethod: 'ESMTP',
  ehloHostname: '__hostname__',
  maxOutboundConnections: 32,
  serverMaxOutboundConnections: 20_000,
  connectionAllocationAggressiveness: 'high',
  maxDeliveriesPerConnection: 0,
  maxRecipientsPerConnection: 0,
  idleTimeout: 5,
  connectTimeout: 300,
  ehloTimeout: 300,
  mailfromTimeout: 300,
  rcpttoTimeout: 300,
  bodyTimeout: 600,
  rsetTimeout: 30,
  hostFailureRetry: 120,
  mxFailuresToDelay: 50,
  connectTimeoutToDelay: 900,
  mxFailuresFallbackToA: 3,
  dnsFailuresToPurge: 10,
  send8bitmime: 'no',
  tls: 'required',
  tlsIfavailableFallback: true,
  tlsVerify: 'no',
} as SendingOptions;

const global = {
  serverMaxOutboundConnections: 20_000,
  prohibitedHosts: undefined,
  useIpv6: false,
  onlyUseBestMxForRelayDomains: true,
  migrateConnectionsBetweenSiblingDomains: false,
};

function run(plan: Record<string, readonly [messages: number, options?: Partial<SendingOptions>]>): Promise<SimulationResult> {
  const records = new Map(Object.entries(plan).map(([domain, [, own]]) => [domain, { ...defaults, ...own }]));
  return simulate(
    {
      options: { sending: (_group, _binding, domain) => records.get(domain)!, domainGateway: () => undefined },
      shaping: {
        definitions: (options, option) =>
          option === 'outboundThrottleMessages' && options.outboundThrottleMessages !== undefined
            ? [{ id: 'Domain:x:', value: options.outboundThrottleMessages }]
            : [],
        hostLimits: () => [],
      },
      global: () => global,
      clock: systemClock,
    },
    {
      items: Object.entries(plan).map(([domain, [messages]]) => ({ group: 'default', binding: 'default', domain, messages })),
      roundTripMs: 50,
      takesMs: 100,
    },
  );
}

test('SHP-05 a throttle of five a second takes 200 seconds for a thousand messages, and is named as what held them back', async () => {
  const { queues, end } = await run({ 'a.test': [1_000, { outboundThrottleMessages: { count: 5, periodSeconds: 1 } }] });
  const [row] = queues;
  assert.ok(row);
  assert.deepEqual([end, row.sent, row.cause?.kind, row.cause?.option], ['all sent', 1_000, 'throttle', 'outboundThrottleMessages']);
  assert.ok(row.seconds !== undefined && row.seconds > 195 && row.seconds < 205, String(row.seconds));
  assert.ok(row.share > 0.9);
});

test('SHP-01 with one connection mail goes one after the other; with ten about ten times as fast', async () => {
  const { queues } = await run({ 'one.test': [200, { maxOutboundConnections: 1 }], 'ten.test': [200, { maxOutboundConnections: 10 }] });
  const [one, ten] = queues;
  assert.ok(one?.seconds !== undefined && ten?.seconds !== undefined);
  assert.deepEqual([one.peakConnections, ten.peakConnections], [1, 10]);
  // At least what a message takes and one answer, for each of them.
  assert.ok(one.seconds > 200 * 0.15 && one.seconds < 200 * 0.4, String(one.seconds));
  assert.ok(one.seconds / ten.seconds > 7 && one.seconds / ten.seconds < 13, `${one.seconds} ${ten.seconds}`);
  assert.equal(one.cause?.option, 'maxOutboundConnections');
});

test('OUT-04 what is suspended is never sent, and that is found out at once', async () => {
  const { queues, end, seconds } = await run({ 'a.test': [10], 'held.test': [10, { suspendDelivery: true }] });
  assert.equal(end, 'nothing moves');
  assert.deepEqual(
    queues.map(({ sent, cause }) => [sent, cause?.kind]),
    [
      [10, queues[0]?.cause?.kind],
      [0, 'suspended'],
    ],
  );
  assert.ok(queues[0]?.seconds !== undefined && queues[1]?.seconds === undefined);
  assert.ok(seconds < 60);
});
