import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#base';
import type { DomainQueue } from '#queue';
import type { GlobalSendingOptions, MailPlan } from '../ports.ts';
import { Planner, type Plan } from './planner.ts';

const hosts = (...list: [string, number, ...string[]][]): MailPlan => ({
  kind: 'hosts',
  hosts: list.map(([name, preference, ...addresses]) => ({ name, preference, addresses })),
  ttl: 300,
});

interface Question {
  readonly domain?: string;
  readonly gateway?: string;
  readonly underName?: string;
  readonly routes?: readonly string[];
  readonly port?: number;
  readonly answers?: Readonly<Record<string, MailPlan>>;
  readonly global?: Partial<GlobalSendingOptions>;
  readonly isAddressOnly?: boolean;
}

function plan(q: Question): { plan: Plan; asked: string[] } {
  const asked: string[] = [];
  const answer = (name: string, done: (plan: MailPlan) => void): void => {
    asked.push(name);
    done(q.answers?.[name] ?? { kind: 'none' });
  };
  const planner = new Planner({
    dns: { mailHosts: answer, hostAddresses: (name, done) => answer(`A ${name}`, done) },
    random: seededRandom(3),
    global: () => ({
      serverMaxOutboundConnections: 10,
      prohibitedHosts: undefined,
      useIpv6: true,
      onlyUseBestMxForRelayDomains: true,
      ...q.global,
    }),
    isOwnName: (name) => name === 'mx.self.test',
  });
  const options = { gateway: q.gateway, routes: q.routes, remoteSmtpPort: q.port ?? 25, lmtpPort: 2003, deliveryMethod: 'ESMTP' };
  let made: Plan | undefined;
  planner.plan({ domain: q.domain ?? 'a.test', gateway: q.underName, options } as DomainQueue, q.isAddressOnly === true, (p) => (made = p));
  assert.ok(made);
  return { plan: made, asked };
}

function targets(q: Question): string[] {
  const made = plan(q).plan;
  return made.kind === 'targets' ? made.targets.map(({ ip, port }) => `${ip}:${port}`) : [made.reply];
}

test('OUT-20, OUT-21: a gateway is an address or a host with or without port, and comes before routes and DNS', () => {
  assert.deepEqual(targets({ gateway: '192.0.2.1' }), ['192.0.2.1:25']);
  assert.deepEqual(targets({ gateway: '192.0.2.1:2525', routes: ['192.0.2.9'] }), ['192.0.2.1:2525']);
  assert.deepEqual(targets({ gateway: '[2001:db8::1]:26' }), ['2001:db8::1:26']);
  const answers = { 'hub.test': hosts(['mx.hub.test', 10, '192.0.2.5']) };
  assert.deepEqual(targets({ gateway: 'Hub.test:587', answers }), ['192.0.2.5:587']);
  assert.deepEqual(targets({ underName: 'hub.test', domain: 'hub.test', gateway: '192.0.2.1', answers, port: 26 }), ['192.0.2.5:26']);
  assert.match(targets({ gateway: 'what is this' })[0] ?? '', /^451 4\.4\.3 \[internal\]/);
});

test('hosts are tried by preference, equal ones in random order, an address once', () => {
  const answers = { 'a.test': hosts(['c', 20, '192.0.2.3'], ['a', 10, '192.0.2.1', '192.0.2.11'], ['b', 10, '192.0.2.2', '192.0.2.1']) };
  const [first, second, third, last, ...more] = targets({ answers });
  assert.equal(last, '192.0.2.3:25');
  assert.deepEqual([first, second, third].toSorted(), ['192.0.2.11:25', '192.0.2.1:25', '192.0.2.2:25']);
  assert.deepEqual(more, []);
});

test('OUT-25: what DNS does not give has the documented replies', () => {
  assert.deepEqual(plan({}).plan, {
    kind: 'failed',
    reply: '454 4.4.4 [internal] no MX or A for domain',
    isPermanent: false,
    isLookup: true,
    isMx: false,
  });
  const nullMx = plan({ answers: { 'a.test': { kind: 'null-mx' } } }).plan;
  assert.deepEqual(nullMx, {
    kind: 'failed',
    reply: '550 5.4.4 [internal] NULL MX domain does not accept mail',
    isPermanent: true,
    isLookup: false,
    isMx: false,
  });
  const later = plan({ answers: { 'a.test': { kind: 'temporary', reason: 'timeout', stage: 'mx' } } }).plan;
  assert.deepEqual(later, {
    kind: 'failed',
    reply: '451 4.4.3 [internal] DNS lookup failed: timeout',
    isPermanent: false,
    isLookup: true,
    isMx: true,
  });
  assert.deepEqual(plan({ isAddressOnly: true }).asked, ['A a.test']);
});

