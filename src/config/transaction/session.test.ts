/**
 * The verbs of `config`, on files in memory: the documented texts, transactions, placement and what writeback saves.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ManualClock } from '#base';
import { compilePcre } from '#system';
import { memoryFiles, type MemoryFile } from '../files/memory-files.ts';
import type { ReadConfiguration } from '../read-configuration.ts';
import { ConfigDesk, type Activation } from './desk.ts';
import { problemLines, readDraft } from './draft.ts';
import { FileImages, frozenFiles } from './images.ts';
import type { ConfigSession } from './session.ts';

const main = '/etc/ecelerity.conf';

class House {
  readonly files: Record<string, MemoryFile>;
  readonly desk: ConfigDesk;
  readonly activated: ReadConfiguration[] = [];
  readonly clock = new ManualClock();
  refusal: string | undefined;
  /** Called while a configuration is being prepared. */
  meanwhile: (() => void) | undefined;

  constructor(files: Record<string, MemoryFile> | string) {
    this.files = typeof files === 'string' ? { [main]: files } : files;
    const disk = memoryFiles(this.files);
    const setup = { main, searchPath: [], compileRegex: compilePcre };
    const frozen = frozenFiles(disk);
    const { read } = readDraft({ setup, previous: undefined, isFromScratch: false }, new FileImages(frozen));
    assert.deepEqual(problemLines(read), []);
    const store = {
      replace: (path: string, bytes: Buffer) => {
        this.files[path] = bytes;
        return undefined;
      },
    };
    const activate = async (next: ReadConfiguration, by: { readonly remarks?: readonly string[] }): Promise<Activation> => {
      if (next.snapshot === undefined) return { ok: false, lines: problemLines(next) };
      await Promise.resolve();
      this.meanwhile?.();
      if (this.refusal !== undefined) return { ok: false, lines: [this.refusal] };
      this.activated.push(next);
      return { ok: true, lines: by.remarks ?? [] };
    };
    this.desk = new ConfigDesk({ setup, files: frozen, read, disk, store, clock: this.clock, activate });
  }

  open(who = 'tom'): ConfigSession {
    return this.desk.open(who);
  }

  text(path = main): string {
    const file = this.files[path];
    return Buffer.isBuffer(file) ? file.toString() : typeof file === 'string' ? file : (file?.text ?? '');
  }

  get root() {
    return this.activated.at(-1)?.snapshot?.root;
  }
}

/** Runs one after the other; each must succeed. Gives the last text. */
async function run(session: ConfigSession, ...lines: string[]): Promise<string> {
  let text = '';
  for (const line of lines) {
    const reply = await one(session, line);
    assert.ok(reply.ok, `${line}: ${reply.text}`);
    text = reply.text;
  }
  return text;
}

async function refused(session: ConfigSession, line: string): Promise<string> {
  const reply = await one(session, line);
  assert.ok(!reply.ok, `${line} was not refused: ${reply.text}`);
  return reply.text;
}

async function one(session: ConfigSession, line: string): Promise<{ ok: boolean; text: string }> {
  const [verb = '', ...words] = line.split(' ');
  const rest = words.join(' ');
  const path = rest === '' ? undefined : rest;
  switch (verb) {
    case 'get':
      return session.get(rest);
    case 'eval':
      return session.eval(rest);
    case 'set':
      return session.set(rest);
    case 'unset':
      return session.unset(rest);
    case 'show':
      return session.show(rest);
    case 'showrecurse':
      return session.showRecurse(rest);
    case 'locate':
      return session.locate(rest);
    case 'begin':
      return session.begin(rest === 'from scratch');
    case 'commit':
      return session.commit();
    case 'rollback':
      return session.rollback();
    case 'replay':
      return session.replay();
    case 'reload': {
      const { ok, lines } = await session.reload(path);
      return { ok, text: lines.join('\n') };
    }
    case 'writeback':
      return session.writeBack(path);
    case 'dump':
      return session.dump(path);
    case 'diff':
      return session.diff();
    case 'history':
      return session.history();
    default:
      return session.undo(rest);
  }
}

