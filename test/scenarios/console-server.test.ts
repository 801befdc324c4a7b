/**
 * Commands about the whole server, for people and (json, xml) for programs.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { SharedServer } from '../kit/shared-server.ts';
import { command, until } from '../kit/server.ts';
import { DnsServer } from '../kit/dns-server.ts';
import { writeFileSync } from 'node:fs';

const shared = new SharedServer({
  conf: `
    ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
    Max_Retries = 3
    Binding "b" { Max_Outbound_Connections = 5 }
    clamav { Enabled = false }
  `,
});

const run = (...words: string[]) => command('ec_console', [shared.server.path('control'), ...words]);
async function says(...words: string[]): Promise<string> {
  const { code, out, err } = await run(...words);
  assert.equal(code, 0, err);
  return out;
}
async function data(...words: string[]): Promise<Record<string, unknown>> {
  const answer = JSON.parse(await says('json', ...words)) as { ok: boolean; data: Record<string, unknown> };
  assert.ok(answer.ok);
  return answer.data;
}

test('sysinfo, memory, threads and module list say what runs, for people and programs', async () => {
  assert.match(await says('sysinfo'), /^Version: +0\.1\.0 r\([\s\S]*Product Name: Impetus[\s\S]*OS Type: +Linux/);
  assert.match(await says('memory'), /^Thread +Heap used MB[\s\S]*\nmain [\s\S]*\nloop 0 [\s\S]*\nResident: [\d.]+ MB\n$/);
  assert.ok(Number((await data('memory'))['rss']) > 10_000_000);
  assert.match(await says('threads', 'stats'), /^Thread +longest +99 % +mean +busy\nloop 0 +[\d.]+ ms/);
  assert.match(await says('module', 'list'), /Module: ec_logger[\s\S]*Scope_Name: ec_logger\n[\s\S]*Enabled: enabled\n/);
  assert.match(await says('module', 'list'), /Module: clamav\n[\s\S]*Enabled: disabled \(does not work here yet\)/);
  assert.match(await says('module', 'hooks'), /^accept\n\t[\s\S]*rcptto\n/);
});

test('show inbound and count see a session and where it is from', async () => {
  const socket = connect(shared.server.ports['smtp']!, '127.0.0.1');
  socket.resume();
  await once(socket, 'data');
  assert.match(
    await says('show', 'inbound'),
    /^loop 0: \[esmtp_listener 127\.0\.0\.1:\d+\] IPv4 127\.0\.0\.1:\d+ \S.* \(for \d+\.\d+s\) messages 0\n1 sessions\n$/,
  );
  assert.equal(((await data('show', 'inbound'))['sessions'] as unknown[]).length, 1);
  assert.equal(await says('count', 'SMTP', '127.0.0.0/8'), '1 sessions\n');
  assert.equal(await says('count', 'SMTP', '10.0.0.1'), '0 sessions\n');
  assert.equal(
    await says('count', 'SMTP', '8-16'),
    "Displaying 'SMTP' from /8 to /16\n1  127.0.0.0/8\n" +
      Array.from({ length: 8 }, (_x, i) => `${' '.repeat(i + 1)}1  127.0.0.0/${i + 9}\n`).join(''),
  );
  assert.equal(await says('count', 'outbound', '0'), "Displaying 'outbound' from /0 to /0\n");
  assert.match((await run('count', 'x', '8')).err, /Cannot count: expected outbound/);
  socket.destroy();
  await until(async () => (await says('show', 'inbound')).startsWith('0 sessions'), 'the session is gone');
});

test('cache list, stats and stat add up the caches of all loops', async () => {
  assert.match(
    await says('cache', 'list'),
    /^config:match\nconfig:match_host\nconfig:match_listener\ndns:answers\ntls:contexts\ntls:sessions\n 6 caches listed\.\n$/,
  );
  assert.match(
    await says('cache', 'stat', 'config:match_listener'),
    /^Name: +config:match_listener\nCapacity: +\d+\nEntries: +[1-9]\d*\nUtilization: [\s\S]*Hit Rate:/,
  );
  assert.match(await says('cache', 'stats', 'dns:answers'), /^Name +Capacity +Entries +Hits +Misses +Hit Rate\ndns:answers /);
  assert.match((await run('cache', 'stat', 'nothing')).err, /There is no cache "nothing": config:match/);
});

test('dns_cache and dig: what is known, what is asked, and figures', async (t) => {
  const dns = await new DnsServer({ zones: { 'a.test': { MX: ['10 mx.a.test'] } } }).listen();
  t.after(() => dns.close());
  writeFileSync(shared.server.path('resolv.conf'), `${dns.line}\n`);
  await says('config', 'set', 'resolv_conf', shared.server.path('resolv.conf'));
  assert.equal(await says('dns_cache', 'lookup', 'a.test', 'MX'), 'Cached result not found, try a submit.\n');
  assert.match(await says('dig', 'a.test'), /^submitted\na\.test MX: 1 records for \d+ s\n {2}MX 10 mx\.a\.test\n$/);
  assert.match(await says('dns_cache', 'lookup', 'a.test', 'mx'), /^a\.test MX: 1 records for \d+ s\n {2}MX 10 mx\.a\.test\n$/);
  assert.equal(await says('dns_cache', 'submit', 'nothing.test', 'A'), 'Submitted\n');
  await until(async () => /no such/.test(await says('dns_cache', 'lookup', 'nothing.test', 'A')), 'the answer is in the cache');
  assert.match(await says('dns_cache', 'stats'), /^entries: +\d+\n[\s\S]*hit rate: /);
  assert.match((await run('dns_cache', 'lookup', 'a.test', 'LOC')).err, /expected a name and a type, one of A AAAA MX/);
});

test('counters of the site are added to, listed, reset and unlinked', async () => {
  await says('counter', 'add', '/site/visits', '41');
  await says('counter', 'increment', '/site/visits');
  assert.match(
    await says('counter', 'list'),
    /^VALUE +RESET_TIME +SEMANTICS +COUNTER\n +42 +\S+Z +strict +\/site\/visits\n1 counters listed\.\n$/,
  );
  await says('counter', 'reset', '/site/visits');
  assert.match(await says('counter', 'list'), /\n +0 /);
  await says('counter', 'unlink', '/site/visits');
  assert.match(await says('counter', 'list'), /\n0 counters listed/);
  assert.match((await run('counter', 'add', 'visits', '1')).err, /expected \/site\/<name>/);
});

test('CON-11 a command of a module takes its instance behind a colon', async () => {
  assert.equal(await says('ec_logger:anything', 'reopen', 'logs'), 'Logs reopened.\n');
  assert.equal(await says('EC_LOGGER', 'reopen', 'logs'), 'Logs reopened.\n');
  assert.match(await says('ec_logger', 'help'), /reopen logs/);
});

test('commands that cannot mean anything here say why and fail', async () => {
  for (const words of ['unlink stats', 'fingerprint cache summary', 'threads io queue']) {
    const { code, err } = await run(...words.split(' '));
    assert.equal(code, 1);
    assert.match(err, new RegExp(`^"${words}" has no meaning here: .*\\.\\n$`));
  }
  assert.match(await says('tls', 'show', 'cache'), /0 contexts/);
  assert.equal(await says('tls', 'flush', 'cache'), 'Cache flush request submitted.\n');
  assert.equal(await says('tls', 'rekey'), 'Rekey request submitted.\n');
});

test('CC-24 json and xml of config show structure; of other commands their lines; a refusal fails in the same form', async () => {
  assert.deepEqual(await data('config', 'get', 'max_retries'), { option: 'Max_Retries', value: 3 });
  assert.deepEqual(await data('config', 'eval', 'binding', 'b', 'max_outbound_connections'), {
    option: 'Max_Outbound_Connections',
    value: 5,
  });
  const shown = (await data('config', 'show')) as { options: Record<string, unknown>; scopes: { scope: string; instance?: string }[] };
  assert.equal(shown.options['Max_Retries'], 3);
  assert.ok(shown.scopes.some(({ scope, instance }) => scope === 'Binding' && instance === 'b'));
  assert.deepEqual(await data('config', 'showrecurse', 'binding', 'b'), { options: { Max_Outbound_Connections: 5 }, scopes: [] });
  assert.deepEqual(await data('pid'), { pid: shared.server.pid });
  assert.deepEqual(await data('reopen', 'logs'), { lines: ['Logs reopened.'] });
  assert.equal(((await data('threads'))['threads'] as { loop: number }[])[0]?.loop, 0);
  // What other tests of this server set and did not save may stand in it.
  const diff = await data('config', 'diff');
  assert.ok(Array.isArray(diff['differences']));
  assert.deepEqual(diff['problems'], []);
  assert.equal(await says('xml', 'pid'), `<reply ok="true"><data><pid>${shared.server.pid}</pid></data></reply>\n`);
  const refused = await run('json', 'config', 'get', 'nothing');
  assert.equal(refused.code, 1);
  assert.equal((JSON.parse(refused.err) as { ok: boolean }).ok, false);
  assert.match(await says('json', 'summary'), /"Received Messages":0/);
});

test('help shows the commands from their declarations; of one command usage, meaning and examples', async () => {
  assert.match(await says('help', 'config', 'set'), /^config set .*\n(.*\n)? *for example: config set /);
  const names = (await says('help'))
    .split('\n')
    .map((line) => line.replace(/ {2,}.*/, ''))
    .filter(Boolean);
  const used = names.slice(0, names.indexOf('dns_cache refcnts'));
  assert.ok(used.length > 60 && used.includes('version'), 'what is not here comes last');
  assert.deepEqual(used, [...used].sort());
  assert.match(await says('help'), /\nsysinfo +version, product, operating system\n/);
  assert.match((await run('help', 'sumary')).err, /did you mean "summary"/);
});