test('OUT-29, A52: prohibited addresses are left out; when nothing is left the mail fails for good', () => {
  const answers = { 'a.test': hosts(['evil', 5, '127.0.0.1', '::1', '169.254.169.254', '0.0.0.0'], ['good', 10, '192.0.2.1']) };
  assert.deepEqual(targets({ answers }), ['192.0.2.1:25']);
  assert.deepEqual(targets({ domain: '[127.0.0.1]' }), ['551 5.4.6 [internal] Private/Loopback Address']);
  assert.deepEqual(targets({ answers, global: { prohibitedHosts: ['192.0.2.0/24', '127.0.0.0/8', '::/64', '0.0.0.0'] } }), [
    '169.254.169.254:25',
  ]);
  assert.deepEqual(targets({ gateway: '127.0.0.1:2525' }), ['127.0.0.1:2525'], 'the operator wrote it');
  assert.equal(targets({ answers, global: { prohibitedHosts: [] } }).length, 5);
});

test('A52: our own name among the mail hosts cuts off itself and what is less preferred; alone it is a loop', () => {
  const answers = { 'a.test': hosts(['first', 5, '192.0.2.1'], ['mx.self.test', 10, '192.0.2.2'], ['third', 20, '192.0.2.3']) };
  assert.deepEqual(targets({ answers }), ['192.0.2.1:25']);
  const loop = { 'a.test': hosts(['mx.self.test', 10, '192.0.2.2'], ['third', 20, '192.0.2.3']) };
  assert.match(targets({ answers: loop })[0] ?? '', /^554 5\.4\.6 \[internal\]/);
});

test('OUT-29, V6-03: Use_IPv6 = false leaves IPv6 addresses out', () => {
  const answers = { 'a.test': hosts(['a', 10, '2001:db8::1', '192.0.2.1']) };
  const global = { useIpv6: false };
  assert.deepEqual(targets({ answers, global }), ['192.0.2.1:25']);
  assert.deepEqual(targets({ gateway: '[2001:db8::1]', global }), ['2001:db8::1:25'], 'the operator wrote it');
  assert.deepEqual(targets({ routes: ['smtp://[2001:db8::1]'], global }), ['2001:db8::1:25']);
  assert.deepEqual(targets({ domain: '[ipv6:2001:db8::7]', global }), ['2001:db8::7:25']);
  assert.deepEqual(targets({ domain: '[ipv6:::1]', global }), ['551 5.4.6 [internal] Private/Loopback Address']);
});

test('a domain that is an address literal is connected to without a question', () => {
  assert.deepEqual(plan({ domain: '[192.0.2.7]' }).asked, []);
  assert.deepEqual(targets({ domain: '[ipv6:2001:db8::7]' }), ['2001:db8::7:25']);
});

test('OUT-22: routes are listed in order of preference, or by pref; __mx__ stands for the domain', () => {
  const answers = {
    'a.test': hosts(['m', 10, '192.0.2.50'], ['n', 20, '192.0.2.51']),
    'relay.test': hosts(['r', 10, '192.0.2.60']),
    'A only.test': hosts(['only.test', 0, '192.0.2.70']),
  };
  assert.deepEqual(targets({ answers, routes: ['192.0.2.1', '__MX__', 'relay.test:26'] }), [
    '192.0.2.1:25',
    '192.0.2.50:25',
    '192.0.2.51:25',
    '192.0.2.60:26',
  ]);
  assert.deepEqual(
    targets({ answers, routes: ['smtp://relay.test?pref=9&port=2500', 'smtp://only.test/?pref=3&type=a', 'smtp://[2001:db8::1]?pref=5'] }),
    ['192.0.2.70:25', '2001:db8::1:25', '192.0.2.60:2500'],
  );
  assert.deepEqual(targets({ answers, routes: ['nowhere.test', '192.0.2.1'] }), ['192.0.2.1:25'], 'what is unknown is left out');
  assert.match(targets({ routes: ['ftp://x'] })[0] ?? '', /is no route/);
  assert.match(targets({ routes: ['smtp://h.test?port=0'] })[0] ?? '', /is no route/);
  const life = plan({ routes: ['smtp://192.0.2.1?ttl=7'] }).plan;
  assert.equal(life.kind === 'targets' ? life.lifeMs : 0, 7000);
});

