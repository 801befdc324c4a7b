/** HOLDFOR, HOLDUNTIL, REQUIRETLS, BY and MT-PRIORITY: what is read, what is refused, and what is not offered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommand, STRICT_RULES, type CommandRules } from './parse-command.ts';

const all = {
  ...STRICT_RULES,
  offers: { ...STRICT_RULES.offers, futureRelease: true, requireTls: true, deliverBy: true, mtPriority: true },
};

function parametersOf(words: string) {
  const command = parseCommand(`MAIL FROM:<a@b.test> ${words}`, all);
  assert.equal(command.verb, 'MAIL', words);
  return command.verb === 'MAIL' ? command.parameters : {};
}

function codeOf(words: string, rules: CommandRules = all): number {
  const command = parseCommand(`MAIL FROM:<a@b.test> ${words}`, rules);
  return command.verb === 'FAULT' ? command.reply.code : 0;
}

test('the manner of delivery that a client asks for is read (EXT-01)', () => {
  assert.deepEqual(parametersOf('HOLDFOR=60'), { holdFor: 60 });
  assert.deepEqual(parametersOf('holduntil=2030-01-02T03:04:05Z'), { holdUntil: Date.UTC(2030, 0, 2, 3, 4, 5) });
  assert.deepEqual(parametersOf('HOLDUNTIL=2030-01-02T03:04:05+01:00'), { holdUntil: Date.UTC(2030, 0, 2, 2, 4, 5) });
  assert.deepEqual(parametersOf('REQUIRETLS'), { requireTls: true });
  assert.deepEqual(parametersOf('BY=120;R'), { by: { seconds: 120, mode: 'return', trace: false } });
  assert.deepEqual(parametersOf('BY=-5;nt'), { by: { seconds: -5, mode: 'notify', trace: true } });
  assert.deepEqual(parametersOf('MT-PRIORITY=-9 SIZE=5'), { mtPriority: -9, size: 5 });
});

test('a parameter out of form, or one that contradicts another, is 501 (A29)', () => {
  const wrong = [
    'HOLDFOR=0',
    'HOLDFOR',
    'HOLDFOR=1234567890',
    'HOLDUNTIL=tomorrow',
    'HOLDUNTIL=2030-02-31',
    'HOLDUNTIL=2030-13-01T00:00:00Z',
  ];
  wrong.push(
    'HOLDFOR=5 HOLDUNTIL=2030-01-02T03:04:05Z',
    'REQUIRETLS=1',
    'BY=5',
    'BY=0;R',
    'BY=-1;RT',
    'BY=5;X',
    'MT-PRIORITY=10',
    'MT-PRIORITY=',
    'BY=5;R BY=6;R',
  );
  for (const words of wrong) assert.equal(codeOf(words), 501, words);
});

test('a parameter that was not offered is 555 and named, so that the session can tell who may use it (EXT-01)', () => {
  for (const words of ['HOLDFOR=60', 'REQUIRETLS', 'BY=9;N', 'MT-PRIORITY=1', 'X-NONE=1']) {
    assert.equal(codeOf(words, STRICT_RULES), 555, words);
    const command = parseCommand(`MAIL FROM:<a@b.test> ${words}`, STRICT_RULES);
    assert.equal(command.verb === 'FAULT' ? command.parameter : '', words.split('=')[0]);
  }
});