test('CC-04 CC-05 CC-06 set prints as typed, get the exact scope only, eval the default', async () => {
  const house = new House('Message_Expiration = 86400\n');
  const session = house.open();
  assert.equal(await run(session, 'get message_expiration'), 'Message_Expiration = 86400');
  assert.equal(await refused(session, 'get blackhole'), "Option 'Blackhole' is not set in scope ''.");
  assert.equal(await run(session, 'eval blackhole'), 'Blackhole = 0');
  assert.equal(await run(session, 'set suspend_delivery enabled'), 'Suspend_Delivery = enabled');
  assert.equal(house.root?.options.get('suspend_delivery')?.value, true);
  assert.equal(await run(session, 'get Suspend_Delivery'), 'Suspend_Delivery = enabled');
});

test('CC-01 CC-02 CC-03 scopes with and without instances, "=" or none, canonical names, one indent in nested scopes', async () => {
  const house = new House('Esmtp_Listener { Listen ":2525" { } }\nec_logger "main" { mainlog = "/a" }\n');
  const session = house.open();
  assert.equal(await run(session, 'set esmtp_listener listen :2525 enable false'), '  Enable = false');
  assert.equal(await run(session, 'set DOMAIN "Yahoo.com" max_outbound_connections = 7'), '  Max_Outbound_Connections = 7');
  assert.equal(await run(session, 'eval binding b domain yahoo.com Max_Outbound_Connections'), '  Max_Outbound_Connections = 7');
  assert.match(await run(session, 'set ec_logger main mainlog "/b"'), /^ {2}mainlog = "\/b"/);
  assert.equal(await run(session, 'get ec_logger main mainlog'), '  mainlog = "/b"');
  assert.match(await refused(session, 'set binding'), /Binding needs a name/);
});

test('CFG-05 a new scope beside one whose name differs in case alone is said to be new', async () => {
  const session = new House('Binding solo { }\nBinding_Group g { Binding Other { } }\nDomain "a.test" { }\n').open();
  assert.match(
    await run(session, 'set binding Solo max_outbound_connections 3'),
    /^ {2}Max_Outbound_Connections = 3\nThis is a new Binding, "?Solo"?; there is also "?solo"?\.$/,
  );
  assert.equal(await run(session, 'set binding Solo max_outbound_connections 4'), '  Max_Outbound_Connections = 4');
  assert.match(await run(session, 'set binding other max_outbound_connections 3'), /there is also "?Other"?\.$/);
  assert.equal(await run(session, 'set domain A.test max_outbound_connections 3'), '  Max_Outbound_Connections = 3');
  assert.equal(await run(session, 'set binding fresh max_outbound_connections 3'), '  Max_Outbound_Connections = 3');
});

test('CC-07 unset re-exposes the fallback and says what is in force now', async () => {
  const house = new House('Message_Expiration = 99\nBinding b { Message_Expiration = 5 }\n');
  const session = house.open();
  assert.equal(
    await run(session, 'unset binding b message_expiration'),
    '"Message_Expiration" has been unset. Effective value is now:\n  Message_Expiration = 99',
  );
  assert.equal(
    await run(session, 'unset message_expiration'),
    '"Message_Expiration" has been unset. Effective value is now:\n  Message_Expiration = 86400',
  );
  assert.equal(await refused(session, 'unset message_expiration'), "Option 'Message_Expiration' is not set in scope ''.");
});

test('CC-08 unset of a scope clears it with everything inside; the global scope is refused', async () => {
  const house = new House('# top\nBinding_Group g { Binding b { Max_Retries = 1 } }\nMax_Retries = 2\n');
  const session = house.open();
  assert.match(await refused(session, 'unset '), /global scope cannot be unset/);
  assert.match(await refused(session, 'unset domain none.test'), /There is no scope Domain "none.test"/);
  await run(session, 'unset binding_group g', 'writeback');
  assert.equal(house.text(), '# top\nMax_Retries = 2\n');
});

