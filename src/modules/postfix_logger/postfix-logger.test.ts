/*
 * postfix_logger: the shape of each line, its switches, on real files.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { lookAlikeLog } from '../../../test/kit/look-alike-log.ts';
import { openPostfixLogger } from './index.ts';

test('LOG-25 postfix_logger writes each event in the shape of Postfix, one line whatever a peer said, and diagnostics to paniclog', (t) => {
  const read = lookAlikeLog(t, openPostfixLogger);
  const shapes = [
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/smtpd\[\d+\]: 00002500431B987F3: client=unknown\[10\.0\.0\.1\]$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/cleanup\[\d+\]: 00002500431B987F3: message-id=<one@client\.test>$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/qmgr\[\d+\]: 00002500431B987F3: from=<a@b\.test>, size=266, nrcpt=1 \(queue active\)$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/smtp\[\d+\]: 00002500431B987F3: to=<bob@c\.test>, relay=mx\.test\[10\.0\.0\.1\]:25, delay=93784\.00, delays=93784\.00\/0\/0\/0, dsn=4\.2\.2, status=deferred \(host mx\.test\[10\.0\.0\.1\] said: 450 4\.2\.2 full\)$/,
    /: 00002500431B987F3: to=<bob@c\.test>, .*, dsn=2\.0\.0, status=sent \(250 2\.0\.0 ok\)$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/qmgr\[\d+\]: 00002500431B987F3: removed$/,
    /: 00002500431B987F3: to=<bob@c\.test>, .*, dsn=5\.0\.0, status=bounced \(host .* said: 550 nobody\\n"x"\)$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ postfix\/qmgr\[\d+\]: 00002500431B987F3: removed$/,
    /postfix\/local\[\d+\]: 00002500431B987F3: to=<bob@c\.test>, relay=local, .*, dsn=2\.0\.0, status=sent \(250 kept\)$/,
    /: removed$/,
    /postfix\/smtpd\[\d+\]: NOQUEUE: reject: CONNECT from unknown\[10\.0\.0\.9\]: 421 <unknown\[10\.0\.0\.9\]>: too many; proto=ESMTP$/,
    /: NOQUEUE: reject: MAIL from unknown\[10\.0\.0\.9\]: 501 5\.5\.2 bad; proto=ESMTP helo=<cl\.test>$/,
    /: NOQUEUE: reject: RCPT from unknown\[10\.0\.0\.9\]: 550 5\.7\.1 <bob@c\.test>: relaying denied; from=<a@b\.test> to=<bob@c\.test> proto=ESMTP helo=<cl\.test>$/,
    /: NOQUEUE: reject: DATA from unknown\[10\.0\.0\.9\]: 451 4\.3\.0 <DATA>: later; from=<a@b\.test> to=<bob@c\.test> proto=ESMTP helo=<cl\.test>$/,
  ];
  const lines = read('main');
  assert.equal(lines.length, shapes.length, lines.join('\n'));
  shapes.forEach((shape, i) => assert.match(lines[i]!, shape));
  assert.deepEqual(read('panic'), ['1700000000:NET: trouble']);
});

test('log_transient_failures = false keeps temporary failures out of postfix_logger', (t) => {
  const read = lookAlikeLog(t, openPostfixLogger, { logTransientFailures: false });
  assert.equal(
    read('main').some((line) => line.includes('4.2.2')),
    false,
  );
  assert.ok(read('main').length > 3);
});

test('LOG-25 pflogsumm counts what postfix_logger wrote: received, delivered, deferred, bounced, and each command that was refused', (t) => {
  const lines = lookAlikeLog(t, openPostfixLogger)('main');
  const { stdout, error } = spawnSync('pflogsumm', { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
  if (error !== undefined && process.env['CI'] !== 'true') {
    t.skip('pflogsumm is not installed');
    return;
  }
  assert.equal(error, undefined);
  const counts = [/ 1 {3}received$/, / 2 {3}delivered$/, / 1 {3}deferred/, / 1 {3}bounced$/, / 4 {3}rejected /].map(
    (one) => new RegExp(one, 'm'),
  );
  for (const count of counts) assert.match(stdout, count);
  assert.match(stdout, /^ {2}RCPT\n {4}relaying denied \(total: 1\)\n +1 +10\.0\.0\.9$/m);
  assert.match(stdout, /^ {2}DATA\n {4}later \(total: 1\)$/m);
  assert.match(stdout, /^Warnings: none$/m);
});
