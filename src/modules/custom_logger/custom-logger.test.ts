/*
 * custom_logger: every documented specifier, what is sanitized, which event goes where, on real files.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import {
  systemLogFs,
  Writer,
  type DeliveryRecord,
  type MailRecord,
  type PermanentRecord,
  type ReceptionRecord,
  type RejectionRecord,
} from '#observe';
import { compileFormat } from './format.ts';
import { customFacts, openCustomLogger } from './index.ts';
import { manifest } from './manifest.ts';
import { parseSanitize } from './sanitize.ts';

const at = 1_700_000_000_123;
const facts = [
  'user',
  'ann',
  'authMethod',
  'CRAM-MD5',
  'pathway',
  'in',
  'pathwayGroup',
  'ins',
  'protocol',
  'esmtp',
  'conn:k',
  'kv',
  'mess:m',
  'mv',
  'head:subject',
  'Hi\tyou',
];
const common = {
  at,
  messageId: '00/00-25004-31B987F3',
  batchId: 'BATCH',
  connectionId: 'CONN',
  bindingGroup: 'group-a',
  binding: 'binding-a',
};
const failed: PermanentRecord = {
  kind: 'P',
  ...common,
  domain: 'gw.test',
  size: 31,
  stage: 5,
  retries: 1,
  elapsedMs: 3_894,
  remoteIp: '10.0.0.1',
  reply: '552 No such\taccount',
  isBounce: true,
  sender: 'in@fo@b.test',
  recipient: 'bob@a.test',
  messageSize: 266,
  facts,
};
const delivered: DeliveryRecord = {
  kind: 'D',
  ...common,
  domain: 'a.test',
  size: 266,
  retries: 0,
  elapsedMs: 393,
  remoteIp: '10.0.0.2',
  reply: '250 ok',
  sender: '',
  recipient: 'bob@a.test',
  messageSize: 266,
  facts,
};
const received: ReceptionRecord = {
  kind: 'R',
  ...common,
  recipientLocal: 'bob',
  recipientDomain: 'a.test',
  senderLocal: 'info',
  senderDomain: 'b.test',
  remoteIp: '10.0.0.3',
  size: 201,
  protocol: 'esmtp',
  facts,
};
const rejected: RejectionRecord = {
  kind: 'J',
  at,
  remoteIp: '10.79.11.157',
  remotePort: 1,
  localIp: '',
  localPort: 25,
  connectionId: 'CONN',
  pathway: 'in',
  pathwayGroup: 'default',
  phase: 'connected',
  code: 550,
  module: '',
  contextConnection: ['auth_user', 'ann', 'k', 'v\n'],
  contextMessage: ['m', 'w'],
  text: 'relaying denied',
};
const ports = { classify: () => ({ code: 10, name: 'Invalid Recipient' }), sanitize: (text: string) => text };
const expand = (format: string, r: MailRecord): string => compileFormat(format).line(r as PermanentRecord, ports);

test('each documented specifier of custom_logger gives its value for a failure', () => {
  const values: Record<string, string> = {
    '%A': 'CRAM-MD5',
    '%b': 'binding-a',
    '%B': '266',
    '%BI': 'BATCH',
    '%c': 'Invalid Recipient',
    '%C': '10',
    '%CI': 'CONN',
    '%d': 'gw.test',
    '%g': 'group-a',
    '%H': '10.0.0.1',
    '%h{Subject}': 'Hi\\tyou',
    '%i': '00/00-25004-31B987F3',
    '%m': 'in@fo',
    '%M': 'b.test',
    '%n': '552 No such\\taccount',
    '%N': '2',
    '%P': 'in',
    '%PG': 'ins',
    '%p': 'esmtp',
    '%r': 'bob',
    '%R': 'a.test',
    '%s': 'after RCPT TO',
    '%S': '5',
    '%t': '1700000000',
    '%t{%Y}': '2023',
    '%T': '3.89',
    '%T{0}': '4',
    '%T{3}': '3.894',
    '%U': 'ann',
    '%us{1}': '1700000000.1',
    '%us{3}': '1700000000.123',
    '%us{6}': '1700000000.123000',
    '%vctx_conn{k}': 'kv',
    '%vctx_mess{m}': 'mv',
    '%%': '%',
  };
  for (const [format, value] of Object.entries(values)) assert.equal(expand(format, failed), value, format);
  assert.deepEqual(compileFormat(Object.keys(values).join('@')).unknown, []);
  assert.equal(
    expand('%t@%i@R@%r@%R@%m@%M@%H@%B@%p@%g@%b', received),
    '1700000000@00/00-25004-31B987F3@R@bob@a.test@info@b.test@10.0.0.3@201@esmtp@group-a@binding-a',
  );
  assert.equal(expand('[%m]@[%M]@%n@%N@%T', delivered), '[]@[]@250 ok@1@0.39');
});

test('the documented rejection has what is known before a message is there, and zeros for its ids', () => {
  assert.equal(
    expand('%p @ %BI @ %A @ %U @ %n @ %h{Subject} @ %r @ %R @ %m @ %M @ %i @ %t @ %H @ %S @ %vctx_conn{k}', rejected),
    'unknown @ 00/00-00000-00000000 @  @ ann @ 550 relaying denied @  @  @  @  @  @ 00/00-00000-00000000 @ 1700000000 @ 10.79.11.157 @ 22 @ v\\n',
  );
});

test('A75 no value can break a line, whatever the format', () => {
  const nasty = { ...failed, recipient: 'a\r\nb@x\u2028y', reply: '550 \x1b[2J\n250 ok', binding: '\0' };
  assert.equal(expand('%r|%R|%n|%b', nasty), 'a\\r\\nb|x\\u{2028}y|550 \\x1b[2J\\n250 ok|\\x00');
});

test('a specifier that does not exist is printed as written and named', () => {
  assert.deepEqual(compileFormat('%t %mydate %q %T{x}').unknown, ['%q', '%T{x}']);
  assert.equal(expand('%q @R@ %R', failed), '%q @R@ a.test');
});

test('OUT-64: the macros of outbound_tls are specifiers where the namespace lists it, and say what is not known', () => {
  const names = [
    'outbound_tls',
    'outbound_tls_type',
    'outbound_tls_cipher',
    'outbound_tls_protocol',
    'outbound_tls_verified',
    'outbound_tls_subject',
  ];
  const format = `%r@%R%local_ip@${names.map((name) => `%${name}`).join('@')}`;
  assert.equal(compileFormat(format).unknown.length, 7);
  const compiled = compileFormat(format, { hasTlsMacros: true });
  assert.deepEqual([compiled.unknown, compiled.wants], [[], ['outbound_tls']]);
  const line = (r: MailRecord): string => compiled.line(r as PermanentRecord, ports);
  assert.equal(line(failed), `bob@a.test${(failed as { remoteIp: string }).remoteIp}@unknown@no@@@unverified@`);
  const facts = [
    'outbound_tls',
    'TLS',
    'outbound_tls_type',
    'required',
    'outbound_tls_protocol',
    'TLSv1.3',
    'outbound_tls_subject',
    'a\nb',
  ];
  assert.match(line({ ...failed, facts } as MailRecord), /@TLS@required@@TLSv1\.3@unverified@a\\nb$/);
});

test('sanitize does standard escapes, decimal codes and tr maps, in the order of the option, on %n and %h only', () => {
  const run = (option: string, text: string): string => parseSanitize(option).sanitize(text);
  assert.equal(run('special_characters,tr/ /_/', 'a b\n\\'), 'a_b\\n\\\\');
  assert.equal(run('non_printable', 'a\x07é'), 'a\\007\\233');
  assert.equal(run('tr/a-cx\\//A-C-_/', 'abcx/'), 'ABC-_');
  assert.deepEqual(parseSanitize('special,tr/a/').problems.length, 2);
  const line = compileFormat('%n %r').line(
    { ...failed, recipient: 'a b@x', reply: '550 a b' },
    { ...ports, sanitize: parseSanitize('tr/ /_/').sanitize },
  );
  assert.equal(line, '550_a_b a b');
});

function setUp(t: TestContext, options: Record<string, unknown>) {
  const dir = mkdtempSync(join(tmpdir(), 'custom-logger-'));
  const clock = new ManualClock(at);
  const timers = new TimerWheel({ clock });
  const placed = Object.fromEntries(Object.entries(options).map(([k, v]) => [k, typeof v === 'string' ? v.replace('{dir}', dir) : v]));
  const warnings: string[] = [];
  const writer = new Writer({
    clock,
    timers,
    fs: systemLogFs,
    loggers: (p) => [openCustomLogger({ instance: 'one', options: placed }, p)],
  });
  warnings.push(...writer.lastPanics().map(({ text }) => text));
  t.after(() => {
    writer.close();
    rmSync(dir, { recursive: true });
  });
  writer.record([received, delivered, { ...delivered, kind: 'X' }, { ...failed, kind: 'T' }, failed, rejected]);
  writer.panic({ at, level: 'ERROR', source: 'NET', isModule: false, text: 'trouble' });
  writer.ports.files.flush();
  const read = (name: string): string[] => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1);
  const mode = (name: string): number => statSync(join(dir, name)).mode & 0o777;
  return { read, mode, warnings };
}

test('each event goes to its own file and to mainlog, a format switches it on, and a switch without a format is told', (t) => {
  const { read, warnings } = setUp(t, {
    mainlog: '{dir}/main',
    receptionFormat: 'R %r',
    receptionLogfile: '{dir}/rec',
    deliveryFormat: 'D %r',
    xferFormat: 'X %r',
    transientFailureFormat: 'T %r',
    permanentFailureFormat: 'P %C',
    permanentFailureLogfile: '{dir}/perm',
    rejectionFormat: 'J %H',
    logRejections: false,
    logErrors: true,
    paniclog: '{dir}/panic',
    namespace: 'custom_logger,sieve,mymacros',
  });
  assert.deepEqual(read('main'), ['R bob', 'D bob', 'X bob', 'T bob', 'P 1']);
  assert.deepEqual(read('rec'), ['R bob']);
  assert.deepEqual(read('perm'), ['P 1']);
  assert.ok(read('panic').includes('1700000000:NET: trouble'));
  assert.deepEqual(warnings, ['custom_logger "one": namespace: nothing here brings macros of mymacros']);
  const off = setUp(t, { mainlog: '{dir}/m', logDeliveries: true });
  assert.deepEqual(off.warnings, ['custom_logger "one": delivery: it is switched on, but delivery_format is not set']);
});

test('an instance says what records must carry for it, and the manifest runs several in the writer', () => {
  assert.deepEqual(customFacts({ deliveryFormat: '%t %U %vctx_mess{a} %h{Sub}', receptionFormat: '%P' }).sort(), [
    'head:sub',
    'mess:a',
    'pathway',
    'user',
  ]);
  assert.deepEqual(customFacts({ enabled: false, deliveryFormat: '%U' }), []);
  assert.deepEqual([manifest.singleton, manifest.runs, manifest.provides], [false, 'writer', 'logger']);
  const working = manifest.options.filter(({ status }) => status === 'works').map(({ key }) => key);
  assert.equal(working.length, 30);
});

test('log_receptions, log_deliveries, log_transient_failures, log_permanent_failures and log_rejections = false each keep a formatted event out', (t) => {
  const formats = {
    receptionFormat: 'R',
    deliveryFormat: 'D',
    xferFormat: 'X',
    transientFailureFormat: 'T',
    permanentFailureFormat: 'P',
    rejectionFormat: 'J',
  };
  const switches = {
    R: { logReceptions: false },
    D: { logDeliveries: false },
    T: { logTransientFailures: false },
    P: { logPermanentFailures: false },
    J: { logRejections: false },
  };
  for (const [kind, off] of Object.entries(switches)) {
    const { read } = setUp(t, { mainlog: '{dir}/m', ...formats, ...off });
    assert.deepEqual(
      read('m'),
      ['R', 'D', 'X', 'T', 'P', 'J'].filter((one) => one !== kind),
    );
  }
});

test('each log has the permissions of its own mode option', (t) => {
  const { mode } = setUp(t, {
    mainlog: '{dir}/m',
    mainlogMode: 0o600,
    logErrors: true,
    paniclog: '{dir}/p',
    paniclogMode: 0o601,
    receptionFormat: 'R',
    receptionLogfile: '{dir}/1',
    receptionLogMode: 0o602,
    deliveryFormat: 'D',
    deliveryLogfile: '{dir}/2',
    deliveryLogMode: 0o604,
    xferFormat: 'X',
    xferLogfile: '{dir}/3',
    xferLogMode: 0o610,
    transientFailureFormat: 'T',
    transientFailureLogfile: '{dir}/4',
    transientFailureLogMode: 0o620,
    permanentFailureFormat: 'P',
    permanentFailureLogfile: '{dir}/5',
    permanentFailureLogMode: 0o640,
    rejectionFormat: 'J',
    rejectionLogfile: '{dir}/6',
    rejectionLogMode: 0o660,
  });
  assert.deepEqual(['m', 'p', '1', '2', '3', '4', '5', '6'].map(mode), [0o600, 0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o660]);
});
