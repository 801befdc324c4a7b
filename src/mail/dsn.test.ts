/**
 * Tests of delivery status notices: their parts, what they quote, and text of peers that tries to break out.
 */
import assert from 'node:assert/strict';
import { isAscii } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '#base';
import { buildDsn, DSN_HEADERS_MAX, DSN_ORIGINAL_MAX } from './dsn.ts';
import type { DsnInput } from './dsn.ts';
import { HeaderBlock } from './header-block.ts';

const ORIGINAL = Buffer.from('From: a@sender.example\r\nMessage-ID: <m1@sender.example>\r\nSubject: s\r\n\r\nsecret body\r\n');

function input(over: Partial<DsnInput> = {}): DsnInput {
  return {
    random: seededRandom(1),
    now: Date.UTC(2026, 10, 22, 12, 0, 0),
    to: 'a@sender.example',
    messageId: '<00.00.00001.ABCDEF01@mx.example>',
    reportingMta: 'mx.example',
    arrivedAt: Date.UTC(2026, 10, 21, 12, 0, 0),
    inline: 'headers',
    original: ORIGINAL,
    recipients: [
      {
        address: 'b@c.example',
        action: 'failed',
        diagnostic: '550 5.1.1 no such user',
        remoteMta: 'mail.c.example',
        lastAttemptAt: Date.UTC(2026, 10, 22, 11, 59, 0),
      },
    ],
    ...over,
  };
}

/** The MIME parts: header text and body each. */
function parts(dsn: Buffer): { headers: string; body: string }[] {
  const text = dsn.toString('latin1');
  const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? assert.fail('no boundary');
  const [, ...rest] = text.split(`--${boundary}`);
  assert.equal(rest.pop(), '--\r\n');
  return rest.map((part) => {
    const at = part.indexOf('\r\n\r\n');
    return { headers: part.slice(2, at), body: part.slice(at + 4, -2) };
  });
}

test('BNC-02 BNC-12: a failure notice has its headers, a text, the report fields and the original headers', () => {
  const dsn = buildDsn(input());
  const block = HeaderBlock.parse(dsn);
  assert.equal(block.find('From'), 'Mail Delivery Subsystem <mailer-daemon@mx.example>');
  assert.equal(block.find('To'), '<a@sender.example>');
  assert.equal(block.find('Auto-Submitted'), 'auto-replied');
  assert.equal(block.find('In-Reply-To'), '<m1@sender.example>');
  assert.match(block.find('Content-Type') ?? '', /^multipart\/report; report-type=delivery-status;/);
  const [text, status, quoted, ...none] = parts(dsn);
  assert.equal(none.length, 0);
  assert.ok(text?.body.includes('<b@c.example>') && text.body.includes('550 5.1.1 no such user'));
  assert.equal(
    status?.body,
    'Reporting-MTA: dns; mx.example\r\n' +
      'Arrival-Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n' +
      '\r\n' +
      'Final-Recipient: rfc822; b@c.example\r\n' +
      'Action: failed\r\n' +
      'Status: 5.1.1\r\n' +
      'Remote-MTA: dns; mail.c.example\r\n' +
      'Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n' +
      'Last-Attempt-Date: Sun, 22 Nov 2026 11:59:00 +0000\r\n',
  );
  assert.ok(quoted !== undefined);
  assert.ok(quoted.headers.startsWith('Content-Type: text/rfc822-headers\r\n'));
  assert.ok(quoted.body.includes('Subject: s') && !quoted.body.includes('secret'));
  assert.ok(isAscii(dsn));
});

test('BNC-02: bounces_inline_original none, headers and all, within what RET asks for', () => {
  const third = (over: Partial<DsnInput>): string => parts(buildDsn(input(over)))[2]?.headers.split('\r\n')[0] ?? 'none';
  assert.equal(third({ inline: 'none' }), 'none');
  assert.equal(third({ inline: 'none', ret: 'FULL' }), 'none');
  assert.equal(third({ inline: 'headers' }), 'Content-Type: text/rfc822-headers');
  assert.equal(third({ inline: 'headers', ret: 'FULL' }), 'Content-Type: message/rfc822');
  assert.equal(third({ inline: 'all' }), 'Content-Type: message/rfc822');
  assert.equal(third({ inline: 'all', ret: 'HDRS' }), 'Content-Type: text/rfc822-headers');
  assert.equal(third({ inline: 'all', original: undefined }), 'none');
  const delayed = [{ address: 'b@c', action: 'delayed' as const }];
  assert.equal(third({ inline: 'all', ret: 'FULL', recipients: delayed }), 'Content-Type: text/rfc822-headers');
});

