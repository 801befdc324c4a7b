/**
 * bin/validate_config --eval and --why on sample configurations: the fallback of the language as a person asks for it.
 *
 * The one rule: questions and answers only, through the real command; the samples are test/corpus/sites. What is asked here is asked by
 * the same resolver on the path of a message.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { command, root } from '../kit/server.ts';

const sites = join(root, 'test/corpus/sites');

async function ask(site: string, questions: readonly string[], ...more: readonly string[]): Promise<string[]> {
  const args = [...questions.flatMap((question) => ['--eval', question]), ...more, join(sites, site)];
  const { code, out } = await command('validate_config', args, { env: { EC_CONF_SEARCH_PATH: '/nowhere' } });
  assert.equal(code, 0, out);
  return out.replaceAll(`${sites}/`, '').trimEnd().split('\n');
}

/** Each question with its answer, in one run of the command. */
async function answers(site: string, vectors: readonly (readonly [question: string, answer: string])[]): Promise<void> {
  const given = await ask(
    site,
    vectors.map(([question]) => question),
  );
  const lines = given.map((line) => line.replace(/^\w+ = /, ''));
  assert.deepEqual(
    vectors.map(([question], index) => [question, lines[index]]),
    vectors,
  );
  assert.equal(lines.length, vectors.length);
}

test('every sample is a valid configuration', async () => {
  for (const site of ['expiration.conf', 'connections.conf', 'receiving.conf', 'tree/ecelerity.conf']) {
    const { code, out } = await command('validate_config', [join(sites, site)]);
    assert.deepEqual([code, out], [0, 'Configuration valid\n'], site);
  }
});

test('FB-01 FB-02 FB-03 FB-16 FB-17 a binding that speaks beats the global domain, a silent one lets it in', async () => {
  await answers('expiration.conf', [
    ['binding quick domain shop.test message_expiration', '3600'],
    ['binding slow domain shop.test message_expiration', '86400'],
    ['binding slow domain club.test message_expiration', '7200'],
    ['binding silent domain shop.test message_expiration', '120'],
    ['binding silent domain club.test message_expiration', '90000'],
    ['binding silent domain third.test message_expiration', '86400'],
    ['binding silent domain shop.test max_retries', '5'],
    ['binding nobody domain SHOP.test Message_Expiration', '120'],
    ['domain shop.test message_expiration', '120'],
    ['binding default message_expiration', '86400'],
    ['message_expiration', '86400'],
  ]);
});

test('FB-02 FB-04 FB-14 FB-20 groups come before the global domain; a limit of the cluster is not taken from a binding in a group', async () => {
  await answers('connections.conf', [
    ['binding_group news binding news-1 domain shop.test max_outbound_connections', '15'],
    ['binding_group news binding news-2 domain shop.test max_outbound_connections', '5'],
    ['binding_group news binding news-1 domain club.test max_outbound_connections', '7'],
    ['binding_group news max_outbound_connections', '5'],
    ['binding other max_outbound_connections', '30'],
    ['binding_group news binding news-2 domain shop.test outbound_throttle_messages', '"60/3"'],
    ['domain shop.test outbound_throttle_messages', '3'],
    ['binding_group news binding news-1 cluster_max_outbound_connections', '9'],
  ]);
});

test('FB-08 FB-09 FB-10 FB-11 FB-12 exact domains first, then patterns in their order, option by option; a binding comes before both', async () => {
  await answers('connections.conf', [
    ['domain yahoo.test max_retries', '9'],
    ['domain yahoo.test max_outbound_connections', '4'],
    ['domain aol.test max_retries', '2'],
    ['domain x.aol.test max_outbound_connections', '30'],
    ['binding plain domain sub.club.test max_outbound_connections', '2'],
    ['binding plain domain club.test max_outbound_connections', '2'],
    ['domain sub.club.test max_outbound_connections', '30'],
    ['domain "[ipv6:2001:DB8::1]" max_retries', '1'],
  ]);
});

