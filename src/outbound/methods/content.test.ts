/**
 * 8-bit content and servers that do not take it: what is converted, what is left alone, and that nothing is lost or doubled.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SendingOptions } from '#queue';
import { startServer, World } from '../fixtures.test.ts';
import { contentFor } from './content.ts';
import { toSevenBit } from './seven-bit.ts';

type Way = SendingOptions['transform8bitmimeContent'];
const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
const text = (message: Buffer | undefined): string => message?.toString('latin1') ?? 'none';
const through = (body: Buffer, way: Way, o: { eightBitMime?: boolean; isBinary?: boolean } = {}): Buffer | undefined =>
  contentFor(body, {
    capabilities: { eightBitMime: o.eightBitMime ?? false },
    options: { transform8bitmimeContent: way },
    isBinary: o.isBinary ?? false,
  });

const mime = 'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n';
const letter = latin(`Subject: x\r\n${mime}gr\xfc\xdfe = ${'long '.repeat(30)}\r\nend. \r\n.\r\n`);

/** Undoes quoted-printable, to see what a reader would. */
function decoded(quoted: string): string {
  const joined = quoted.replace(/=\r\n/g, '');
  return joined.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

test('OUT-46: no leaves 8-bit content as it is, ifneeded encodes it for servers without 8BITMIME, strip clears the eighth bit always', () => {
  assert.equal(through(letter, 'no'), letter);
  assert.equal(through(letter, 'ifneeded', { eightBitMime: true }), letter);
  const encoded = text(through(letter, 'ifneeded'));
  assert.match(encoded, /^Content-Transfer-Encoding: quoted-printable\r$/m);
  assert.equal(decoded(encoded.slice(encoded.indexOf('\r\n\r\n') + 4)), `gr\xfc\xdfe = ${'long '.repeat(30)}\r\nend. \r\n.\r\n`);
  assert.ok(encoded.split('\r\n').every((line) => line.length <= 76 || line.startsWith('Content')));
  assert.equal(text(through(letter, 'strip', { eightBitMime: true })), text(letter).replace('\xfc', '|').replace('\xdf', '_'));
  const ascii = latin('Subject: x\r\n\r\nplain\r\n');
  for (const way of ['no', 'ifneeded', 'strict', 'strip'] as const) assert.equal(through(ascii, way), ascii);
});

test('OUT-46: strict fails what cannot be made 7-bit, ifneeded sends it as it is', () => {
  const header = latin(`Subject: gr\xfc\xdfe\r\n${mime}text\r\n`);
  assert.equal(through(header, 'strict'), undefined);
  assert.equal(text(through(header, 'ifneeded')), text(header));
  assert.match(text(through(letter, 'strict')), /gr=FC=DFe =3D long/);
});

test('OUT-46: a message that is signed is not rewritten by ifneeded, and strict rewrites it; a signed part stays as it is', () => {
  for (const field of ['DKIM-Signature: v=1', 'ARC-Message-Signature: i=1']) {
    const signed = latin(`${field}; b=abc\r\n${mime}caf\xe9 au lait\r\n`);
    assert.equal(text(through(signed, 'ifneeded')), text(signed));
    assert.match(text(through(signed, 'strict')), /=E9/);
  }
  const part = latin(`Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n${mime}\xe9\r\n--b\r\n\r\nsig\r\n--b--\r\n`);
  assert.equal(text(through(part, 'ifneeded')), text(part));
  assert.equal(through(part, 'strict'), undefined);
});

test('#4739, MO-1271: parts are converted one by one, and everything else of the message stays, once and in order', () => {
  const before = [
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="=_b"',
    'Content-Transfer-Encoding: 8bit',
    '',
    'preamble',
    '--=_b',
    'Content-Type: text/plain; charset=utf-8',
    '',
    '\xc3\xa9t\xc3\xa9',
    '--=_bb is no boundary of ours',
    '--=_b',
    'Content-Type: application/octet-stream',
    'Content-Transfer-Encoding: binary',
    '',
    '\x80\x81\x82',
    '--=_b',
    'Content-Type: text/plain',
    '',
    'ascii stays',
    '--=_b--',
    'epilogue',
    '',
  ].join('\r\n');
  const { message, isClean } = toSevenBit(latin(before), { keepsSigned: true });
  assert.equal(isClean, true);
  const after = text(message);
  assert.equal(after.match(/preamble/g)?.length, 1);
  assert.equal(after.match(/^--=_b\r$/gm)?.length, 3);
  assert.match(after, /\r\n--=_b\r\nContent-Type: text\/plain\r\n\r\nascii stays\r\n--=_b--\r\nepilogue\r\n$/);
  assert.match(after, /\r\n\r\n=C3=A9t=C3=A9\r\n--=3D_bb is no boundary/);
  assert.match(after, /Content-Transfer-Encoding: base64\r\n\r\ngIGC\r\n/);
  assert.doesNotMatch(after, /8bit|binary/);
});

test('OUT-46: text without MIME gets the headers that say what became of it', () => {
  const after = text(toSevenBit(latin('Subject: x\r\n\r\ncaf\xe9 au lait\r\n'), { keepsSigned: true }).message);
  assert.match(after, /^MIME-Version: 1\.0\r$/m);
  assert.match(after, /^Content-Type: text\/plain; charset=unknown-8bit\r$/m);
  assert.match(after, /\r\n\r\ncaf=E9 au lait\r\n$/);
});

test('A48: nested beyond the bound, cyclic boundaries, parts of nothing and encodings that lie end, and lose no octet', () => {
  let deep = 'Content-Type: text/plain\r\n\r\n\xe9\r\n';
  for (let i = 0; i < 300; i += 1) deep = `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n${deep}\r\n--b${i}--\r\n`;
  const result = toSevenBit(latin(deep), { keepsSigned: true });
  assert.equal(result.isClean, false);
  assert.ok(text(result.message).includes('\xe9'));
  const shapes = [
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n--b--\r\n\xe9',
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n\r\n\r\n\xe9\r\n',
    'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\xe9\r\n',
    'Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\n\xe9',
    'Content-Transfer-Encoding: base64\r\n\r\n\xe9\r\n',
    'Content-Type: text/plain\r\n\xe9',
    '\xe9',
  ];
  for (const shape of shapes) {
    const { message } = toSevenBit(latin(shape), { keepsSigned: false });
    assert.match(decoded(text(message)), /\xe9/, shape);
  }
});

test('#6342: lines of dots that quoted-printable makes are stuffed on the wire, and the size that is announced is the new one', async (t) => {
  const server = await startServer(t, { extensions: ['PIPELINING', 'SIZE'] });
  const world = new World(t, { options: { remoteSmtpPort: server.port, transform8bitmimeContent: 'ifneeded' } });
  const body = `Subject: x\r\n${mime}${'a'.repeat(75)}.\r\n.\r\n\xe9${'.'.repeat(200)}\r\n`;
  world.send('1@a.test', { text: body, body: '8BITMIME' });
  await world.until(() => world.kinds === 'D');
  assert.equal(server.messages.length, 1);
  const { data = '', from = '' } = server.messages[0] ?? {};
  const unstuffed = data.replace(/(^|\r\n)\.\./g, '$1.');
  assert.equal(decoded(unstuffed.slice(unstuffed.indexOf('\r\n\r\n') + 4)), body.slice(body.indexOf('\r\n\r\n') + 4));
  assert.equal(Number(/SIZE=(\d+)/.exec(from)?.[1]), unstuffed.length);
  assert.doesNotMatch(from, /BODY=/);
});

test('OUT-46: where strict can do nothing, the message fails with a reply of ours and nothing is sent; the next one goes', async (t) => {
  const server = await startServer(t, { extensions: ['PIPELINING'] });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1, transform8bitmimeContent: 'strict' } });
  world.send('1@a.test', { text: 'Subject: \xe9\r\n\r\nx\r\n' });
  world.send('2@a.test');
  await world.until(() => world.kinds === 'PD');
  assert.deepEqual(world.failures, ['P 11 554 5.6.3 [internal] 8-bit content that cannot be converted, and 8BITMIME is not advertised']);
  assert.equal(server.messages.length, 1);
});
