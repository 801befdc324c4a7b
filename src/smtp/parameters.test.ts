/**
 * Tests of the parameter walk on its own: what follows a path, to the last octet.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMailParameters, parseRcptParameters } from './parameters.ts';
import { STRICT_RULES } from './parse-command.ts';

const { offers } = STRICT_RULES;

test('no parameters are no parameters', () => {
  assert.deepEqual(parseMailParameters('<a>', 3, offers), { ok: true, parameters: {} });
  assert.deepEqual(parseRcptParameters('<a>', 3, offers, false), { ok: true, parameters: {} });
});

test('A29: what is not offered is unknown, whatever it holds', () => {
  const none = { ...offers, size: false, dsn: false, smtpUtf8: false, eightBitMime: false };
  for (const parameter of ['SIZE=1', 'RET=FULL', 'ENVID=x', 'SMTPUTF8', 'BODY=7BIT', 'AUTH=<>']) {
    const found = parseMailParameters(` ${parameter}`, 0, none);
    assert.ok(!found.ok && found.reply.code === 555, parameter);
  }
});

test('A29: a thousand parameters end at the second of a name', () => {
  const found = parseMailParameters(' SIZE=1'.repeat(1000), 0, offers);
  assert.ok(!found.ok && found.reply.code === 501);
});

test('A30: reasons never hold an octet of the peer beyond a checked parameter name', () => {
  for (const text of [' X\u0001=1', ' ENVID=+0A', ' FOO=\u00ff', ' ~=1']) {
    const found = parseMailParameters(text, 0, offers);
    assert.ok(!found.ok);
    assert.match(found.reason, /^[A-Za-z0-9 ,=^-]+$/);
  }
});
