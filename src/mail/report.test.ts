/*
 * Reports about our mail, as strangers write them: read as far as they go, bounded, and quick whatever they hold.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readBounce, SuppressList } from './out-of-band.ts';
import { findInReport, parseReport, REPORT_OCTETS } from './report.ts';
import { formatTraceMark, parseTraceMark } from './trace-mark.ts';

const crlf = (text: string): Buffer => Buffer.from(text.replace(/\r?\n/g, '\r\n'));
const key = 'a secret of this site';
const mark = { local: 'user', domain: 'far.test', binding: 'b1', group: 'g1', userString: 'camp@ign' };
const question = { suppressed: new SuppressList('postmaster@far.test, @here.test'), mailbox: 'bounces@here.test', mark: undefined };

function status(fields: string, more = ''): Buffer {
  return crlf(`From: MAILER-DAEMON@far.test
Subject: Undelivered
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

Sorry, mail to words@text.test failed.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.far.test

${fields}
--B
Content-Type: text/rfc822-headers

From: a@sender.test
To: to@original.test
${more}Subject: the original
--B--
`);
}

test('BNC-07 the recipient of a bounce is that of its report fields, the original one first, with the words of whoever refused', () => {
  const bounce = readBounce(
    parseReport(
      status(`Original-Recipient: rfc822; first@old.test
Final-Recipient: rfc822; last@far.test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1
 nobody of that name

Final-Recipient: rfc822;<second@far.test>
Action: failed
Status: 5.2.2

Final-Recipient: rfc822; fine@far.test
Action: delivered
Status: 2.0.0`),
    ),
    question,
  );
  assert.equal(bounce.kind, 'failed');
  assert.deepEqual(bounce.recipients, [
    { recipient: 'first@old.test', reply: '550 5.1.1 nobody of that name' },
    { recipient: 'second@far.test', reply: '5.2.2' },
  ]);
  const kindOf = (action: string): string =>
    readBounce(parseReport(status(`Final-Recipient: rfc822; a@far.test\nAction: ${action}\nStatus: 4.0.0`)), question).kind;
  assert.deepEqual(['delayed', 'relayed', 'Failed'].map(kindOf), ['delayed', 'success', 'failed']);
});

test('BNC-07 Bounce_Suppress_List, the bounce mailbox and the sender of the bounce are never taken for the recipient', () => {
  const found = (text: string, headers = ''): string | undefined =>
    readBounce(parseReport(crlf(`From: <daemon@far.test>\n${headers}Subject: failure\n\n${text}\n`)), question).recipients[0]?.recipient;
  assert.equal(
    found('bounces@here.test, other@here.test, Postmaster@far.test, daemon@far.test: real@far.test is unknown'),
    'real@far.test',
  );
  assert.equal(found('<postmaster@far.test>'), '');
  assert.equal(found('x@text.test', 'X-Failed-Recipients: postmaster@far.test, named@far.test\n'), 'named@far.test');
  const fields = 'Original-Recipient: rfc822; who@here.test\nFinal-Recipient: rfc822; last@far.test\nAction: failed';
  assert.equal(readBounce(parseReport(status(fields)), question).recipients[0]?.recipient, 'last@far.test');
});

test('BNC-06 a bounce without fields is attributed by our mark, by VERP, or by the headers that came back; its words give the reply', () => {
  const text = 'Hi. This is the program at far.test.\n<x@words.test>:\n192.0.2.1 said: 550 5.7.1 we do not want it\n';
  const plain = parseReport(crlf(`From: d@far.test\nSubject: failure notice\n\n${text}`));
  const verp = { ...question, mailbox: 'bounces+user=example.com@here.test' };
  assert.deepEqual(readBounce(plain, verp).recipients, [{ recipient: 'user@example.com', reply: '550 5.7.1 we do not want it' }]);
  assert.equal(readBounce(plain, { ...question, mailbox: 'list-a.b=example.com@here.test' }).recipients[0]?.recipient, 'a.b@example.com');
  assert.equal(readBounce(plain, question).recipients[0]?.recipient, 'x@words.test');
  const returned = parseReport(crlf(`From: d@far.test\n\n${text}\n  > X-MSFBL: ${formatTraceMark(mark, key)}\n  > Subject: s\n`));
  const bounce = readBounce(returned, { ...question, mark: { headerName: 'x-msfbl', key } });
  assert.deepEqual([bounce.recipients[0]?.recipient, bounce.mark], ['user@far.test', mark]);
});

test('A53 BNC-13 a mark is base64 of five fields, and with a key a token that nobody else can make', () => {
  const bare = formatTraceMark({ ...mark, userString: 'true' }, undefined);
  assert.equal(Buffer.from(bare, 'base64').toString(), 'user@far.test@b1@g1@true');
  const signed = formatTraceMark(mark, key);
  assert.deepEqual(parseTraceMark(` ${signed.slice(0, 20)}\r\n\t${signed.slice(20)}`, key), { kind: 'mark', mark });
  const [packed, token] = signed.split('|');
  const others = [bare, packed, `${packed}|`, `${packed}|${'A'.repeat(22)}`, formatTraceMark(mark, 'another key'), `${bare}|${token}`];
  for (const forged of others) assert.equal(parseTraceMark(forged!, key).kind, 'forged', forged);
  for (const odd of ['', '!', `${signed}|x`, 'x'.repeat(5000)]) assert.equal(parseTraceMark(odd, key).kind, 'malformed', odd.slice(0, 20));
  assert.equal(parseTraceMark(Buffer.from('a@b').toString('base64'), undefined).kind, 'malformed');
  const text = fc.string({ maxLength: 40 });
  fc.assert(
    fc.property(text, text, text, text, text, (local, domain, binding, group, userString) => {
      const made = { local, domain, binding, group, userString };
      assert.deepEqual(parseTraceMark(formatTraceMark(made, key), key), { kind: 'mark', mark: made });
    }),
  );
  const report = parseReport(
    status('Final-Recipient: rfc822; a@far.test\nAction: failed', `X-MSFBL: ${formatTraceMark(mark, 'theirs')}\n`),
  );
  assert.equal(readBounce(report, { ...question, mark: { headerName: 'X-MSFBL', key } }).kind, 'forged');
});

test('A53 BNC-07 where marks have tokens a bounce is about whom its mark names, and without a mark about nobody', () => {
  const keyed = { ...question, mark: { headerName: 'X-MSFBL', key, trustsUnmarked: false } };
  const told = 'Final-Recipient: rfc822; victim@else.test\nAction: failed\nDiagnostic-Code: smtp; 550 gone';
  const about = (o: typeof question | typeof keyed, header = ''): unknown => {
    const { recipients, isUnproven } = readBounce(parseReport(status(told, header)), o);
    return [recipients.map(({ recipient, reply }) => `${recipient}: ${reply}`).join(), isUnproven === true];
  };
  assert.deepEqual(about(question), ['victim@else.test: 550 gone', false]);
  assert.deepEqual(about(keyed), [': 550 gone', true]);
  assert.deepEqual(about({ ...keyed, mark: { ...keyed.mark, trustsUnmarked: true } }), ['victim@else.test: 550 gone', false]);
  const marked = (of: Partial<typeof mark>): string => `X-MSFBL: ${formatTraceMark({ ...mark, ...of }, key)}\n`;
  assert.deepEqual(about(keyed, marked({})), ['user@far.test: 550 gone', false], 'whoever got a mark cannot use it against others');
  assert.deepEqual(about(keyed, marked({ local: '' })), [': 550 gone', false], 'of a message to several at far.test');
  assert.deepEqual(about(keyed, marked({ local: '', domain: 'else.test' })), ['victim@else.test: 550 gone', false]);
  assert.deepEqual(about(keyed, marked({ local: '', domain: '' })), ['victim@else.test: 550 gone', false]);
});

test('BNC-13 the fields of an ARF report, and a mark in a wrapped original, whatever its encoding', () => {
  const wrapped = (encoding: string, body: string): Buffer =>
    crlf(`Content-Type: multipart/report; report-type=feedback-report;\n boundary=B

--B
Content-Type: text/plain

complaint
--B
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: x/1
Version: 1

--B
Content-Type: message/rfc822
Content-Transfer-Encoding: ${encoding}

${body}
--B--
`);
  const original = `X-MSFBL: ${formatTraceMark(mark, key)}\r\nSubject: s\r\n\r\nbody\r\n`;
  const encodings = {
    '7bit': original,
    base64: Buffer.from(original).toString('base64'),
    'quoted-printable': original.replaceAll('=', '=3D').replace('X-MSFBL: ', 'X-MSFBL: =\r\n'),
  };
  for (const [encoding, body] of Object.entries(encodings)) {
    const report = parseReport(wrapped(encoding, body));
    assert.equal(report.feedback?.find('feedback-type'), 'abuse', encoding);
    assert.deepEqual(parseTraceMark(findInReport(report, 'X-MSFBL') ?? '', key), { kind: 'mark', mark }, encoding);
  }
});

test('A49 A54 malformed and hostile reports are read as far as they go, in bounded work, and never throw', () => {
  const piece = fc.constantFrom(
    '--B',
    '--B--',
    '\r\n',
    '\n',
    'Content-Type: multipart/mixed; boundary=B\r\n',
    'Content-Type: message/delivery-status\r\n\r\n',
    'Content-Type: message/feedback-report\r\n\r\n',
    'Final-Recipient: rfc822; a@b.test\r\n',
    'Action: failed\r\n',
    'Diagnostic-Code: smtp; 550 x\r\n',
    'X-MSFBL: AAAA\r\n',
    '@'.repeat(50),
    '\0\xff',
    `a@${'x'.repeat(300)}.test `,
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const report = parseReport(Buffer.from(`Content-Type: multipart/report; boundary=B\r\n\r\n${pieces.join('')}`, 'latin1'));
      const { recipients } = readBounce(report, { ...question, mark: { headerName: 'X-MSFBL', key: undefined } });
      assert.ok(recipients.every(({ recipient, reply }) => recipient.length <= 320 && reply.length <= 500));
      assert.ok(recipients.length <= 100);
    }),
    { numRuns: 300 },
  );
  const hostile = ['@', 'a@', '--B\r\n', 'x'.repeat(60), '550 ', 'X-MSFBL:', '>\t', '=\r\n', 'a: b\r\n\r\n'].map((unit) =>
    Buffer.from(`Content-Type: multipart/report; boundary=B\r\n\r\n--B\r\n\r\n${unit.repeat(Math.ceil(REPORT_OCTETS / unit.length))}`),
  );
  for (const bytes of hostile) {
    const report = parseReport(bytes);
    assert.ok(report.status.length <= 100 && report.searched.length <= 32 && report.text.length <= 8192);
    readBounce(report, { ...question, mark: { headerName: 'X-MSFBL', key } });
  }
});

test('A49 A54 a line that holds the name of our header many thousand times, and a status of blank lines, cost their length', () => {
  const line = `zzzzzzzzzzzz ${'X-MSFBL: a '.repeat(20_000)}`;
  const head = 'Content-Type: text/plain\r\n';
  for (const text of [
    `${head}\r\n${line}`,
    `${head}Content-Transfer-Encoding: base64\r\n\r\n${Buffer.from(line.slice(0, 190_000)).toString('base64')}`,
  ]) {
    // Seconds, once: each place was looked at from the beginning of its line.
    assert.equal(findInReport(parseReport(Buffer.from(text)), 'X-MSFBL'), undefined);
    assert.equal(findInReport(parseReport(Buffer.from(`${text.replace('base64', '7bit')}\n>  X-MSFBL: good`)), 'X-MSFBL')?.trim(), 'good');
  }
  const blank = `Content-Type: message/delivery-status\r\n\r\n${'x\n\n'.repeat(50_000)}`;
  const before = `Content-Type: message/delivery-status\r\n\r\n${'\n'.repeat(100)}Final-Recipient: rfc822; a@b.test\n\n`;
  assert.equal(parseReport(Buffer.from(blank)).status.length, 0);
  assert.equal(parseReport(Buffer.from(before)).status.length, 1);

  // The sender of the bounce is read once, however many recipients it claims: nine seconds before.
  const claimed = `From: ${'a@b.test '.repeat(20_000)}\r\nX-Failed-Recipients: ${'a@b.test,'.repeat(3_000)}\r\n\r\n`;
  assert.equal(readBounce(parseReport(Buffer.from(claimed)), question).recipients[0]?.recipient, '');
});