test('CC-09 CC-10 CC-11 arrays, child scopes on one line, and a whole text that can be read again', async () => {
  const house = new House(
    'Max_Retries = 1\nEsmtp_Listener {\n  Listen ":2525" { Enable = true Banner_Hostname = "a b" }\n}\nDebug_Flags { error = ( ALL ) }\n',
  );
  const session = house.open();
  assert.equal(await run(session, 'set Relay_Hosts ( 10.0.0.1 10.0.0.2 )'), 'Relay_Hosts = (\n  10.0.0.1\n  10.0.0.2\n  )');
  assert.equal(await run(session, 'show relay_hosts'), 'Relay_Hosts = (\n  10.0.0.1\n  10.0.0.2\n  )');
  assert.equal(await run(session, 'show esmtp_listener'), '  Listen ":2525" { ... }');
  assert.equal(
    await run(session, 'showrecurse esmtp_listener'),
    'Esmtp_Listener {\n  Listen ":2525" {\n    Enable = true\n    Banner_Hostname = "a b"\n  }\n}',
  );
  const whole = await run(session, 'showrecurse ');
  const again = new House(`${whole}\n`);
  assert.equal(await run(again.open(), 'showrecurse '), whole);
  assert.equal(await run(session, 'dump'), whole, 'CC-21 write config shows the running configuration');
});

