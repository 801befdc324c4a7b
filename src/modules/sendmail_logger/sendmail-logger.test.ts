/*
 * sendmail_logger: the shape of each line, its switches, on real files.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookAlikeLog } from '../../../test/kit/look-alike-log.ts';
import { openSendmailLogger } from './index.ts';

test('LOG-25 sendmail_logger writes each event in the shape of Sendmail, one line whatever a peer said, and diagnostics to paniclog', (t) => {
  const read = lookAlikeLog(t, openSendmailLogger);
  const shapes = [
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ sendmail\[\d+\]: 00002500431B987F3: from=<a@b\.test>, size=266, class=0, nrcpts=1, msgid=<one@client\.test>, proto=ESMTP, daemon=MTA, relay=\[10\.0\.0\.1\]$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ sendmail\[\d+\]: 00002500431B987F3: to=<bob@c\.test>, delay=1\+02:03:04, xdelay=00:00:00, mailer=esmtp, pri=266, relay=mx\.test \[10\.0\.0\.1\], dsn=4\.2\.2, stat=Deferred: 450 4\.2\.2 full$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ sendmail\[\d+\]: 00002500431B987F3: to=.*, dsn=2\.0\.0, stat=Sent \(250 2\.0\.0 ok\)$/,
    /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ sendmail\[\d+\]: 00002500431B987F3: to=.*, dsn=5\.0\.0, stat=550 nobody\\n"x"$/,
    /: 00002500431B987F3: to=<bob@c\.test>, delay=.*, mailer=local, pri=266, dsn=2\.0\.0, stat=Sent \(250 kept\)$/,
    /: NOQUEUE: ruleset=check_relay, arg1=\[10\.0\.0\.9\], relay=\[10\.0\.0\.9\], reject=421 too many$/,
    /: NOQUEUE: ruleset=check_mail, arg1=<>, relay=\[10\.0\.0\.9\], reject=501 5\.5\.2 bad$/,
    /: NOQUEUE: ruleset=check_rcpt, arg1=<bob@c\.test>, relay=\[10\.0\.0\.9\], reject=550 5\.7\.1 relaying denied$/,
    /: NOQUEUE: ruleset=check_eom, relay=\[10\.0\.0\.9\], reject=451 4\.3\.0 later$/,
  ];
  const lines = read('main');
  assert.equal(lines.length, shapes.length, lines.join('\n'));
  shapes.forEach((shape, i) => assert.match(lines[i]!, shape));
  assert.deepEqual(read('panic'), ['1700000000:NET: trouble']);
});
