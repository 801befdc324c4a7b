/**
 * The smaller commands as a person runs them: jlogctl, ec_show, ec_dump_config, ec_dkim_ctl, create_ssl_cert.
 *
 * The one rule: what they make is judged by others: openssl, Python's XML reader, SQLite, validate_config.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { command, run } from '../kit/server.ts';
import { store, testEnvelope, testId, testSpool } from '../kit/spool.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'tools-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('CLI-07 MOD-12 jlogctl adds, lists and removes subscribers, tells and cleans what was read, prints records and confirms them', async (t) => {
  const dir = join(folder(t), 'rt');
  mkdirSync(dir);
  writeFileSync(join(dir, 'jlog'), 'impetus-jlog 1\n');
  writeFileSync(join(dir, '00000001.log'), 'one\ntwo\n');
  writeFileSync(join(dir, '00000002.log'), 'three\n');
  const ask = (...words: string[]) => command('jlogctl', [...words, dir]);
  assert.deepEqual(await ask('-v', '-a', 'ann'), { code: 0, out: `${dir}: ann is a subscriber\n`, err: '' });
  assert.equal((await ask('-x', 'ann', '-n', '1')).out, 'one\n');
  await ask('-a', 'bob');
  assert.equal((await ask('-s', '-l')).out, `ann\nbob\n${dir}: 14 bytes in 2 segments\n  ann: 10 bytes to read\n  bob: 14 bytes to read\n`);
  assert.equal(
    (await ask('-p', 'ann')).out,
    `${dir}: ann reads next 00000001:4 to 00000002:6; checkpoint 00000001:4; last write 00000002:6\n`,
  );
  assert.equal((await ask('-x', 'ann')).out, 'two\nthree\n');
  assert.equal((await ask('-x', 'ann')).out, '');
  assert.equal((await ask('-vc')).out, `${dir}: 0 segments removed\n`, 'bob has read nothing');
  await ask('-e', 'bob');
  assert.equal((await ask('-vc', '-i')).out, `${dir}:\n  00000001 8 bytes\n  00000002 6 bytes, read by ann\n${dir}: 1 segments removed\n`);
  const gone = await ask('-e', 'bob');
  assert.deepEqual([gone.code, gone.err], [1, `jlogctl: ${dir} has no subscriber "bob"\n`]);
});

test('CLI-07 MOD-12 jlogctl finds damage and repairs it; what is no jlog is refused; wrong words end with 64', async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'jlog'), 'impetus-jlog 1\n');
  writeFileSync(join(dir, '00000001.log'), 'one\nhalf a rec');
  writeFileSync(join(dir, '00000002.log'), 'two\nbeing written');
  writeFileSync(join(dir, 'subscriber.ann'), '?');
  const found = await command('jlogctl', ['-d', dir]);
  assert.equal(found.code, 1);
  assert.match(
    found.out,
    /00000001\.log: 10 bytes at its end are no whole record.*\nthe place of subscriber ann cannot be read.*\n.*: repair it with -r\n$/,
  );
  assert.equal((await command('jlogctl', ['-r', dir])).code, 0);
  assert.equal(readFileSync(join(dir, '00000001.log'), 'utf8'), 'one\n');
  assert.equal(readFileSync(join(dir, '00000002.log'), 'utf8'), 'two\nbeing written', 'the last segment is the writer’s');
  assert.deepEqual((await command('jlogctl', ['-dv', dir])).out, `${dir}: no damage found\n`);
  assert.equal((await command('jlogctl', ['-x', 'ann', dir])).out, 'one\ntwo\n');
  const other = await command('jlogctl', ['-s', tmpdir()]);
  assert.deepEqual([other.code, /is no jlog/.test(other.err)], [1, true]);
  assert.equal((await command('jlogctl', [dir])).code, 64);
  assert.match((await command('jlogctl', ['--help'])).out, /-p SUBSCRIBER/);
});

test('CLI-02 ec_show tells the messages of a spool in Momentum’s words, with contexts and text, chosen by id, sender, recipient and time', async (t) => {
  const { dir, open, remove } = await testSpool();
  t.after(remove);
  const spool = await open();
  const context = { contextConnection: { pathway: 'default' }, contextMessage: { x: 'a "b"\n' } };
  await store(spool, { ...testEnvelope(1, 2), ...context }, Buffer.from('Subject: one\r\n\r\n\x1b[2Jtext\r\n'));
  await store(spool, { ...testEnvelope(2), receivedAt: 1_600_000_000_000 }, Buffer.from('Subject: two\r\n\r\n'));
  spool.note(testId(1), { kind: 'deferred', recipients: [1], attempts: 3, nextAt: 1_700_000_100_000, reply: '451 later' });
  spool.note(testId(1), { kind: 'delivered', recipient: 0 });
  await spool.close();
  const show = (...words: string[]) => command('ec_show', ['--spool', dir, ...words], { env: { TZ: 'UTC' } });
  const second = testEnvelope(1, 2).recipients[1]!.id;
  const one = await show('-m', second);
  assert.equal(one.err, '');
  assert.match(
    one.out,
    new RegExp(
      `^Message: ${second}\n  ID: \\(slot: \\d+, pid: 7, counter: \\d+\\)\n  BatchID: \\(slot: 1700000000, pid: 7, counter: 1\\)\n  ConnID: .*\n  Swapped: Yes\n` +
        '  Created: 2023-11-14 22:13:20\n  Next Attempt: 2023-11-14 22:15:00\n  Retries: 3\n  Received From: ESMTP 192\\.0\\.2\\.1:4000\n' +
        '  Sender: sender1@example\\.org\n  Recipient: user1@example\\.com\n  Binding: default\n  Code: 451 later\n  Size: 26\n' +
        '  Connection Context: \\[\n    pathway = "default"\n  \\]\n  Message Context: \\[\n    x = "a \\\\"b\\\\"\\\\n"\n  \\]\n  Subject: one\n\n  \\\\x1b\\[2Jtext\n',
    ),
  );
  assert.equal((await show('-n')).out, '2\n', 'a recipient that has its copy is not counted');
  assert.equal((await show('-s')).out.match(/^Message: /gm)?.length, 2);
  assert.match((await show('--sender', '^sender2@')).out, /^Message: .*\n(?:.*\n)*  Subject: two\n/);
  for (const [words, count] of [
    [['--recipient', 'USER1@', '--start_date', '2023-11-14'], 1],
    [['--end_date', '2020-09-13 12:26:40'], 1],
    [['--start_date', '1600000001', '--end_date', '1600000002'], 0],
  ] as const)
    assert.equal((await show('-n', ...words)).out, `${count}\n`, words.join(' '));
  const none = await show('-m', testId(9));
  assert.deepEqual([none.code, /no message .* waits in/.test(none.err)], [1, true]);
  for (const words of [
    ['-s', '-n'],
    ['--start_date', 'soon'],
  ])
    assert.equal((await show(...words)).code, 64, words.join(' '));
  assert.match((await command('ec_show', ['--help'])).out, /--recipient PCRE/);
});

test('CLI-02 CTX-06 ec_show gives each recipient of a batch its own RCPT TO in the message context, and no key that the spool leaves out', async (t) => {
  const { dir, open, remove } = await testSpool();
  t.after(remove);
  const spool = await open();
  const last = { rcptto_string: 'rcpt to: <user1@Example.com>', rcptto_localpart: 'user1', rcptto_domain: 'Example.com' };
  const two = testEnvelope(1, 2);
  two.recipients[0]!.notify = ['FAILURE', 'DELAY'];
  await store(spool, { ...two, contextMessage: { x: '1', ...last } }, Buffer.from('Subject: one\r\n\r\n'));
  await store(spool, { ...testEnvelope(2), contextMessage: { rcptto_localpart: 'refused' } }, Buffer.from('Subject: two\r\n\r\n'));
  await spool.close();
  const shown = async (...words: string[]): Promise<string | undefined> =>
    /Message Context: \[\n([^\]]*)\n  \]/.exec((await command('ec_show', ['--spool', dir, ...words])).out)?.[1];
  const rows = (string: string, local: string, domain: string) =>
    `    x = "1"\n    rcptto_string = "${string}"\n    rcptto_localpart = "${local}"\n    rcptto_domain = "${domain}"`;
  assert.equal(
    await shown('--sender', '^sender1@', '--recipient', '^user0@'),
    rows('RCPT TO:<user0@example.com> NOTIFY=FAILURE,DELAY', 'user0', 'example.com'),
  );
  assert.equal(await shown('--recipient', '^user1@'), rows('rcpt to: <user1@Example.com>', 'user1', 'Example.com'));
  assert.equal(await shown('--sender', '^sender2@'), '    rcptto_localpart = "user0"', 'a recipient that was refused is not in it');
});

test('CLI-02 CLI-07 ec_dump_config gives the configuration as XML that others can read, ec_show finds the spool in it; problems give none', async (t) => {
  const dir = folder(t);
  const conf = join(dir, 'ecelerity.conf');
  writeFileSync(
    conf,
    `SpoolBase = "${dir}/spool"\nRelay_Hosts = ( 127.0.0.1 10.0.0.0/8 )\nBinding "a&b" { Bind_Address = 127.0.0.2\n Domain "x.test" { Max_Retries = 3 } }\nMessage_Expiration = 1\ninclude "more.conf"\n`,
  );
  writeFileSync(join(dir, 'more.conf'), 'Message_Expiration = 7200\n');
  const target = join(dir, 'out.xml');
  assert.deepEqual(await command('ec_dump_config', ['-c', conf, '-f', target, '-e', '/nowhere']), { code: 0, out: '', err: '' });
  assert.equal(statSync(target).mode & 0o777, 0o600);
  const reader = `import sys,xml.etree.ElementTree as e
r=e.parse(sys.argv[1]).getroot()
print([o.text for o in r.findall("option[@name='Message_Expiration']")], [i.text for i in r.find("option[@name='Relay_Hosts']")])
print(r.find("scope[@type='Binding'][@name='a&b']/scope[@type='Domain'][@name='x.test']/option[@name='Max_Retries']").text)`;
  const read = await run('python3', ['-c', reader, target]);
  assert.equal(read.out, "['7200'] ['127.0.0.1', '10.0.0.0/8']\n3\n", read.err);
  const shown = await command('ec_show', ['-c', conf, '-n']);
  assert.match(shown.err, new RegExp(`${dir}/spool is not an Impetus spool`));
  appendFileSync(conf, 'invalid_option = 1\n');
  const wrong = await command('ec_dump_config', ['-c', conf]);
  assert.deepEqual([wrong.code, wrong.out], [1, '']);
  assert.match(
    wrong.err,
    /No module provides capability 'config\.Global:invalid_option'[^]*Reconfigure failed\.\nGlobal configuration error\.\n$/,
  );
  assert.equal((await command('ec_dump_config', ['--x'])).code, 64);
  assert.match((await command('ec_dump_config', ['--help'])).out, /-f FILE/);
});

test('CLI-07 ec_dkim_ctl keeps Momentum’s tables, and gives the stanza that signs and the record to publish', async (t) => {
  const dir = folder(t);
  const database = join(dir, 'dkim_db');
  const key = join(dir, 'a key');
  const ask = (...words: string[]) => command('ec_dkim_ctl', ['--database', database, ...words]);
  const none = await ask('--list');
  assert.deepEqual([none.code, /adding a domain creates it/.test(none.err)], [1, true]);
  await run('openssl', ['genrsa', '-out', key, '2048']);
  assert.equal((await ask('--add-dkim', `A.test,s1,${key}`)).code, 0);
  assert.equal((await ask('--add-dkim', 'b.test,s2,')).code, 0);
  assert.equal((await ask('--add-dk', 'old.test,s0,/k')).code, 0);
  assert.equal((await ask('--list')).out, `DKIM (2)\n  a.test s1 ${key}\n  b.test s2\nDomainKeys (1)\n  old.test s0 /k\n`);
  const sqlite = new DatabaseSync(database, { readOnly: true });
  assert.deepEqual(
    sqlite
      .prepare('SELECT * FROM ec_dkim_conf ORDER BY domain')
      .all()
      .map((row) => ({ ...row })),
    [
      { domain: 'a.test', selector: 's1', keyfile: key },
      { domain: 'b.test', selector: 's2', keyfile: '' },
    ],
  );
  sqlite.close();
  const der = await run('sh', ['-c', 'openssl rsa -in "$1" -pubout -outform DER 2>/dev/null | base64 -w0', 'sh', key]);
  const record = (await ask('--dns', 'a.test')).out;
  assert.match(record, /^s1\._domainkey\.a\.test\. IN TXT \( "v=DKIM1; k=rsa; p=/);
  assert.equal(record.replaceAll(/^.*p=|" "|" \)\n$/g, ''), der.out);
  assert.equal((await ask('--delete-dkim', 'b.test', '--delete-dk', 'old.test')).code, 0);
  assert.deepEqual(
    [(await ask('--delete-dkim', 'b.test')).code, (await ask('--add-dkim', 'b test,s,k')).code, (await ask('--nothing')).code],
    [1, 1, 64],
  );
  const stanza = (await ask('--stanza')).out;
  writeFileSync(join(dir, 'c.conf'), `ec_logger { }\n${stanza}`);
  const valid = await command('validate_config', [join(dir, 'c.conf')]);
  assert.deepEqual([valid.code, valid.out], [0, 'Configuration valid\n'], valid.out + valid.err);
  assert.match((await ask('--version')).out, /^impetus \d/);
  assert.match((await command('ec_dkim_ctl', ['-h'])).out, /--delete-dk/);
});

test('CLI-07 create_ssl_cert makes a key and a certificate for a year that belong together, and replaces nothing', async (t) => {
  const dir = folder(t);
  const make = (...words: string[]) => command('create_ssl_cert', words);
  const made = await make('msyspg', 'db.example.com', dir);
  assert.equal(made.code, 0, made.err);
  const certificate = new X509Certificate(readFileSync(join(dir, 'server.crt')));
  assert.equal(certificate.checkHost('db.example.com'), 'db.example.com');
  const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 86_400_000;
  assert.equal(Math.round(days), 365);
  assert.equal(statSync(join(dir, 'server.key')).mode & 0o777, 0o600);
  const ofKey = await run('openssl', ['pkey', '-in', join(dir, 'server.key'), '-pubout']);
  assert.equal(certificate.publicKey.export({ type: 'spki', format: 'pem' }), ofKey.out);
  const again = await make('msyspg', 'db.example.com', dir);
  assert.deepEqual([again.code, /server\.key is there already/.test(again.err)], [1, true]);
  assert.equal((await make('smtp', '192.0.2.1', dir)).code, 0);
  assert.equal(new X509Certificate(readFileSync(join(dir, 'smtp.crt'))).checkIP('192.0.2.1'), '192.0.2.1');
  for (const words of [
    ['x', 'no host', dir],
    ['x', 'h.test', dir, 'no-such-user'],
  ])
    assert.equal((await make(...words)).code, 1, words.join(' '));
  assert.ok(!existsSync(join(dir, 'x.key')));
  assert.equal((await make('x', 'h.test')).code, 64);
  assert.match((await make('--help')).out, /HOSTNAME/);
});

test('CLI-01 to CLI-07 every command says with --help what its exit status means, and ends with 64 and one sentence when a word means nothing', async () => {
  const names = readdirSync(new URL('../../bin/', import.meta.url)).filter((name) => name !== 'node');
  await Promise.all(
    names.map(async (name) => {
      const help = await command(name, ['--help']);
      assert.equal(help.code, 0, name);
      assert.match(help.out, /exit status/i, name);
      const wrong = await command(name, ['--nonsense']);
      assert.equal(wrong.code, 64, name);
      if (name !== 'create_ssl_cert') assert.match(wrong.err, new RegExp(`^${name}: .*--nonsense`), name);
    }),
  );
});
