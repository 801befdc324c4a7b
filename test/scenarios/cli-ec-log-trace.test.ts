/**
 * ec_log_trace over logs in the documented form: what it finds, how it follows a message, how it prints, how it ends.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { command, run } from '../kit/server.ts';

const dir = mkdtempSync(join(tmpdir(), 'log-trace-'));
after(() => rmSync(dir, { recursive: true }));
const path = (name: string): string => join(dir, name);

const a = '00/00-25004-31B987F3';
const b = '10/00-25593-393A87F3';
const rest = '@00/00-03736-F4101B54@00/00-04532-A3456B54';
/** The samples of the manual, and a second message. */
const received = `1064868656@${a}${rest}@R@bob@example.fict@info@postalengine.com@10.0.1.1@201@esmtp@default@default`;
const failedOnce = `1064869327@${a}${rest}@T@example.fict@0@group-a@binding-a@15@0@18.53@10.0.0.1@421 no adequate servers`;
const delivered = `1064871280@${a}${rest}@D@example.fict@266@group-a@binding-a@1@0.393@10.0.0.2`;
const other = `1064868700@${b}${rest}@R@"x\\@y\\x1b"@sub.example.fict@@@10.0.1.2@31@esmtp@default@default`;
const bounced = `1064870847@${b}${rest}@P@sub.example.fict@31@group-b@binding-b@5@1@3.89@10.0.0.1@552 No <such> account`;
const inBounceLog = `1064870847@${b}${rest}@B@"x\\@y\\x1b"@sub.example.fict@@@group-b@binding-b@5@10@31@10.0.0.1@552 No <such> account`;
const rejected =
  '1236672125: R="10.79.25.142:42601" L="10.79.25.142:25" C="18/00-07149-D7E16B94" PATH="default" PATH_GRP="default" P="awaiting mailfrom" E=550 M=scriptlet ' +
  'CTXCONN=[pathway=default,ehlo_string="EHLO rh52-node1",rdnsbl=] CTXMESS=[mailfrom_domain=,mailfrom_string="MAIL FROM:<>",somehdr="failed, \\"x\\"=]"] relaying denied';
const lines = (...all: string[]): string => all.map((line) => `${line}\n`).join('');

writeFileSync(path('mainlog.ec.2'), lines(received));
writeFileSync(path('mainlog.ec.1.gz'), gzipSync(lines(other, '1064868800@@@@M1', failedOnce)));
writeFileSync(path('mainlog.ec'), lines('1251470342@@@@M1', bounced, delivered, 'half a li'));
writeFileSync(path('rejectlog.ec'), lines(rejected, rejected.replace('rdnsbl=', 'rdnsbl=listed'), '1252064908: Marker 1'));
writeFileSync(path('bouncelog.ec'), lines(inBounceLog));
const mainlogs = ['mainlog.ec', 'mainlog.ec.1.gz', 'mainlog.ec.2'].map(path);
const all = [...mainlogs, path('rejectlog.ec'), path('bouncelog.ec')];

async function trace(...words: string[]): Promise<string> {
  const ran = await command('ec_log_trace', words, { env: { TZ: 'UTC' } });
  assert.deepEqual([ran.code, ran.err], [0, ''], words.join(' '));
  return Buffer.from(ran.out, 'latin1').toString('utf8');
}

test('CLI-03 all lines of all files in the order of time; markers are no records; --id follows one message through all of them', async () => {
  assert.equal(
    await trace(...all),
    lines(received, other, failedOnce, bounced, delivered, rejected, rejected.replace('rdnsbl=', 'rdnsbl=listed'), inBounceLog),
  );
  assert.equal(await trace('--id', b, ...all), lines(other, bounced, inBounceLog));
});

test('CLI-03 --count counts what became of the messages that are meant; -v shows each with all that is known of it', async () => {
  assert.equal(
    await trace('--count', '--from-domain=postalengine.com', ...mainlogs),
    'Receptions: 1\nDeliveries: 1\nTransient failures: 1\nPermanent failures: 0\n',
  );
  assert.match(await trace('--count', ...all), /Receptions: 2\n.*\n.*\nPermanent failures: 1\nRejections: 2\nBounces: 1\n$/);
  const told = await trace('-v', '--perm', '--date', ...all);
  assert.match(
    told,
    /^Message 10\/00-25593-393A87F3\n  reception Mon Sep 29 20:51:40 2003\n(?:    .*\n)*    recipient-local: "x@y\\x1b"\n(?:    .*\n)*  permanent-failure Mon Sep 29 21:27:27 2003\n(?:    .*\n)*    reply: 552 No <such> account\n\n$/,
  );
  assert.match(
    await trace('-v', ...all),
    /rejection 1236672125\n    remote: 10\.79\.25\.142:42601\n(?:.*\n)*    message context:\n(?:.*\n)*      somehdr: failed, "x"=\]\n/,
  );
  assert.equal((await trace('--date', '--id', a, '--in', ...all)).slice(0, 25), 'Mon Sep 29 20:50:56 2003@');
});

test('CLI-03 --xml is well formed whatever a peer sent, --output writes a file and --append adds to it; - is standard input', async () => {
  const text = await trace('--xml', ...all);
  assert.match(text, /<permanent-failure time="1064870847" id="10\/00-25593-393A87F3" .* reply="552 No &#60;such&#62; account"\/>\n/);
  const parsed = await run(
    'python3',
    ['-c', 'import sys,xml.etree.ElementTree as e; r=e.fromstring(sys.stdin.buffer.read()); print(r.tag,*[c.tag for c in r])'],
    { input: Buffer.from(text) },
  );
  assert.equal(parsed.out, 'log reception reception transient-failure permanent-failure delivery rejection rejection bounce\n', parsed.err);
  await trace('--output', path('found'), '--id', a, '--in', ...all);
  await trace('--output', path('found'), '--append', '--out', ...all);
  assert.equal(readFileSync(path('found'), 'utf8'), lines(received, delivered));
  const piped = await command('ec_log_trace', ['--in', '-'], { input: lines(received, failedOnce) });
  assert.equal(piped.out, lines(received));
});

test('CLI-03 a file that cannot be read is told and the others are read; wrong words end with 64; --help says all', async () => {
  writeFileSync(path('torn.gz'), gzipSync(lines(received)).subarray(0, 30));
  const ran = await command('ec_log_trace', ['--in', path('absent'), path('torn.gz'), path('torn.bz2'), path('mainlog.ec.2')]);
  assert.deepEqual([ran.code, ran.out], [1, lines(received)]);
  assert.match(ran.err, /absent.*ENOENT|ENOENT.*absent/);
  assert.match(ran.err, /torn\.gz: unexpected end/);
  assert.match(ran.err, /torn\.bz2/);
  for (const words of [['--nothing'], ['--from-regex=('], ['--start=yesterday'], ['--append']]) {
    const wrong = await command('ec_log_trace', [...words, path('mainlog.ec')]);
    assert.equal(wrong.code, 64, words.join(' '));
    assert.match(wrong.err, /^ec_log_trace: .*\nusage: /);
  }
  const help = await command('ec_log_trace', ['-h']);
  for (const word of ['--from-domain', '--vctx-mess', '--xml', '--append', '--binding-group']) assert.ok(help.out.includes(word), word);
});
