/**
 * Tests of parseCommand: the grammar of every verb, the faults with their replies, and addresses meant to do harm.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '#base';
import { BDAT_CHUNK_MAX } from './command.ts';
import type { Command, CommandFault } from './command.ts';
import { parseCommand, STRICT_RULES } from './parse-command.ts';
import type { CommandRules } from './parse-command.ts';
import type { Path } from './path.ts';

const AFTER_HELO: CommandRules = {
  ...STRICT_RULES,
  offers: { size: false, eightBitMime: false, chunking: false, binaryMime: false, smtpUtf8: false, dsn: false, auth: false },
};

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function code(line: string, rules = STRICT_RULES, utf8 = false): number {
  const command = parseCommand(latin1(line), rules, utf8);
  return command.verb === 'FAULT' ? command.reply.code : 0;
}

function fault(line: string, rules = STRICT_RULES): CommandFault {
  const command = parseCommand(latin1(line), rules);
  assert.equal(command.verb, 'FAULT', line);
  return command as CommandFault;
}

function rcpt(line: string, rules = STRICT_RULES, utf8 = false): Path {
  const command = parseCommand(latin1(line), rules, utf8);
  assert.equal(command.verb, 'RCPT', line);
  return (command as Extract<Command, { verb: 'RCPT' }>).path;
}

test('verbs are read without regard to case and carry their arguments', () => {
  assert.deepEqual(parseCommand('eHlO there', STRICT_RULES), { verb: 'EHLO', domain: 'there', line: 'eHlO there' });
  assert.deepEqual(parseCommand('data', STRICT_RULES), { verb: 'DATA' });
  assert.deepEqual(parseCommand('NOOP anything at all', STRICT_RULES), { verb: 'NOOP', argument: 'anything at all' });
  assert.deepEqual(parseCommand('AUTH PLAIN AGEAYg==', STRICT_RULES), { verb: 'AUTH', argument: 'PLAIN AGEAYg==' });
  assert.deepEqual(parseCommand('XCLIENT NAME=a ADDR=192.0.2.1', STRICT_RULES), { verb: 'XCLIENT', argument: 'NAME=a ADDR=192.0.2.1' });
});

test('SMTP-04: faults carry the texts of the response table', () => {
  const text = (line: string): unknown => [fault(line).reply.code, fault(line).reply.enhanced, fault(line).reply.text];
  assert.deepEqual(text('BOGUS'), [500, '5.5.2', 'unrecognized command']);
  assert.deepEqual(text(''), [500, '5.5.2', 'unrecognized command']);
  assert.deepEqual(text('MAIL from nobody'), [501, '5.5.2', 'MAIL FROM syntax error']);
  assert.deepEqual(text('RCPT TO:a@b'), [501, '5.5.2', 'RCPT TO syntax error']);
  assert.deepEqual(text('EHLO'), [501, '5.5.2', 'invalid EHLO']);
  assert.deepEqual(text('HELO a b'), [501, '5.5.2', 'invalid HELO']);
  assert.deepEqual(text('RSET now'), [501, '5.5.4', 'invalid arguments to RSET']);
  assert.deepEqual(text('DATA x'), [501, '5.5.4', 'unexpected argument to DATA']);
  assert.deepEqual(text('QUIT x'), [501, '5.5.4', 'Syntax error (no parameters allowed)']);
});

test('EHLO takes names and literals as clients send them, and nothing that could leave its line', () => {
  for (const name of ['mx.example', '[192.0.2.1]', '[IPv6:2001:db8::1]', 'MY_PC', 'localhost', '192.0.2.1'])
    assert.equal(code(`EHLO ${name}`), 0, name);
  for (const name of ['', ' a', 'a\tb', '<a>', 'a"b', 'ex\u00e4mple', `${'a'.repeat(256)}`])
    assert.equal([500, 501].includes(code(`EHLO ${name}`)), true, name);
});

test('the null path is a sender but no recipient', () => {
  const mail = parseCommand('MAIL FROM:<>', STRICT_RULES);
  assert.ok(mail.verb === 'MAIL' && mail.path.text === '' && !mail.path.qualified);
  assert.equal(code('RCPT TO:<>'), 501);
});

test('SMTP-13: an address without a domain is flagged, postmaster like any other', () => {
  for (const local of ['Postmaster', 'bob', '"a b"']) {
    const path = rcpt(`RCPT TO:<${local}>`);
    assert.equal(path.qualified, false);
    assert.equal(path.text, local);
    assert.equal(path.domain, '');
  }
});

test('SMTP-11: blanks are refused unless their switch allows them', () => {
  const inside = { ...STRICT_RULES, allowTrailingWhitespace: true };
  const around = { ...STRICT_RULES, allowWhitespaceInEnvelope: true };
  for (const line of ['RCPT TO:< a@b.c >', 'RCPT TO:<a@b.c >']) {
    assert.equal(code(line), 501, line);
    assert.equal(code(line, around), 501, line);
    assert.equal(rcpt(line, inside).text, 'a@b.c');
  }
  for (const line of ['RCPT TO:<a@b.c> ', 'RCPT TO:<a@b.c>\t ', 'RCPT TO: <a@b.c>']) {
    assert.equal(code(line), 501, line);
    assert.equal(code(line, inside), 501, line);
    assert.equal(rcpt(line, around).text, 'a@b.c');
  }
  assert.equal(code('RSET '), 501);
  assert.equal(code('RSET ', around), 0);
});

test('SMTP-12: rfc2821_pedantic_address_rules=false admits a..b@x and ab.@x and nothing without a local part', () => {
  const relaxed = { ...STRICT_RULES, pedanticAddresses: false };
  for (const address of ['a..b@xxx.com', 'ab.@xxx.com', `${'l'.repeat(65)}@xxx.com`, 'a@my_host.example']) {
    assert.equal(code(`RCPT TO:<${address}>`), 501, address);
    assert.equal(rcpt(`RCPT TO:<${address}>`, relaxed).text, address);
  }
  for (const address of ['@xxx.com', '.ab@xxx.com', 'a@', 'a@.com', 'a@b..c'])
    assert.equal(code(`RCPT TO:<${address}>`, relaxed), 501, address);
});

test('A32: quoted local parts keep their spelling and give their meaning', () => {
  const path = rcpt('RCPT TO:<"a\\"@b"@c.example>');
  assert.equal(path.text, '"a\\"@b"@c.example');
  assert.equal(path.local, 'a"@b');
  assert.equal(path.domain, 'c.example');
  assert.equal(path.routed, true);
  for (const bad of ['"a"b@c.d', '"a@c.d', '"a\\"@c.d', '"a\\\u0001"@c.d', '"a\tb"@c.d']) assert.equal(code(`RCPT TO:<${bad}>`), 501, bad);
});

test('A32: a source route is dropped and the last domain is the one that counts', () => {
  const path = rcpt('RCPT TO:<@a.example,@b.example:u@C.Example>');
  assert.deepEqual([path.text, path.domain, path.routed], ['u@C.Example', 'c.example', true]);
  for (const bad of ['@a.example u@c.d', '@a.example:', '@:u@c.d', '@a.example,b.example:u@c.d', '@a.example:u', '@-a:u@c.d']) {
    assert.equal(code(`RCPT TO:<${bad}>`), 501, bad);
  }
});

test('A32: lengths at and over the limits of RFC 5321', () => {
  const label = 'd'.repeat(60);
  assert.equal(code(`RCPT TO:<${'l'.repeat(64)}@x.example>`), 0);
  assert.equal(code(`RCPT TO:<${'l'.repeat(65)}@x.example>`), 501);
  assert.equal(code(`RCPT TO:<u@${'d'.repeat(63)}.example>`), 0);
  assert.equal(code(`RCPT TO:<u@${'d'.repeat(64)}.example>`), 501);
  assert.equal(code(`RCPT TO:<u@${`${label}.`.repeat(4)}example>`), 0, '251 octets');
  assert.equal(code(`RCPT TO:<u@${`${label}.`.repeat(4)}${'e'.repeat(12)}>`), 501, '256 octets');
});

test('A32: address literals are IPv4 or tagged IPv6 and nothing else', () => {
  assert.equal(rcpt('RCPT TO:<u@[127.0.0.1]>').domain, '[127.0.0.1]');
  assert.equal(rcpt('RCPT TO:<u@[127.0.0.1]>').ip?.text, '127.0.0.1');
  assert.equal(rcpt('RCPT TO:<u@[IPv6:2001:DB8:0:0::1]>').domain, '[ipv6:2001:db8::1]');
  assert.equal(rcpt('RCPT TO:<u@[ipv6:::1]>').ip?.family, 6);
  for (const bad of [
    '[999.1.1.1]',
    '[1.2.3]',
    '[::1]',
    '[IPv6:127.0.0.1]',
    '[IPv6:fe80::1%eth0]',
    '[tag:x]',
    '[]',
    '[127.0.0.1',
    '[127.0.0.1]x',
  ]) {
    assert.equal(code(`RCPT TO:<u@${bad}>`), 501, bad);
  }
});

test('A32: a dotted quad without brackets, a trailing dot and other things that are no domain are refused', () => {
  for (const bad of ['127.0.0.1', '2130706433', 'c.', '.c', 'a..b', '-a.b', 'a-.b', 'a b', 'a_b', 'a@b', '=?utf-8?q?a=40b?=']) {
    assert.equal(code(`RCPT TO:<u@${bad}>`), 501, bad);
  }
});

test('A32: an encoded word is an ordinary local part, and names of prototypes are ordinary names', () => {
  assert.equal(rcpt('RCPT TO:<=?utf-8?q?a=40b?=@c.example>').local, '=?utf-8?q?a=40b?=');
  const path = rcpt('RCPT TO:<__proto__@constructor>');
  assert.deepEqual([path.local, path.domain], ['__proto__', 'constructor']);
});

test('A33: percent, bang and quoted at-sign are flagged as routing on', () => {
  for (const address of ['user%rbl@host', 'a!b@host', '"user@other"@host', '@x.example:u@host'])
    assert.equal(rcpt(`RCPT TO:<${address}>`).routed, true, address);
  assert.equal(rcpt('RCPT TO:<user@host>').routed, false);
  assert.equal(rcpt('RCPT TO:<user@HOST.Example>').domain, 'host.example');
});

test('A32: an address is UTF-8 only under SMTPUTF8, then its domain becomes A-labels', () => {
  assert.equal(code('MAIL FROM:<jörg@bücher.example>'), 553);
  assert.equal(code('RCPT TO:<jörg@bücher.example>'), 501);
  const mail = parseCommand(latin1('MAIL FROM:<jörg@bücher.example> SMTPUTF8'), STRICT_RULES);
  assert.ok(mail.verb === 'MAIL');
  assert.deepEqual(
    [mail.path.text, mail.path.local, mail.path.domain, mail.path.utf8],
    ['jörg@bücher.example', 'jörg', 'xn--bcher-kva.example', true],
  );
  assert.equal(mail.line, 'MAIL FROM:<jörg@bücher.example> SMTPUTF8');
  assert.equal(rcpt('RCPT TO:<λ@xn--bcher-kva.Example>', STRICT_RULES, true).domain, 'xn--bcher-kva.example');
  assert.equal(code('MAIL FROM:<jörg@bücher.example> SMTPUTF8', AFTER_HELO), 501);
  assert.equal(code('RCPT TO:<u@１２７.0.0.1>', STRICT_RULES, true), 501, 'full-width digits are no way to an address');
  assert.equal(code('RCPT TO:<u@bü%2echer.example>', STRICT_RULES, true), 501);
});

test('A18: NUL, control and 8-bit octets are a fault in every command, whatever the verb', () => {
  for (const octet of ['\0', '\x01', '\x7f', '\x80', '\xc3', '\xff']) {
    for (const line of [
      `EHLO a${octet}`,
      `MAIL FROM:<a${octet}@b>`,
      `RCPT TO:<a${octet}@b>`,
      `${octet}`,
      `NOOP ${octet}`,
      `VRFY ${octet}`,
    ]) {
      const command = parseCommand(line, STRICT_RULES);
      assert.ok(command.verb === 'FAULT' && (command.reply.code === 500 || command.reply.code === 501), JSON.stringify(line));
      assert.equal(command.close, false);
    }
  }
  assert.ok(parseCommand('RCPT TO:<\xff\xfe@b>', STRICT_RULES, true).verb === 'FAULT', 'bytes that are no UTF-8');
});

test('A21: BDAT takes a bounded decimal size, and every other form closes the connection', () => {
  assert.deepEqual(parseCommand('BDAT 0', STRICT_RULES), { verb: 'BDAT', size: 0, last: false });
  assert.deepEqual(parseCommand('bdat 86 last', STRICT_RULES), { verb: 'BDAT', size: 86, last: true });
  assert.deepEqual(parseCommand(`BDAT ${BDAT_CHUNK_MAX}`, STRICT_RULES), { verb: 'BDAT', size: BDAT_CHUNK_MAX, last: false });
  for (const size of [String(BDAT_CHUNK_MAX + 1), '9007199254740993', '99999999999999999999']) {
    const found = fault(`BDAT ${size}`);
    assert.deepEqual([found.reply.code, found.close], [552, true], size);
  }
  for (const argument of ['', ' ', 'LAST', '-1', '+1', '1e9', '0x10', '1.5', '1 2', '1  LAST', '1 LASTX', '9'.repeat(21), '1\xff', '1\0']) {
    const found = parseCommand(`BDAT ${argument}`, STRICT_RULES);
    assert.ok(found.verb === 'FAULT' && found.reply.code === 501 && found.close, argument);
  }
  assert.equal(fault('BDAT').close, true);
});

test('A28: HTTP, SSH and TLS on this port get one answer and the end', () => {
  for (const line of ['GET / HTTP/1.1', 'post /x HTTP/1.0', 'Host: example.com', 'User-Agent: x', 'SSH-2.0-OpenSSH_9.2', '\x16\x03\x01']) {
    const found = parseCommand(line, STRICT_RULES);
    assert.ok(found.verb === 'FAULT' && found.close && found.reply.code >= 500 && found.foreign !== undefined, line);
  }
});

test('A29: a parameter given twice, out of form or contradicting another is 501, an unknown one 555', () => {
  const mail = (parameters: string): number => code(`MAIL FROM:<a@b.c>${parameters}`);
  const to = (parameters: string): number => code(`RCPT TO:<a@b.c>${parameters}`);
  assert.equal(mail(' SIZE=1 BODY=8BITMIME RET=HDRS ENVID=x SMTPUTF8'), 0);
  for (const bad of [' SIZE=1 SIZE=2', ' size=1 SIZE=1', ' BODY=7BIT BODY=BINARYMIME', ' SMTPUTF8 SMTPUTF8', ' RET=FULL RET=HDRS'])
    assert.equal(mail(bad), 501, bad);
  for (const bad of [
    ' SIZE=',
    ' SIZE',
    ' SIZE=-1',
    ' SIZE=1x',
    ' BODY=9BIT',
    ' BODY',
    ' RET=ALL',
    ' SMTPUTF8=1',
    '  SIZE=1',
    'SIZE=1',
    ' =1',
    ' SIZE=1=2',
  ]) {
    assert.equal(mail(bad), 501, bad);
  }
  for (const bad of [' FOO=1', ' X', ' AUTH=<>', ' NOTIFY=NEVER', ' __proto__=1']) assert.equal([501, 555].includes(mail(bad)), true, bad);
  assert.equal(mail(' FOO=1'), 555);
  assert.equal(mail(' BODY=BINARYMIME'), 555);
  assert.equal(mail(' SIZE=99999999999999999999'), 552);
  assert.equal(mail(' SIZE=999999999999999999999'), 501);
  assert.equal(to(' NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@c'), 0);
  for (const bad of [
    ' NOTIFY=NEVER,SUCCESS',
    ' NOTIFY=SUCCESS,SUCCESS',
    ' NOTIFY=',
    ' NOTIFY=MAYBE',
    ' NOTIFY=NEVER NOTIFY=NEVER',
    ' NOTIFY',
  ])
    assert.equal(to(bad), 501, bad);
  assert.equal(to(' SIZE=1'), 555);
  assert.equal(code('MAIL FROM:<a@b.c> SIZE=1', AFTER_HELO), 555);
  assert.equal(code('RCPT TO:<a@b.c> NOTIFY=NEVER', AFTER_HELO), 555);
});

test('A30: xtext that hides a control character, is cut short or far too long is 501 in every parameter', () => {
  const offersAuth = { ...STRICT_RULES, offers: { ...STRICT_RULES.offers, auth: true } };
  for (const bad of ['+00', '+0D+0A', '+', 'a+', '+2', '+zz', '+2b', 'a+7F', 'x'.repeat(10_240)]) {
    assert.equal(code(`MAIL FROM:<a@b.c> ENVID=${bad}`), 501, bad.slice(0, 20));
    assert.equal(code(`MAIL FROM:<a@b.c> AUTH=${bad}`, offersAuth), 501, bad.slice(0, 20));
    assert.equal(code(`RCPT TO:<a@b.c> ORCPT=rfc822;${bad}`), 501, bad.slice(0, 20));
    assert.equal(code(`MAIL FROM:<a@b.c> RET=${bad}`), 501, bad.slice(0, 20));
  }
  for (const bad of ['rfc822', ';a@b', 'rfc822;', 'rf c;a', 'utf-8;\\x{0A}', 'utf-8;\\x{D800}', 'utf-8;a\\b'])
    assert.equal(code(`RCPT TO:<a@b.c> ORCPT=${bad}`), 501, bad);
});

test('ORCPT of type utf-8 is taken escaped always and raw only under SMTPUTF8 (RFC 6533)', () => {
  assert.equal(code('RCPT TO:<a@b.c> ORCPT=utf-8;j\\x{F6}rg@b.c'), 0);
  assert.equal(code('RCPT TO:<a@b.c> ORCPT=utf-8;jörg@b.c'), 501);
  assert.equal(code('RCPT TO:<a@b.c> ORCPT=utf-8;jörg@b.c', STRICT_RULES, true), 0);
});

test('parameters come out typed, with xtext as it was sent', () => {
  const mail = parseCommand('MAIL FROM:<a@b.c> size=05 Body=8bitmime RET=full ENVID=QQ+3D1', STRICT_RULES);
  assert.ok(mail.verb === 'MAIL');
  assert.deepEqual(mail.parameters, { size: 5, body: '8BITMIME', ret: 'FULL', envid: 'QQ+3D1' });
  const to = parseCommand('RCPT TO:<a@b.c> notify=success,Delay ORCPT=rfc822;x+2B@y', STRICT_RULES);
  assert.ok(to.verb === 'RCPT');
  assert.deepEqual(to.parameters, { notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;x+2B@y' });
});

/** What every accepted command must satisfy, whatever the line was. */
function checkSafe(command: Command | CommandFault): void {
  if (command.verb !== 'MAIL' && command.verb !== 'RCPT') return;
  assert.doesNotMatch(command.path.text, /\p{Cc}|^@/u);
  assert.doesNotMatch(command.path.text.replace(/^"(?:[^"\\]|\\.)*"/, ''), /[<> "]/);
  assert.match(command.path.domain, /^(?:|[a-z0-9.-]+|\[[0-9.]+\]|\[ipv6:[0-9a-f:.]+\])$/);
  assert.equal(command.path.qualified, command.path.domain !== '');
  if (command.path.qualified) assert.ok(command.path.text.includes('@'));
}