test('BNC-02: the MailerDaemon option names the From', () => {
  const from = (value: string): string | undefined => HeaderBlock.parse(buildDsn(input({ from: value }))).find('From');
  assert.equal(from('bounce@x.example'), 'Mail Delivery Subsystem <bounce@x.example>');
  assert.equal(from('Postmaster <p@x.example>'), 'Postmaster <p@x.example>');
  assert.equal(from('a@b\r\nBcc: evil@x'), 'Mail Delivery Subsystem <a@b Bcc: evil@x>');
});

test('BNC-03: there is no notice to the null sender', () => {
  assert.throws(() => buildDsn(input({ to: '' })));
});

test('ORCPT and ENVID come back decoded, a delay says until when', () => {
  const status = parts(
    buildDsn(
      input({
        envid: 'QQ+2B314',
        recipients: [
          {
            address: 'b@c',
            orcpt: 'rfc822;x+2By@z',
            action: 'delayed',
            diagnostic: '451 later',
            willRetryUntil: Date.UTC(2026, 10, 25),
            status: 'bad',
          },
          { address: 'd@e', action: 'delivered' },
        ],
      }),
    ),
  )[1]?.body;
  assert.ok(status !== undefined);
  assert.ok(status.includes('Original-Envelope-Id: QQ+314\r\n'));
  assert.ok(status.includes('Original-Recipient: rfc822; x+y@z\r\n'));
  assert.ok(status.includes('Status: 4.0.0\r\n') && status.includes('Status: 2.0.0\r\n'));
  assert.ok(status.includes('Will-Retry-Until: Wed, 25 Nov 2026 00:00:00 +0000\r\n'));
});

test('a message that needed SMTPUTF8 gets the global kind of notice, every other stays ASCII (RFC 6533)', () => {
  const recipients = [{ address: 'jörg@bücher.example', action: 'failed' as const, diagnostic: '550 größe', orcpt: 'utf-8;j\\x{F6}rg@b' }];
  const ascii = buildDsn(input({ recipients }));
  assert.ok(isAscii(ascii));
  assert.ok(ascii.includes('Final-Recipient: utf-8; j\\x{F6}rg@b\\x{FC}cher.example\r\n'));
  assert.ok(ascii.includes('Original-Recipient: utf-8; j\\x{F6}rg@b\r\n'));
  const global = buildDsn(input({ recipients, smtpUtf8: true }));
  for (const type of ['message/global-delivery-status', 'message/global-headers', 'charset=utf-8']) assert.ok(global.includes(type), type);
  assert.ok(global.includes('Final-Recipient: utf-8; jörg@bücher.example\r\n'));
  assert.ok(global.includes('Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 8bit') === false);
});

test('8-bit headers of the original are quoted-printable, an 8-bit original makes the notice 8-bit', () => {
  const original = Buffer.from('Subject: größe\r\n\r\nbödy\r\n');
  assert.ok(isAscii(buildDsn(input({ original }))));
  const whole = buildDsn(input({ original, inline: 'all' }));
  assert.equal(HeaderBlock.parse(whole).find('Content-Transfer-Encoding'), '8bit');
  assert.ok(whole.includes(original));
});

test('A47: what is quoted of a huge original is bounded', () => {
  const headers = Buffer.from(`${'X-Header: value\r\n'.repeat(100_000)}\r\nbody`);
  assert.ok(buildDsn(input({ original: headers })).length < DSN_HEADERS_MAX + 4096);
  const body = Buffer.concat([ORIGINAL, Buffer.alloc(DSN_ORIGINAL_MAX, 'x')]);
  assert.ok(buildDsn(input({ original: body, inline: 'all' })).length < 4096);
});

test('A30 A50 A75: whatever a peer put into replies, names and addresses, the notice keeps its fields', () => {
  const nasty = fc.string({
    unit: fc.constantFrom('a', '\r', '\n', '\r\n', ':', ' ', '\0', 'é', '\u2028', '\r\nX-Evil: 1', '--=_impetus_', '+0A'),
    maxLength: 300,
  });
  fc.assert(
    fc.property(nasty, nasty, nasty, nasty, fc.boolean(), (diagnostic, address, remoteMta, orcpt, smtpUtf8) => {
      const dsn = buildDsn(input({ smtpUtf8, recipients: [{ address, action: 'failed', diagnostic, remoteMta, orcpt }], envid: orcpt }));
      const text = dsn.toString('utf8');
      assert.doesNotMatch(text, /^X-Evil/m);
      assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n|\0/);
      assert.equal(parts(dsn).length, 3);
      assert.ok(text.split('\r\n').every((line) => line.length <= 998));
    }),
    { numRuns: 300 },
  );
});