test('FB-05 a Host that matches and is silent means no limit; one that does not exist falls back', async () => {
  await answers('connections.conf', [
    ['host mx.club.test max_outbound_connections', '6'],
    ['host mx.shop.test max_outbound_connections', '-1'],
    ['host mx.other.test max_outbound_connections', '30'],
  ]);
});

test('FB-06 FB-07 FB-15 FB-18 Peer, Listen, listener, pathway, group, everybody: the most specific list replaces the others', async () => {
  await answers('receiving.conf', [
    ['esmtp_listener listen :25 peer 10.0.0.1 idle_time', '5'],
    ['esmtp_listener listen :25 peer 10.0.0.2 idle_time', '60'],
    ['esmtp_listener peer 10.0.0.2 idle_time', '30'],
    ['esmtp_listener peer 192.168.0.1 idle_time', '300'],
    ['esmtp_listener listen :26 idle_time', '300'],
    ['esmtp_listener listen :25 peer 10.0.0.2 max_message_size', '9000'],
    ['esmtp_listener listen :25 max_message_size', '5000'],
    ['esmtp_listener listen :25 max_receptions_per_connection', '20'],
    ['pathway_group outer max_receptions_per_connection', '50'],
    ['esmtp_listener listen :25 allow_ip_literal', 'false'],
    ['control_listener listen /run/impetus-console enable_authentication', 'true'],
    ['control_listener timeout', '45'],
  ]);
  assert.deepEqual(
    await ask('receiving.conf', ['esmtp_listener listen :25 relay_domains', 'relay_domains', 'pathway nowhere relay_domains']),
    [
      'Relay_Domains = (',
      '  inner.test',
      '  *.inner.test',
      '  )',
      'Relay_Domains = (',
      '  all.test',
      '  )',
      'Relay_Domains = (',
      '  all.test',
      '  )',
    ],
  );
});

test('CFG-05 CFG-10 CFG-25 CFG-31 CFG-40 a tree of files is read in its order, scopes in parts are one, saved changes come last', async () => {
  await answers('tree/ecelerity.conf', [
    ['max_retries', '2'],
    ['retry_interval', '200'],
    ['binding_group g binding b domain d.test max_retries', '3'],
    ['binding_group g binding b domain d.test max_retry_interval', '400'],
    ['binding_group g binding b domain d.test ehlo_hostname', 'second.test'],
    ['message_expiration', '1000'],
    ['idle_timeout', '8'],
  ]);
});

test('--why names every scope that was asked with file and line, and what was used (FB-02, CC-06)', async () => {
  assert.deepEqual(await ask('expiration.conf', ['binding silent domain shop.test message_expiration'], '--why'), [
    'Message_Expiration = 120',
    '  Binding silent > Domain shop.test  not set here',
    '  Binding silent                     not set here',
    '  Domain shop.test                   120  expiration.conf:14:22  <- used',
    '  Global                             86400  expiration.conf:2:1',
  ]);
  assert.deepEqual(await ask('tree/ecelerity.conf', ['binding_group g binding b domain d.test ehlo_hostname'], '--why'), [
    'EHLO_Hostname = second.test',
    '  Binding_Group g > Binding b > Domain d.test  second.test  tree/conf.d/20-second.conf:2:53  <- used',
    '  Binding_Group g > Domain d.test              no such scope',
    '  Binding_Group g > Binding b                  not set here',
    '  Binding_Group g                              not set here',
    '  Domain d.test                                no such scope',
    '  Global                                       not set here',
  ]);
  assert.deepEqual(await ask('connections.conf', ['host mx.shop.test max_outbound_connections'], '--why'), [
    'Max_Outbound_Connections = -1',
    '  Host mx.shop.test  not set here',
    '  Global             30  connections.conf:4:1',
    '  -1 (no limit): a Host that matches and does not set the option does not fall back',
  ]);
  const peer = await ask('receiving.conf', ['esmtp_listener listen :25 peer 10.0.0.2 idle_time'], '--why');
  assert.match(peer.join('\n'), /Listen :25 +60 +receiving\.conf:21:5 +<- used/);
});
