/*
 * exim_logger: the shape of each line, its switches, on real files.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookAlikeLog } from '../../../test/kit/look-alike-log.ts';
import { openEximLogger } from './index.ts';

test('LOG-25 exim_logger writes each event in the shape of Exim, one line whatever a peer said, and diagnostics to paniclog', (t) => {
  const read = lookAlikeLog(t, openEximLogger);
  const shapes = [
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} <= a@b\.test H=\[10\.0\.0\.1\] P=esmtp S=266 id=one@client\.test EC=00\/00-25004-31B987F3 for bob@c\.test$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} == bob@c\.test R=default T=remote_smtp H=mx\.test \[10\.0\.0\.1\] defer \(0\): 450 4\.2\.2 full$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} => bob@c\.test F=<a@b\.test> R=default T=remote_smtp H=mx\.test \[10\.0\.0\.1\] S=200 C="250 2\.0\.0 ok"$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} Completed$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} \*\* bob@c\.test F=<a@b\.test> R=default T=remote_smtp H=mx\.test \[10\.0\.0\.1\]: 550 nobody\\n"x"$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w{6}-\w{6}-\w{2} Completed$/,
    /\w{2} => bob@c\.test F=<a@b\.test> R=default T=local_delivery S=200 C="250 kept"$/,
    / Completed$/,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d H=\[10\.0\.0\.9\]:4025 temporarily rejected connection in "connect" ACL: 421 too many$/,
    / H=\(cl\.test\) \[10\.0\.0\.9\]:4025 rejected MAIL <>: 501 5\.5\.2 bad$/,
    / H=\(cl\.test\) \[10\.0\.0\.9\]:4025 F=<a@b\.test> rejected RCPT <bob@c\.test>: 550 5\.7\.1 relaying denied$/,
    / H=\(cl\.test\) \[10\.0\.0\.9\]:4025 F=<a@b\.test> temporarily rejected after DATA: 451 4\.3\.0 later$/,
  ];
  const lines = read('main');
  assert.equal(lines.length, shapes.length, lines.join('\n'));
  shapes.forEach((shape, i) => assert.match(lines[i]!, shape));
  assert.deepEqual(read('panic'), ['1700000000:NET: trouble']);
});

test('log_transient_failures = false keeps temporary failures out of exim_logger', (t) => {
  const read = lookAlikeLog(t, openEximLogger, { logTransientFailures: false });
  assert.equal(
    read('main').some((line) => line.includes('4.2.2')),
    false,
  );
  assert.ok(read('main').length > 3);
});

test('LOG-25 a million messages, received and delivered, are below 700 MB', (t) => {
  const lines = lookAlikeLog(t, openEximLogger, { logTransientFailures: false })('main');
  assert.ok(Buffer.byteLength(lines.slice(0, 3).join('\n')) < 700);
});
