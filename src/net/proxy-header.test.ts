/** PROXY headers of both versions: read at every cut, refused when anything is wrong with them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProxyHeader, PROXY_HEADER_MAX } from './proxy-header.ts';

const signature = '0d0a0d0a000d0a515549540a';

/** A header of version 2 from hex parts. */
function v2(command: string, family: string, payload: string): Buffer {
  const length = (payload.length / 2).toString(16).padStart(4, '0');
  return Buffer.from(`${signature}${command}${family}${length}${payload}`, 'hex');
}

const four = v2('21', '11', 'c6336405cb00710730390019');
const six = v2('21', '21', `20010db8${'0'.repeat(23)}120010db8${'0'.repeat(23)}230390019`);

function textOf(bytes: Buffer): string {
  const header = parseProxyHeader(bytes);
  if (header.kind !== 'client') return header.kind;
  return `${header.from.ip.text} ${header.from.port} ${header.to.ip.text} ${header.to.port} +${header.length}`;
}

test('a header of either version names client and server, whatever follows it (A79)', () => {
  assert.equal(textOf(Buffer.from('PROXY TCP4 198.51.100.5 203.0.113.7 12345 25\r\nEHLO x\r\n')), '198.51.100.5 12345 203.0.113.7 25 +46');
  assert.equal(textOf(Buffer.from('PROXY TCP6 2001:db8::1 2001:DB8::2 12345 25\r\n')), '2001:db8::1 12345 2001:db8::2 25 +45');
  assert.equal(textOf(four), '198.51.100.5 12345 203.0.113.7 25 +28');
  assert.equal(textOf(six), '2001:db8::1 12345 2001:db8::2 25 +52');
  assert.equal(
    textOf(Buffer.concat([v2('21', '11', 'c6336405cb007107303900190100020a0b'), Buffer.from('EHLO')])).split(' ')[0],
    '198.51.100.5',
  );
});

test('LOCAL and UNKNOWN name nobody (A79)', () => {
  assert.deepEqual(parseProxyHeader(v2('20', '00', '')), { kind: 'local', length: 16 });
  assert.deepEqual(parseProxyHeader(v2('20', '11', 'c6336405cb00710730390019')), { kind: 'local', length: 28 });
  assert.deepEqual(parseProxyHeader(Buffer.from('PROXY UNKNOWN\r\n')), { kind: 'local', length: 15 });
  assert.deepEqual(parseProxyHeader(Buffer.from('PROXY UNKNOWN a b c d\r\n')), { kind: 'local', length: 23 });
});

test('a header cut at any octet asks for more and is then read as a whole (A79)', () => {
  for (const whole of [Buffer.from('PROXY TCP4 198.51.100.5 203.0.113.7 12345 25\r\n'), four, six]) {
    for (let cut = 0; cut < whole.length; cut++) assert.equal(parseProxyHeader(whole.subarray(0, cut)).kind, 'more', String(cut));
    assert.equal(parseProxyHeader(whole).kind, 'client');
  }
});

test('anything else is a fault: missing, oversized, of another family, out of form (A79)', () => {
  const lines = [
    'EHLO x\r\n',
    'PROXY TCP4 2001:db8::1 203.0.113.7 1 2\r\n',
    'PROXY TCP6 198.51.100.5 203.0.113.7 1 2\r\n',
    'PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n',
  ];
  lines.push(
    'PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1 70000\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n',
    'PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n',
  );
  lines.push('proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n', `PROXY TCP4 ${'1'.repeat(100)}`, '\x16\x03\x01');
  for (const line of lines) assert.equal(parseProxyHeader(Buffer.from(line, 'latin1')).kind, 'fault', line);
  const wrong = [
    v2('31', '11', 'c6336405cb00710730390019'),
    v2('22', '11', 'c6336405cb00710730390019'),
    v2('21', '12', 'c6336405cb00710730390019'),
  ];
  wrong.push(v2('21', '31', '00'.repeat(216)), v2('21', '00', ''), v2('21', '21', 'c6336405cb00710730390019'), v2('21', '11', 'c6336405'));
  wrong.push(v2('21', '11', '00'.repeat(PROXY_HEADER_MAX - 15)));
  for (const bytes of wrong) assert.equal(parseProxyHeader(bytes).kind, 'fault', bytes.toString('hex').slice(24, 32));
});
