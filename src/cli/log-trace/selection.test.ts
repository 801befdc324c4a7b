/*
 * What ec_log_trace finds by each of its conditions, and its memory: at its bound the oldest message is printed and forgotten.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLine, type LogLine } from './lines.ts';
import { Selection } from './selection.ts';
import { parseWish } from './wish.ts';

const reception = (n: number): LogLine => parseLine(`1064868656@m${n}@b@c@R@to@x.test@me@home.test@10.0.1.1@201@esmtp@default@default`)!;
const delivery = (n: number): LogLine => parseLine(`1064868657@m${n}@b@c@D@x.test@201@default@default@0@0.1@10.0.0.1`)!;

test('CLI-03 of so many messages it is remembered what belongs to them; beyond that the oldest is shown as far as it was read', () => {
  const shown: string[] = [];
  const selection = new Selection(parseWish(['-v', '--out']), {
    messagesMax: 2,
    show: () => undefined,
    showGroup: (group) => shown.push(`${group.id} ${group.lines.map(({ kind }) => kind).join('')}`),
  });
  for (const line of [reception(1), delivery(1), reception(2), reception(3), delivery(3), reception(4), delivery(2)]) selection.take(line);
  assert.deepEqual(shown, ['m1 RD', 'm3 RD']);
  selection.end();
  // m2 was forgotten before it was delivered: only its delivery is known.
  assert.deepEqual(shown, ['m1 RD', 'm3 RD', 'm2 D']);
});

test('CLI-03 of so many chosen messages it is remembered that they were', () => {
  const shown: string[] = [];
  const selection = new Selection(parseWish(['--count', '--from=me@home.test']), {
    messagesMax: 1,
    show: ({ id, kind }) => shown.push(`${id} ${kind}`),
    showGroup: () => undefined,
  });
  for (const line of [reception(1), reception(2), delivery(1), delivery(2)]) selection.take(line);
  assert.deepEqual(shown, ['m1 R', 'm2 R', 'm2 D']);
});

/** The samples of the manual, a second message with hostile names, and a rejection. */
const a = '00/00-25004-31B987F3';
const b = '10/00-25593-393A87F3';
const rest = '@00/00-03736-F4101B54@00/00-04532-A3456B54';
const received = `1064868656@${a}${rest}@R@bob@example.fict@info@postalengine.com@10.0.1.1@201@esmtp@default@default`;
const failedOnce = `1064869327@${a}${rest}@T@example.fict@0@group-a@binding-a@15@0@18.53@10.0.0.1@421 no adequate servers`;
const delivered = `1064871280@${a}${rest}@D@example.fict@266@group-a@binding-a@1@0.393@10.0.0.2`;
const other = `1064868700@${b}${rest}@R@"x\\@y\\x1b"@sub.example.fict@@@10.0.1.2@31@esmtp@default@default`;
const bounced = `1064870847@${b}${rest}@P@sub.example.fict@31@group-b@binding-b@5@1@3.89@10.0.0.1@552 No <such> account`;
const inBounceLog = `1064870847@${b}${rest}@B@"x\\@y\\x1b"@sub.example.fict@@@group-b@binding-b@5@10@31@10.0.0.1@552 No <such> account`;
const rejected =
  '1236672125: R="10.79.25.142:42601" L="10.79.25.142:25" C="18/00-07149-D7E16B94" PATH="default" PATH_GRP="default" P="awaiting mailfrom" E=550 M=scriptlet ' +
  'CTXCONN=[pathway=default,ehlo_string="EHLO rh52-node1",rdnsbl=] CTXMESS=[mailfrom_domain=,mailfrom_string="MAIL FROM:<>",somehdr="failed, \\"x\\"=]"] relaying denied';

function linesFor(words: readonly string[]): string[] {
  const found: string[] = [];
  const selection = new Selection(parseWish(words), { show: ({ raw }) => found.push(raw), showGroup: () => undefined });
  const listed = rejected.replace('rdnsbl=', 'rdnsbl=listed');
  for (const raw of [received, other, '1064868800@@@@M1', failedOnce, bounced, delivered, 'half a li', rejected, listed, inBounceLog]) {
    const line = parseLine(raw);
    if (line !== undefined) selection.take(line);
  }
  return found;
}

test('CLI-03 each condition finds its lines, alone and with others; a time is told in seconds or in words', (t) => {
  const zone = process.env['TZ'];
  process.env['TZ'] = 'UTC';
  t.after(() => (zone === undefined ? delete process.env['TZ'] : (process.env['TZ'] = zone)));
  for (const [words, found] of [
    [['--from=INFO@postalengine.com'], [received]],
    [['--from=<>', '--main'], [other]],
    [['--from-domain-regex=^postal'], [received]],
    [['--to=bob@example.fict', '--to=nobody@example.fict'], [received]],
    [
      ['--to-domain=example.fict', '--tran', '--out'],
      [failedOnce, delivered],
    ],
    [['--to-domain-regex=\\.example\\.fict$', '--perm'], [bounced]],
    [['--src-ip=10.0.1.2'], [other]],
    [
      ['--dst-ip=10.0.0.1', '--main'],
      [failedOnce, bounced],
    ],
    [['--dst-ip-regex=^10\\.0\\.0\\.2$'], [delivered]],
    [['--binding=binding-a'], [failedOnce, delivered]],
    [['--binding-regex=-b$', '--main'], [bounced]],
    [
      ['--binding=default', '--binding-group=default'],
      [received, other],
    ],
    [
      ['--id', b],
      [other, bounced, inBounceLog],
    ],
    [['--in', '--end=1064868656'], [received]],
    [['--delivery', '--start=1064871280'], [delivered]],
    [['--reception', '--start=Sep 29 20:51:00 2003', '--end', '09 29 20:51:40 2003'], [other]],
    [['--vctx-conn=rdnsbl='], [rejected]],
    [
      ['--vctx-conn=rdnsbl', '--vctx-mess-regex=somehdr=^failed, "x"=\\]$', '--end=1300000000'],
      [rejected, rejected.replace('rdnsbl=', 'rdnsbl=listed')],
    ],
    [['--regex', '--from=^info@', '--to=fict$'], [received]],
  ] as const)
    assert.deepEqual(linesFor(words), found, words.join(' '));
});