const CORPUS = [
  'MAIL FROM:<a@b.c> SIZE=10 BODY=8BITMIME RET=HDRS ENVID=a+2Bb SMTPUTF8',
  'RCPT TO:<@a.example,@b.example:"x \\" y"@[IPv6:2001:db8::1]> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+40b',
  'RCPT TO:<u@xn--bcher-kva.example>',
  latin1('RCPT TO:<jörg@bücher.example> ORCPT=utf-8;\\x{F6}'),
  'BDAT 100 LAST',
  'EHLO [IPv6:::1]',
  'MAIL FROM:<>',
];

test('A18 A32: seeded mutations of good commands never throw and never let an unsafe address through', () => {
  const random = seededRandom(20_260_722);
  const splice = ['\0', '\r', '\n', '"', '\\', '<', '>', '@', ' ', ':', ',', '[', ']', '+', '=', '\xc3', '\xb6', '\xff', '%', '.', '..'];
  for (let round = 0; round < 20_000; round++) {
    let line = CORPUS[random.int(CORPUS.length)] ?? '';
    for (let edit = random.int(4); edit >= 0; edit--) {
      const at = random.int(line.length + 1);
      line = line.slice(0, at) + (splice[random.int(splice.length)] ?? '') + line.slice(at + random.int(3));
    }
    checkSafe(parseCommand(line, STRICT_RULES, round % 2 === 0));
  }
});

test('A18: each line of octets gives a command or a fault', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('', 'MAIL FROM:<', 'RCPT TO:<"', 'BDAT ', 'EHLO ', 'VRFY '),
      (bytes, start) => {
        checkSafe(parseCommand(start + Buffer.from(bytes).toString('latin1'), STRICT_RULES, true));
      },
    ),
    { numRuns: 2000 },
  );
});
