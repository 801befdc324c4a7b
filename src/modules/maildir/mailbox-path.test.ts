/**
 * From recipients to directories, and from options to settings.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailboxPath } from './mailbox-path.ts';
import { maildirSettings } from './settings.ts';

const plain = maildirSettings({ basedir: '/mail' });
const deep = maildirSettings({ basedir: '/mail', domainInPath: true });

test('A mailbox lies below basedir, with the domain between when domain_in_path says so (OUT-48)', () => {
  assert.equal(mailboxPath(plain, 'Alice', 'here.test'), '/mail/alice');
  assert.equal(mailboxPath(deep, 'alice', 'here.test'), '/mail/here.test/alice');
  assert.equal(mailboxPath(deep, 'a+tag', '[ipv6:::1]'), '/mail/[ipv6:::1]/a+tag');
});

test('No local part and no domain leads out of basedir or to a hidden name (A32, OUT-48)', () => {
  const locals = ['', '.', '..', '../root', 'a/b', '/etc/passwd', 'a\0b', '.hidden', 'a\\b', 'a\nb', 'x'.repeat(256), '\u00e9'.repeat(128)];
  for (const local of locals) {
    assert.equal(mailboxPath(plain, local, 'here.test'), undefined, JSON.stringify(local.slice(0, 20)));
    assert.equal(mailboxPath(deep, 'alice', local), undefined, JSON.stringify(local.slice(0, 20)));
  }
  assert.equal(mailboxPath(plain, 'x'.repeat(255), 'here.test'), `/mail/${'x'.repeat(255)}`);
});

test('Both spellings of an option count, modes are octal numbers, basedir must be absolute (OUT-48, CFG-08)', () => {
  const settings = maildirSettings({
    basedir: '/mail',
    createUsers: true,
    domain: 'One.test',
    domains: ['two.test'],
    dirmode: 0o775,
    filemode: 0o664,
  });
  assert.deepEqual(
    [settings.createUsers, [...settings.domains], settings.dirMode, settings.fileMode, settings.allDomains],
    [true, ['one.test', 'two.test'], 0o775, 0o664, false],
  );
  assert.deepEqual([plain.createUsers, plain.dirMode, plain.fileMode], [false, 0o700, 0o600]);
  assert.throws(() => maildirSettings({}), /Cannot use "" as basedir of maildir: expected an absolute path/);
  assert.throws(() => maildirSettings({ basedir: 'mail' }), /"mail"/);
});
