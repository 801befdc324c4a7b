/*
 * Classes of bounces: every rule of the shipped table holds for its own example, sites may override, and nothing is slow.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { bounceClasses, bounceClassName } from './bounce-classes.ts';
import { BounceClassifier, noOverrides } from './bounce-classifier.ts';
import { parseOverrides, parseRuleTable } from './bounce-rules.ts';

const table = parseRuleTable(readFileSync(new URL('../../etc/bounce-rules.txt', import.meta.url), 'utf8'));
const clock = new ManualClock(0);
const make = (o: { cacheMax?: number; cacheSeconds?: number } = {}) => new BounceClassifier({ table, clock, ...o });
const isClass = (code: number) => bounceClassName(code) !== undefined || code === 99;

test('BNC-09 every class has its documented code and name', () => {
  const documented =
    '1 Undetermined, 10 Invalid Recipient, 20 Soft Bounce, 21 DNS Failure, 22 Mailbox Full, 23 Too Large, 24 Timeout, 25 Admin Failure, 30 Generic Bounce: No RCPT, ' +
    '40 Generic Bounce, 50 Mail Block, 51 Spam Block, 52 Spam Content, 53 Prohibited Attachment, 54 Relay Denied, 60 Auto-Reply, 70 Transient Failure, 80 Subscribe, ' +
    '90 Unsubscribe, 100 Challenge-Response';
  const codes = Object.values(bounceClasses);
  assert.equal(codes.map((code) => `${code} ${bounceClassName(code)}`).join(', '), documented);
  assert.equal(bounceClassName(11), undefined);
});

test('BNC-09 each rule of the shipped table gives its own example the class it names', () => {
  assert.deepEqual(table.problems, []);
  assert.ok(table.replies.length > 100 && table.notices.length > 20);
  const classifier = make();
  for (const rule of table.replies) assert.equal(classifier.reply(rule.example!).code, rule.code, rule.text);
  for (const rule of table.notices) assert.equal(classifier.notice(rule.example!)?.code, rule.code, rule.text);
  for (const rule of [...table.replies, ...table.notices]) assert.ok(isClass(rule.code), rule.text);
});

test('BNC-09 what nothing knows is undetermined, or a transient failure when the reply is a temporary one', () => {
  const classifier = make();
  assert.deepEqual(classifier.reply('599 whatever'), { code: 1, name: 'Undetermined', rule: undefined });
  assert.equal(classifier.reply('451 hm').code, 70);
  assert.equal(classifier.reply('').code, 1);
  assert.equal(classifier.notice('Dear Sir'), undefined);
});

test('BNC-10 overrides of the user come before the system’s, those for a domain before those for all, a bar stands for anything', () => {
  const user = parseOverrides('# mine\nexample.net,99,go|away\n,25,go away\n', 'smtp', isClass);
  const system = parseOverrides(',22,go away\n,23,you there\n', 'smtp', isClass);
  const mdn = parseOverrides('99,wort|heute\n', 'mdn', isClass);
  assert.deepEqual([user.problems, system.problems, mdn.problems], [[], [], []]);
  const classifier = make();
  const names = new Map([[99, 'profanity']]);
  classifier.replace({
    overrides: { ...noOverrides, userReplies: user.rules, systemReplies: system.rules, userNotices: mdn.rules, names },
  });
  assert.deepEqual(classifier.reply('550 go far away', 'Example.NET'), { code: 99, name: 'profanity', rule: 'example.net,99,go|away' });
  assert.equal(classifier.reply('550 GO AWAY', 'other.test').code, 25);
  assert.equal(classifier.reply('550 you there', 'other.test').code, 23);
  assert.equal(classifier.notice('ein Wort von Heute')?.code, 99);
});

test('BNC-10 a line that is no rule is told with its number and what would be right', () => {
  assert.deepEqual(parseOverrides('x\n,98,a\n,10,|\n', 'smtp', isClass).problems, [
    { line: 1, message: 'expected "domain,code,rule"' },
    { line: 2, message: '98 is no class: expected one of the documented codes or of custom_classes' },
    { line: 3, message: 'the rule has no text' },
  ]);
  const bad = parseRuleTable('10 | | a | b\n[replies]\nx | | a | b\n10 | 7 | a | b\n10 | | | b\n10 | a\n');
  assert.deepEqual(
    bad.problems.map(({ line }) => line),
    [1, 3, 4, 5, 6],
  );
  assert.equal(bad.replies.length, 0);
});

test('A49 a reply of 64 KB made to be slow is classified in little work by every rule, and of no class by accident', () => {
  const classifier = make();
  const started = process.cpuUsage().user;
  for (const seed of ['mailbox ', 'user a', '5.1.', '550 5.1.1 '.repeat(2), 'is full is', '\n', '(a', ' * ', 'aaaaaaaaaaaaaaaa'])
    classifier.reply(`550 ${seed.repeat(Math.ceil(65_536 / seed.length))}`);
  // Nine replies against all rules: far below what one catastrophic expression would take.
  assert.ok((process.cpuUsage().user - started) / 1000 / 9 < 50);
});

test('BNC-10 an answer is remembered for Bounce_Cache_TTL at most, and new rules forget it', () => {
  const classifier = make({ cacheMax: 2, cacheSeconds: 60 });
  assert.equal(classifier.reply('550 user unknown').code, 10);
  classifier.replace({ table: { replies: [], notices: [], problems: [] } });
  assert.equal(classifier.reply('550 user unknown').code, 1);
});