test('OUT-27, SMTP-09: mail for the global relay or bounce domains goes to their best MX alone, unless Only_Use_Best_MX_For_Relay_Domains is false', () => {
  const answers = { 'a.test': hosts(['one', 10, '192.0.2.1'], ['two', 10, '192.0.2.2'], ['backup', 20, '192.0.2.3']) };
  const best = ['192.0.2.1:25', '192.0.2.2:25'];
  assert.deepEqual(targets({ answers, global: { relayDomains: ['*a.test'] } }).toSorted(), best);
  assert.deepEqual(targets({ answers, global: { bounceDomains: ['a.test'] } }).toSorted(), best);
  assert.equal(targets({ answers, global: { relayDomains: ['b.test'] } }).length, 3);
  assert.equal(targets({ answers, global: { relayDomains: ['a.test'], onlyUseBestMxForRelayDomains: false } }).length, 3);
});

test('OUT-23: a static route takes all mail, whatever gateways, routes and names say', () => {
  const global = { staticRoute: '192.0.2.77:26' };
  assert.deepEqual(targets({ global, gateway: '192.0.2.1' }), ['192.0.2.77:26']);
  assert.deepEqual(targets({ global, routes: ['192.0.2.9'] }), ['192.0.2.77:26']);
  assert.deepEqual(targets({ global: { staticRoute: '[2001:db8::5]' }, port: 2525 }), ['2001:db8::5:2525']);
  const { asked } = plan({ global, domain: 'a.test' });
  assert.deepEqual(asked, []);
});

test('OUT-49: with mail_loop an address of our own is no target, and mail that has no other way fails for good', () => {
  const global = { ownAddresses: new Set(['192.0.2.1', '2001:db8::1']) };
  assert.deepEqual(targets({ global, gateway: '192.0.2.1' }), ['554 5.4.6 [internal] mail loop: the next hop is this host']);
  const answers = { 'a.test': hosts(['self.test', 10, '2001:db8::1', '192.0.2.1'], ['other.test', 20, '192.0.2.2']) };
  assert.deepEqual(targets({ global, answers }), ['192.0.2.2:25']);
});

test('OUT-21, OUT-22: a Unix socket is a gateway or a route, with a preference like any other', () => {
  assert.deepEqual(targets({ gateway: 'unix:/run/Dovecot/lmtp' }), ['/run/Dovecot/lmtp:0']);
  const routes = ['unix:/run/lmtp?pref=20', 'smtp://192.0.2.1?pref=10'];
  assert.deepEqual(targets({ routes }), ['192.0.2.1:25', '/run/lmtp:0']);
  assert.match(targets({ routes: ['unix:/run/lmtp?pref=x'] })[0] ?? '', /is no route/);
});

test('OUT-24, OUT-40, OUT-41: methods that are not spoken here defer the mail with a plain word, whatever the way', () => {
  const planned = (deliveryMethod: string): string => {
    const made: Plan[] = [];
    const planner = new Planner({
      dns: { mailHosts: () => assert.fail('asked'), hostAddresses: () => assert.fail('asked') },
      random: seededRandom(3),
      global: () => ({ serverMaxOutboundConnections: 1, prohibitedHosts: [], useIpv6: true, onlyUseBestMxForRelayDomains: true }),
      isOwnName: () => false,
    });
    const options = { gateway: '192.0.2.1', remoteSmtpPort: 25, lmtpPort: 2003, deliveryMethod };
    planner.plan({ domain: 'a.test', options } as DomainQueue, false, (plan) => made.push(plan));
    const [only] = made;
    return only?.kind === 'failed' && !only.isPermanent ? only.reply : 'a way';
  };
  for (const method of ['ECSTREAM', 'APN', 'GCM', 'MM7', 'XFER'])
    assert.equal(planned(method), '451 4.3.5 [internal] Delivery_Method is not available');
});