test('CC-12 CC-13 locate gives two lines a hit, by name or bare regex, with the documented encoding of the path', async () => {
  const house = new House(
    'Esmtp_Listener { Listen ":2525" { } }\nDomain "/yahoo\\.co(m|\\.uk)$/" { }\nBinding b { Domain "a.test" { Max_Retries = 1 } }\n',
  );
  const session = house.open();
  assert.equal(await run(session, 'locate listen :2525'), 'Listen ":2525"\n  is at Esmtp_Listener::Listen:\\:2525:');
  assert.equal(await run(session, 'locate domain ^a\\.'), 'Domain "a.test"\n  is at Binding:b:Domain:a.test:');
  assert.match(await run(session, 'locate domain yahoo'), /^Domain "\/yahoo/);
  assert.match(await refused(session, 'locate domain nothing'), /There is no scope/);
});

test('CC-14 CC-18 a transaction is private until its commit, and outside of one each set is in force at once', async () => {
  const house = new House('Max_Retries = 1\n');
  const [tom, eve] = [house.open('tom'), house.open('eve')];
  await run(tom, 'begin', 'set max_retries 5');
  assert.equal(await run(tom, 'get max_retries'), 'Max_Retries = 5');
  assert.equal(await run(eve, 'get max_retries'), 'Max_Retries = 1');
  assert.equal(house.activated.length, 0);
  assert.match(await run(tom, 'dump'), /Max_Retries = 1/, 'CC-21 an open transaction is not in the dump');
  await run(tom, 'commit');
  assert.equal(await run(eve, 'get max_retries'), 'Max_Retries = 5');
  await run(tom, 'begin', 'set max_retries 6', 'rollback');
  assert.equal(await run(tom, 'get max_retries'), 'Max_Retries = 5');
  for (const verb of ['commit', 'rollback', 'replay']) assert.match(await refused(tom, verb), /no transaction/);
});

test('CC-15 CC-16 the first to commit wins; the later one may replay its commands and roll back', async () => {
  const house = new House('Max_Retries = 1\n');
  const [tom, eve] = [house.open('tom'), house.open('eve')];
  await run(tom, 'begin', 'set max_retries 5', 'unset max_retries', 'set domain "a.test" gateway "h"', 'get domain a.test gateway');
  await run(eve, 'begin', 'set retry_interval 9', 'commit');
  assert.match(await refused(tom, 'commit'), /^Cannot commit: conflict, the configuration was changed by eve \(config commit\)/);
  assert.equal(await run(tom, 'replay'), 'config set Max_Retries 5\nconfig unset Max_Retries\nconfig set Domain "a.test" Gateway "h"');
  await run(tom, 'rollback');
  assert.equal(await run(tom, 'get retry_interval'), 'Retry_Interval = 9');
});

test('CC-15 a reload is a change of the configuration, too, and the conflict names it', async () => {
  const house = new House('Max_Retries = 1\n');
  const [tom, eve] = [house.open('tom'), house.open('eve')];
  await run(tom, 'begin', 'set max_retries 5');
  await run(eve, 'reload');
  assert.match(await refused(tom, 'commit'), /was changed by eve \(config reload\)/);
});

test('a commit that closes the console behind its user says so (CC-17)', async () => {
  const house = new House('Control_Listener { Listen "/tmp/x" { } }\n');
  const session = house.open();
  assert.match(await run(session, 'begin from scratch', 'commit'), /^Transaction committed\.\nWarning: there is no Control_Listener/);
});

test('CC-15 of commits at the same moment exactly one wins', async () => {
  const house = new House('Max_Retries = 1\n');
  const sessions = Array.from({ length: 8 }, (_, index) => house.open(`n${index}`));
  for (const [index, session] of sessions.entries()) await run(session, 'begin', `set max_retries ${index + 10}`);
  const replies = await Promise.all(sessions.map((session) => session.commit()));
  assert.deepEqual(
    replies.map((reply) => reply.ok),
    [true, false, false, false, false, false, false, false],
  );
  assert.equal(house.root?.options.get('max_retries')?.value, 10);
});

test('CC-17 from scratch begins as an empty file, whose settings can be overridden and not removed', async () => {
  const house = new House('# mine\nMax_Retries = 1\nDomain a.test { Max_Retries = 2 }\n');
  const session = house.open();
  await run(session, 'begin from scratch');
  assert.match(await run(session, 'show '), /^TimestampFormat = "[^]*Debug_Flags \{ \.\.\. \}\nThreadPool "SwapOut" \{ \.\.\. \}/);
  await refused(session, 'get max_retries');
  assert.match(await refused(session, 'unset timestampformat'), /can only be overridden/);
  assert.match(await refused(session, 'unset debug_flags'), /can only be overridden/);
  assert.match(await refused(session, 'unset threadpool CPU'), /can only be overridden/);
  await run(session, 'set timestampformat "%s"', 'set max_retries 9', 'commit', 'writeback');
  assert.equal(house.root?.options.get('max_retries')?.value, 9);
  assert.equal(house.root?.children.has('domain\0a.test'), false);
  assert.match(house.text(), /^TimestampFormat = "%s"\n[^]*Max_Retries = 9/);
});

test('CC-17 CFG-42 from scratch over a read-only main file: it all stands in the virtual file, and writeback shows it', async () => {
  const house = new House({
    [main]: { text: 'Max_Retries = 1\ninclude "b.conf"\n', isReadOnly: true },
    '/etc/b.conf': 'Retry_Interval = 1\n',
  });
  const session = house.open();
  await run(session, 'set retry_interval 2', 'begin from scratch', 'set max_retries 9', 'commit');
  assert.deepEqual(
    [house.root?.options.get('max_retries')?.value, house.root?.options.has('retry_interval')],
    [9, false],
    'the included file is out of it',
  );
  assert.match(await run(session, 'writeback'), /^Warning: not all [^]*Not saved:\nTimestampFormat[^]*Max_Retries = 9/);
  assert.equal(house.text('/etc/b.conf'), 'Retry_Interval = 1\n', 'nothing is saved into a file that is no part of it any more');
});

test('CC-19 CFG-47 reload drops what was not saved, is refused in a transaction, and a bad file changes nothing', async () => {
  const house = new House('Max_Retries = 1\n');
  const session = house.open();
  await run(session, 'set max_retries 5', 'begin');
  assert.match(await refused(session, 'reload'), /transaction is open/);
  assert.match(await run(session, 'rollback', 'reload'), /^Changes that were not saved were dropped/);
  assert.equal(await run(session, 'get max_retries'), 'Max_Retries = 1');
  house.files[main] = 'Max_Retrys = 1\n';
  assert.match(await refused(session, 'reload'), /No module provides capability/);
  assert.equal(await run(session, 'get max_retries'), 'Max_Retries = 1');
  house.files['/etc/other.conf'] = 'Max_Retries = 7\n';
  await run(session, 'reload /etc/other.conf', 'set retry_interval 3', 'writeback');
  assert.equal(house.text('/etc/other.conf'), 'Max_Retries = 7\nRetry_Interval = 3\n');
});

test('what is refused leaves everything as it was: name, scope, type, threads (CFG-05, CFG-11, CFG-12)', async () => {
  const house = new House('Max_Retries = 1\n');
  const session = house.open();
  assert.match(
    await refused(session, 'set max_retrys 1'),
    /^No module provides capability 'config.Global:max_retrys'\n.*did you mean "Max_Retries"\?/,
  );
  assert.match(await refused(session, 'set max_retries many'), /Cannot set "Max_Retries" to "many" in scope Global: expected/);
  assert.match(await refused(session, 'set max_retries 1 2'), /expected one value/);
  assert.match(await refused(session, 'set max_retries 1 include "x"'), /expected one value/);
  assert.match(await refused(session, 'set gateway a#b'), /stands in quotation marks/);
  assert.match(await refused(session, 'set domain a.test spoolbase /x'), /may not stand in scope Domain/);
  assert.match(await refused(session, 'set max_retries'), /there is no value/);
  assert.match(await refused(session, 'set domain "/(/" max_retries 1'), /pattern|regular/i);
  house.refusal = 'loop 0 cannot bind';
  assert.equal(await refused(session, 'set max_retries 5'), 'loop 0 cannot bind');
  assert.equal(await run(session, 'get max_retries'), 'Max_Retries = 1');
  assert.equal(await run(session, 'history'), 'Nothing was changed since the start.');
  assert.equal(await run(session, 'writeback'), 'There is nothing to save.');
});

test('inside a transaction a reference may come before what it names; the commit wants both', async () => {
  const house = new House('Esmtp_Listener { Listen ":2525" { } }\n');
  const session = house.open();
  assert.match(await refused(session, 'set esmtp_listener pathway "p"'), /p/);
  assert.match(await run(session, 'begin', 'set esmtp_listener pathway "p"'), /Not ready to commit/);
  await refused(session, 'commit');
  await run(session, 'set pathway p relay_domains ( "a.test" )', 'commit');
  assert.ok(house.root?.children.has('pathway\0p'));
});

test('CC-22 an option that only a restart puts into force is accepted, and the reply says so', async () => {
  const session = new House('').open();
  assert.equal(
    await run(session, 'set pidfile "/run/x.pid"'),
    'PidFile = "/run/x.pid"\nPidFile has a new value; it takes effect at the next restart',
  );
  assert.match(await run(session, 'unset pidfile'), /it takes effect at the next restart$/);
});

test('CC-23 Debug_Flags and modules are set like any scope', async () => {
  const house = new House('Debug_Flags = [ error = ALL info = ALL ]\nec_logger "a" { mainlog = "/m" }\n');
  const session = house.open();
  assert.equal(await run(session, 'set Debug_Flags DEBUG (LOG1)'), '  Debug = (\n    LOG1\n    )');
  assert.equal(await run(session, 'set ec_logger a enabled 0'), '  Enabled = 0');
  await run(session, 'unset debug_flags info', 'writeback');
  assert.match(house.text(), /Debug_Flags \{\n {2}Debug = \( LOG1 \)\n {2}error = ALL\n\}/);
});

const seed = {
  [main]: 'readonly_include "foo.conf"\ninclude "baz.conf"\n',
  '/etc/foo.conf': 'Domain yahoo.com {\n  Gateway = "server.yahoo.com"\n  include "bar.conf"\n}\n',
  '/etc/bar.conf': '# mine\n',
  '/etc/baz.conf': 'Domain yahoo.com { }\n',
};

test('CFG-44 CFG-45 CFG-46 the example of the page: both changes of yahoo.com go to bar.conf, at writeback and not before', async () => {
  const house = new House({ ...seed });
  const session = house.open();
  await run(session, 'set Domain yahoo.com max_retries 3', 'set Domain yahoo.com gateway "server2.yahoo.com"');
  assert.equal(house.root?.children.get('domain\0yahoo.com')?.options.get('gateway')?.value, 'server2.yahoo.com');
  assert.equal(house.text('/etc/bar.conf'), '# mine\n');
  assert.equal(await run(session, 'writeback'), 'Saved /etc/bar.conf');
  assert.equal(house.text('/etc/bar.conf'), '# mine\nMax_Retries = 3\nGateway = server2.yahoo.com\n');
  for (const path of [main, '/etc/foo.conf', '/etc/baz.conf'] as const) assert.equal(house.text(path), seed[path]);
});

test('CFG-44 a value last set in a writable file is replaced in place; comments, order and layout stay', async () => {
  const house = new House({
    ...seed,
    '/etc/baz.conf': '# a\nDomain YAHOO.com {   # b\n\tgateway = "old"   # c\n\n  Max_Retries = 1 }\n/* d */',
  });
  await run(house.open(), 'set domain yahoo.com GATEWAY new', 'writeback');
  assert.equal(house.text('/etc/baz.conf'), '# a\nDomain YAHOO.com {   # b\n\tgateway = "new"   # c\n\n  Max_Retries = 1 }\n/* d */');
});

test('CFG-44 where a read-only file would override it, the change goes to the next writable place', async () => {
  const house = new House({
    [main]: 'include "b.conf"\nreadonly_include "last.conf"\ninclude "c.conf"\n',
    '/etc/b.conf': 'Domain yahoo.com { }\n',
    '/etc/c.conf': 'Domain yahoo.com { }\n',
    '/etc/last.conf': 'Domain yahoo.com { Max_Retries = 3 }\n',
  });
  await run(house.open(), 'set domain yahoo.com max_retries 9', 'writeback');
  assert.equal(house.root?.children.get('domain\0yahoo.com')?.options.get('max_retries')?.value, 9);
  assert.match(house.text('/etc/c.conf'), /Max_Retries = 9/);
  assert.equal(house.text('/etc/b.conf'), 'Domain yahoo.com { }\n');
});

test('CFG-34 CFG-44 what stands in a read-only file is not unset, and the refusal names the place', async () => {
  const house = new House({ ...seed });
  const session = house.open();
  assert.match(await refused(session, 'unset domain yahoo.com gateway'), /foo\.conf:2:3, and that file is read-only \(readonly_include\)/);
  assert.match(await refused(session, 'unset domain yahoo.com'), /foo\.conf:1/);
  assert.equal(house.activated.length, 0);
});

test('CFG-40 CFG-44 a scope that no writable file has goes to the Local_Changes_File, which is made', async () => {
  const house = new House({
    [main]: 'Local_Changes_File = "/etc/local.conf"\nreadonly_include "ro.conf"\n',
    '/etc/ro.conf': 'Domain yahoo.com { Max_Retries = 1 }\n',
  });
  await run(house.open(), 'set domain yahoo.com max_retries 2', 'writeback');
  assert.equal(house.text('/etc/local.conf'), 'Domain "yahoo.com" {\n  Max_Retries = 2\n}\n');
  assert.equal(house.root?.children.get('domain\0yahoo.com')?.options.get('max_retries')?.value, 2);
});

test('CFG-41 without it a new scope goes to the writable main file', async () => {
  const house = new House('# mine\n');
  await run(house.open(), 'set domain yahoo.com max_retries 2', 'writeback');
  assert.equal(house.text(), '# mine\nDomain "yahoo.com" {\n  Max_Retries = 2\n}\n');
});

test('CFG-42 CC-20 a read-only main file: a virtual file holds the changes, writeback warns and shows it, and later it finds its place', async () => {
  const house = new House({ [main]: { text: 'Max_Retries = 1\n', isReadOnly: true } });
  const session = house.open();
  await run(session, 'set max_retries 5', 'set domain a.test gateway h');
  assert.equal(house.root?.options.get('max_retries')?.value, 5);
  const warned = await run(session, 'writeback');
  assert.match(
    warned,
    /^Warning: not all portions of the configuration could be saved\. Not saved:\nMax_Retries = 5\nDomain "a.test" \{\n {2}Gateway = h\n\}$/,
  );
  await run(session, 'set local_changes_file "/etc/local.conf"');
  const saved = await run(session, 'writeback');
  assert.match(saved, /^Saved \/etc\/local\.conf\nWarning: [^]*Not saved:\nLocal_Changes_File = "?\/etc\/local\.conf"?$/);
  assert.equal(house.text('/etc/local.conf'), 'Max_Retries = 5\nDomain "a.test" {\n  Gateway = h\n}\n');
  assert.equal(await run(session, 'get max_retries'), 'Max_Retries = 5');
  assert.equal(await run(session, 'get domain a.test gateway'), '  Gateway = h');
  assert.equal(house.text(), 'Max_Retries = 1\n');
});

test('CFG-43 Local_Changes_Only sends every change to the Local_Changes_File', async () => {
  const house = new House({ [main]: 'Local_Changes_Only = true\nLocal_Changes_File = "/etc/local.conf"\nMax_Retries = 1\n' });
  const session = house.open();
  await run(session, 'set max_retries 2', 'writeback');
  assert.equal(house.text('/etc/local.conf'), 'Max_Retries = 2\n');
  assert.match(house.text(), /Max_Retries = 1/);
  assert.match(await refused(session, 'unset max_retries'), /Local_Changes_Only/);
  assert.match(await refused(new House('').open(), 'set local_changes_only true'), /Local_Changes_File/);
});

test('CFG-34 CFG-44 a file that is included twice is read-only, and the next rule applies', async () => {
  const house = new House({
    [main]: 'include "b.conf"\ninclude "b.conf"\ninclude "c.conf"\n',
    '/etc/b.conf': 'Domain yahoo.com { Max_Retries = 1 }\n',
    '/etc/c.conf': 'Domain yahoo.com { }\n',
  });
  await run(house.open(), 'set domain yahoo.com max_retries 2', 'writeback');
  assert.match(house.text('/etc/c.conf'), /Max_Retries = 2/);
});

test('CFG-46 writeback refuses when a file changed on disk since it was read, and then saves nothing at all', async () => {
  const house = new House({ [main]: 'include "b.conf"\nMax_Retries = 1\n', '/etc/b.conf': 'Retry_Interval = 1\n' });
  const session = house.open();
  await run(session, 'set max_retries 2', 'set retry_interval 2');
  house.files['/etc/b.conf'] = 'Retry_Interval = 77\n';
  assert.match(
    await refused(session, 'writeback'),
    /Cannot save \/etc\/b\.conf: it was changed on disk since it was read[^]*Nothing was saved/,
  );
  assert.match(house.text(), /Max_Retries = 1/);
  house.files['/etc/b.conf'] = 'Retry_Interval = 1\n';
  await run(session, 'writeback', 'set max_retries 3', 'writeback');
  assert.match(house.text(), /Max_Retries = 3/);
});

test('CC-20 CC-21 writeback and write config to another file; never over a part of the configuration', async () => {
  const house = new House({ [main]: '# mine\nMax_Retries = 1\ninclude "b.conf"\n', '/etc/b.conf': '' });
  const session = house.open();
  await run(session, 'set max_retries 2', 'writeback copy.conf');
  assert.equal(house.text('/etc/copy.conf'), '# mine\nMax_Retries = 2\ninclude "b.conf"\n');
  assert.equal(house.text(), '# mine\nMax_Retries = 1\ninclude "b.conf"\n');
  assert.match(await refused(session, 'writeback b.conf'), /part of the running configuration/);
  assert.match(await refused(session, 'dump ecelerity.conf'), /part of the running configuration/);
  await run(session, 'dump /tmp/dump.conf');
  assert.equal(house.text('/tmp/dump.conf'), 'Max_Retries = 2\n');
});

test('diff says what a commit or a reload would change, listeners and limits apart', async () => {
  const house = new House('Esmtp_Listener { Listen ":2525" { } }\nMax_Outbound_Connections = 20\n');
  const session = house.open();
  assert.equal(await run(session, 'diff'), 'No differences.');
  await run(
    session,
    'begin',
    'set esmtp_listener listen :2526 enable true',
    'set max_outbound_connections 5',
    'set pidfile "/p"',
    'set blackhole 1',
  );
  assert.equal(
    await run(session, 'diff'),
    [
      'Listeners:',
      '  + Esmtp_Listener Listen ":2526" { }',
      '  + Esmtp_Listener Listen ":2526" Enable = true',
      'Limits:',
      '  - Max_Outbound_Connections = 20',
      '  + Max_Outbound_Connections = 5',
      'Options:',
      '  + PidFile = "/p"',
      '  + Blackhole = 1',
      'PidFile has a new value; it takes effect at the next restart',
    ].join('\n'),
  );
  await run(session, 'rollback');
  house.files[main] = 'Max_Outbound_Connections = 20\n';
  assert.match(await run(session, 'diff'), /- Esmtp_Listener/);
  house.files[main] = 'Nonsense = 20\n';
  assert.match(await refused(session, 'diff'), /A reload would be refused/);
});

test('history says who, when, old and new; undo takes one change back, also below later ones', async () => {
  const house = new House('# mine\nMax_Retries = 1   # few\n');
  const [tom, eve] = [house.open('tom'), house.open('eve')];
  await run(tom, 'set max_retries 5', 'set domain a.test gateway h');
  await run(eve, 'unset max_retries');
  assert.match(
    await run(tom, 'history'),
    /^1 {2}\S+ \S+ UTC {2}tom {2}config set\n {2}- Max_Retries = 1\n {2}\+ Max_Retries = 5\n2 [^]*\+ Domain "a.test" Gateway = h\n3 [^]*eve {2}config unset\n {2}- Max_Retries = 5$/,
  );
  assert.match(await refused(tom, 'undo 1'), /changed again since/);
  await run(tom, 'undo 2');
  assert.equal(house.root?.children.size, 0);
  await run(tom, 'undo 3', 'undo 1', 'writeback');
  assert.match(house.text(), /Max_Retries = 1/);
  assert.match(await refused(tom, 'undo 99'), /no such change/);
  assert.match(await refused(tom, 'undo x'), /no number/);
});

test('CFG-46 a change that was saved and then taken back is saved again', async () => {
  const house = new House('Max_Retries = 1\n');
  const session = house.open();
  await run(session, 'set max_retries 2', 'writeback', 'undo');
  assert.equal(await run(session, 'writeback'), `Saved ${main}`);
  assert.equal(house.text(), 'Max_Retries = 1\n');
  assert.equal(await run(session, 'writeback'), 'There is nothing to save.');
});

test('undo of the newest change restores every byte', async () => {
  const text = '# mine\nDomain a.test {   # keep\n  Max_Retries = 1   # few\n}\n\n';
  const house = new House(text);
  await run(house.open(), 'unset domain a.test', 'undo', 'writeback');
  assert.equal(house.text(), text);
});

test('CC-20 CFG-47 the desk knows which values the files have, too: not those of the console before a writeback, all after it and after a reload', async () => {
  const house = new House('Max_Outbound_Connections = 5\nDomain "a.test" { Suspend_Delivery = true }\n');
  const session = house.open();
  const domain = [{ scope: 'Domain', instance: 'a.test' }];
  const saved = (value: number): boolean => house.desk.isSaved([], 'Max_Outbound_Connections', value);
  assert.deepEqual([saved(5), saved(6), house.desk.isSaved(domain, 'Suspend_Delivery', true)], [true, false, true]);
  await run(session, 'set Max_Outbound_Connections 6', 'set domain b.test Suspend_Delivery true');
  const other = [{ scope: 'Domain', instance: 'b.test' }];
  assert.deepEqual([saved(6), house.desk.isSaved(other, 'Suspend_Delivery', true), saved(5)], [false, false, true]);
  await run(session, 'writeback');
  assert.deepEqual([saved(6), house.desk.isSaved(other, 'Suspend_Delivery', true)], [true, true]);
  await run(session, 'set Max_Outbound_Connections 7');
  await run(session, 'reload');
  assert.deepEqual([saved(7), saved(6)], [false, true]);
});
