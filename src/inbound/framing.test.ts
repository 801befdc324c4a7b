/**
 * Only CRLF . CRLF ends a body, however the bytes are split.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, World } from '../../test/kit/inbound.ts';

/** What smugglers put where a naive server would see the end of the body. */
const ENDINGS: readonly (readonly [string, string])[] = [
  ['A01', '\n.\n'],
  ['A02', '\n.\r'],
  ['A03', '\r.\n'],
  ['A04', '\r.\r'],
  ['A05', '\n.\r\n'],
  ['A06', '\r.\r\n'],
  ['A07', '\r\n\0.\r\n'],
  ['A08', '\r\n.\rmore'],
  ['A09', '\r\n.\n'],
  ['A10', '\r\n.\r\r\n'],
  ['A11', '\r\r\n.\r\r\n'],
];
const HEAD = 'Subject: x\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\nfirst';
const SECOND = 'MAIL FROM:<evil@a.test>\r\nRCPT TO:<victim@here.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nsecond\r\n.\r\n';

function bodyWith(ending: string): string {
  return `${HEAD}${ending}${SECOND.replaceAll('\r\n.\r\n', '\r\n..\r\n')}\r\n.\r\n`;
}

interface Outcome {
  readonly said: string;
  readonly texts: readonly string[];
}

async function deliver(
  body: string,
  pieces: (bytes: string) => readonly string[],
  options: Record<string, unknown> = {},
): Promise<Outcome> {
  const world = new World({ options: { relayDomains: ['here.test'], ...options } });
  const client = await world.connect();
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>', 'DATA');
  let said = '';
  for (const piece of pieces(`${body}QUIT\r\n`)) said += client.say(piece);
  const texts = world.spool.stored.map(({ text }) => text.slice(text.indexOf('\r\n\r\n') + 4));
  return { said: codes(said), texts };
}

const whole = (bytes: string): readonly string[] => [bytes];
const singly = (bytes: string): readonly string[] => [...bytes];

for (const [id, ending] of ENDINGS) {
  test(`${JSON.stringify(ending)} does not end DATA: one message, no second envelope, the bytes kept as sent (${id}, SMTP-14)`, async () => {
    const outcome = await deliver(bodyWith(ending), whole);
    assert.equal(outcome.said, '250 221');
    assert.equal(outcome.texts.length, 1);
    const kept = outcome.texts[0] ?? '';
    assert.ok(kept.startsWith('first') && kept.endsWith('second\r\n.\r\n\r\n'), 'all of it is one body');
    assert.ok(kept.includes('MAIL FROM:<evil@a.test>'));
  });

  test(`${JSON.stringify(ending)} split at every byte boundary gives the same (A12, ${id})`, async () => {
    const body = bodyWith(ending);
    const expected = await deliver(body, whole);
    assert.deepEqual(await deliver(body, singly), expected);
    const from = HEAD.length - 3;
    for (let at = from; at < from + ending.length + 6; at++) {
      assert.deepEqual(await deliver(body, (bytes) => [bytes.slice(0, at), bytes.slice(at)]), expected, `split at ${at}`);
    }
  });
}

test('The end mark on the edge of a 16 KB read, and dot lines around it, give the same message (A12)', async () => {
  for (let shift = 0; shift < 6; shift++) {
    const filler = 'y'.repeat(16_384 - HEAD.length - 2 - shift);
    const body = `${HEAD}\r\n${filler}\r\n..dot\r\n...\r\n.\r\n`;
    const pieces = (bytes: string): readonly string[] => [bytes.slice(0, 16_384), bytes.slice(16_384)];
    const outcome = await deliver(body, pieces);
    assert.deepEqual(outcome, { said: '250 221', texts: [`first\r\n${filler}\r\n.dot\r\n..\r\n`] }, `shift ${shift}`);
  }
});

test('rfc2822_lone_lf_in_body=pedantic refuses lone CR and LF at the end of the body, fix makes them CRLF (A01, A06, SMTP-14)', async () => {
  for (const [, ending] of ENDINGS.slice(0, 6)) {
    const refused = await deliver(bodyWith(ending), whole, { rfc2822LoneLfInBody: 'pedantic' });
    assert.deepEqual(refused, { said: '550 221', texts: [] }, JSON.stringify(ending));
    const fixed = await deliver(bodyWith(ending), singly, { rfc2822LoneLfInBody: 'fix' });
    assert.equal(fixed.said, '250 221');
    assert.doesNotMatch(fixed.texts[0] ?? '', /[^\r]\n|\r[^\n]/, JSON.stringify(ending));
  }
});

test('A lone LF in the header is refused by default and mended with rfc2822_lone_lf_in_headers=fix (SMTP-04, SMTP-14)', async () => {
  const body = 'Subject: a\nX-Other: b\r\n\r\ntext\r\n.\r\n';
  assert.deepEqual(await deliver(body, whole), { said: '550 221', texts: [] });
  const fixed = await deliver(body, singly, { rfc2822LoneLfInHeaders: 'fix' });
  assert.deepEqual(fixed, { said: '250 221', texts: ['text\r\n'] });
});

test('An empty message, a lone dot, a body without header, a header without blank line: accepted or 5xx, never stuck (A16)', async () => {
  for (const body of ['.\r\n', '..\r\n.\r\n', 'just text\r\n.\r\n', 'Subject: x\r\n.\r\n', '\r\n\r\n.\r\n', 'From someone\r\n.\r\n']) {
    assert.match((await deliver(body, whole)).said, /^(250|550) 221$/, JSON.stringify(body));
    assert.match((await deliver(body, singly, { rfc2822MissingHeaders: 'allow' })).said, /^250 221$/, JSON.stringify(body));
  }
});

test('Lines of 998, 999, 1000 and a million octets follow the policy, and folding makes no dot line that ends a body (A15)', async () => {
  for (const length of [998, 999, 1000, 1_000_000]) {
    const body = `${HEAD}\r\n${'.'.repeat(length + 1)}\r\n.\r\n`;
    const ignored = await deliver(body, whole);
    assert.deepEqual(ignored.texts, [`first\r\n${'.'.repeat(length)}\r\n`]);
    const rejected = await deliver(body, whole, { rfc2822MaxLineLength: 'pedantic' });
    assert.equal(rejected.said, length > 998 ? '550 221' : '250 221');
    const folded = await deliver(body, whole, { rfc2822MaxLineLength: 'fix' });
    assert.equal(folded.said, '250 221');
    assert.ok((folded.texts[0] ?? '').split('\r\n').every((line) => line.length <= 998));
  }
});
