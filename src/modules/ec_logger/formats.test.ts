/*
 * Golden lines of the three logs, and the law that every line can be read back.
 *
 * The readers below are what a user of the logs would write: split at '@' that is not escaped, undo the escapes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  contextPairs,
  type DeliveryRecord,
  type FlowRecord,
  type PanicLine,
  type ReceptionRecord,
  type RejectionRecord,
  type TransientRecord,
} from '#observe';
import { mainHeartbeat, mainLine, panicLine, rejectHeartbeat, rejectLine } from './formats.ts';

const ids = { batchId: '00/00-03736-F4101B54', connectionId: '00/00-04532-A3456B54' };
const route = { bindingGroup: 'group-a', binding: 'binding-a', remoteIp: '10.0.0.1' };
type MainRecord = FlowRecord;

const reception: ReceptionRecord = {
  kind: 'R',
  at: 1064868656_789,
  messageId: '00/00-25004-31B987F3',
  ...ids,
  recipientLocal: 'bob',
  recipientDomain: 'example.fict',
  senderLocal: 'info',
  senderDomain: 'postalengine.com',
  remoteIp: '10.0.1.1',
  size: 201,
  protocol: 'esmtp',
  bindingGroup: 'default',
  binding: 'default',
  facts: [],
};

const delivery: DeliveryRecord = {
  kind: 'D',
  at: 1064871280_000,
  messageId: '20/00-25593-945A87F3',
  ...ids,
  domain: 'postalengine.com',
  size: 266,
  ...route,
  retries: 0,
  elapsedMs: 393,
  reply: '250 ok',
  sender: 'info@postalengine.com',
  recipient: 'bob@example.fict',
  messageSize: 300,
  facts: [],
};

const transient: TransientRecord = {
  kind: 'T',
  at: 1064869327_000,
  messageId: '00/00-25593-CBD987F3',
  ...ids,
  domain: 'example.fict',
  size: 0,
  ...route,
  stage: 15,
  retries: 0,
  elapsedMs: 18_530,
  reply: '421 no adequate servers',
  isBounce: true,
  sender: 'info@postalengine.com',
  recipient: 'bob@example.fict',
  messageSize: 300,
  facts: [],
};

const rejection: RejectionRecord = {
  kind: 'J',
  at: 1236672125_001,
  remoteIp: '10.79.25.142',
  remotePort: 42601,
  localIp: '10.79.25.142',
  localPort: 25,
  connectionId: '18/00-07149-D7E16B94',
  pathway: 'default',
  pathwayGroup: 'default',
  phase: 'awaiting mailfrom',
  code: 550,
  module: 'scriptlet',
  contextConnection: ['pathway', 'default', 'ehlo_string', 'EHLO rh52-node1', 'ehlo_domain', 'rh52-node1'],
  contextMessage: ['mailfrom_domain', '', 'mailfrom_string', 'MAIL FROM:<>', 'mailfrom_localpart', ''],
  text: 'relaying denied',
};

/** The fields of a line, unescaped. */
function readFields(line: string): string[] {
  const fields = [''];
  for (const part of line.match(/\\(?:x[0-9a-f]{2}|u\{[0-9a-f]+\}|.)|@|[^@\\]+/gsu) ?? []) {
    if (part === '@') fields.push('');
    else fields[fields.length - 1] += part.startsWith('\\') ? unescape(part) : part;
  }
  return fields;
}

function unescape(part: string): string {
  const code = /^\\(?:x|u\{)([0-9a-f]+)/.exec(part)?.[1];
  if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
  return { '\\n': '\n', '\\r': '\r', '\\t': '\t' }[part] ?? part.slice(1);
}

/** What a file holds after the line was written as UTF-8 and read again. */
const throughFile = (line: string): string => Buffer.from(line, 'utf8').toString('utf8');

test('LOG-10 LOG-02 reception, delivery, transient and permanent failure look exactly as in the manual', () => {
  assert.equal(
    mainLine(reception),
    '1064868656@00/00-25004-31B987F3@00/00-03736-F4101B54@00/00-04532-A3456B54@R@bob@example.fict@info@postalengine.com@10.0.1.1@201@esmtp@default@default',
  );
  assert.equal(
    mainLine(delivery),
    '1064871280@20/00-25593-945A87F3@00/00-03736-F4101B54@00/00-04532-A3456B54@D@postalengine.com@266@group-a@binding-a@0@0.393@10.0.0.1',
  );
  assert.equal(
    mainLine(transient),
    '1064869327@00/00-25593-CBD987F3@00/00-03736-F4101B54@00/00-04532-A3456B54@T@example.fict@0@group-a@binding-a@15@0@18.53@10.0.0.1@421 no adequate servers',
  );
  assert.equal(
    mainLine({
      ...transient,
      kind: 'P',
      at: 1064870847_000,
      messageId: '10/00-25593-393A87F3',
      domain: 'postalengine.com',
      size: 31,
      stage: 5,
      retries: 1,
      elapsedMs: 3_890,
      reply: '552 No such account',
    }),
    '1064870847@10/00-25593-393A87F3@00/00-03736-F4101B54@00/00-04532-A3456B54@P@postalengine.com@31@group-a@binding-a@5@1@3.89@10.0.0.1@552 No such account',
  );
});

test('LOG-25 a million messages, received and delivered, are below 300 MB', () => {
  assert.ok(Buffer.byteLength(`${mainLine(reception)}\n${mainLine(delivery)}\n`) < 300);
});

test('LOG-10 LOG-12 a transfer to another node is an X line with the fields of a delivery, and the null sender has two empty fields', () => {
  assert.equal(readFields(mainLine({ ...delivery, kind: 'X' }))[4], 'X');
  assert.deepEqual(readFields(mainLine({ ...reception, senderLocal: '', senderDomain: '' })).slice(7, 9), ['', '']);
});

test('LOG-11 the markers of mainlog and rejectlog look as in the manual', () => {
  assert.equal(mainHeartbeat(1251470342_999), '1251470342@@@@M1');
  assert.equal(rejectHeartbeat(1252064908_000), '1252064908: Marker 1');
  assert.deepEqual(readFields(mainHeartbeat(0)), ['0', '', '', '', 'M1']);
});

test('LOG-10 a rejection looks exactly as in the manual: values with blanks or specials are quoted, others are not', () => {
  assert.equal(
    rejectLine(rejection),
    '1236672125: R="10.79.25.142:42601" L="10.79.25.142:25" C="18/00-07149-D7E16B94" PATH="default" PATH_GRP="default" P="awaiting mailfrom" E=550 M=scriptlet ' +
      'CTXCONN=[pathway=default,ehlo_string="EHLO rh52-node1",ehlo_domain=rh52-node1] CTXMESS=[mailfrom_domain=,mailfrom_string="MAIL FROM:<>",mailfrom_localpart=] relaying denied',
  );
  assert.match(rejectLine({ ...rejection, remoteIp: '2001:db8::1', remotePort: 1 }), / R="\[2001:db8::1\]:1" /);
});

test('LOG-20 a paniclog line is time, module and text', () => {
  const line: PanicLine = {
    at: 1251200446_000,
    level: 'ERROR',
    source: 'scriptlet',
    isModule: true,
    text: 'Confirming entry in panic log.',
  };
  assert.equal(panicLine(line), '1251200446:scriptlet: Confirming entry in panic log.');
});

test('LOG-01 A75 a quoted local part with "@" and a backslash in a field get a backslash, and read back', () => {
  const line = mainLine({ ...reception, recipientLocal: '"a@b"', senderLocal: 'back\\slash' });
  assert.match(line, /@R@"a\\@b"@example\.fict@back\\\\slash@/);
  assert.deepEqual(readFields(line).slice(5, 9), ['"a@b"', 'example.fict', 'back\\slash', 'postalengine.com']);
});

const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      '@',
      '\\',
      '\n',
      '\r',
      '\u001b',
      '"',
      '\0',
      '\u007f',
      '\u0085',
      '\u009b',
      '\u2028',
      '\u202e',
      '\ud800',
      '\udfff',
      '😀',
      'x',
      '{',
    ),
  }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.constantFrom('\\x41', '\\u{41}', '\\', '\\@', '__proto__'),
);

const mainRecord: fc.Arbitrary<MainRecord> = fc
  .record({
    kind: fc.constantFrom('R', 'D', 'X', 'T', 'P'),
    texts: fc.array(nasty, { minLength: 9, maxLength: 9 }),
    n: fc.nat(),
    ms: fc.nat(),
  })
  .map(({ kind, texts, n, ms }): MainRecord => {
    const [messageId, batchId, connectionId, a, b, c, d, e, f] = texts as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const head = { at: ms * 1000, messageId, batchId, connectionId };
    if (kind === 'R') {
      const people = { recipientLocal: a, recipientDomain: b, senderLocal: c, senderDomain: d };
      return { kind, ...head, ...people, remoteIp: e, size: n, protocol: 'esmtp', bindingGroup: f, binding: a, facts: [] };
    }
    const rest = {
      domain: a,
      size: n,
      bindingGroup: b,
      binding: c,
      retries: 3,
      elapsedMs: ms,
      remoteIp: d,
      reply: e,
      sender: e,
      recipient: f,
      messageSize: n,
      facts: [],
    };
    return kind === 'D' || kind === 'X'
      ? { kind, ...head, ...rest }
      : { kind: kind as 'T' | 'P', ...head, ...rest, stage: 7, isBounce: true };
  });

/** The values of a record in the order of the manual's table. */
function valuesOf(r: MainRecord): string[] {
  const head = [String(r.at / 1000), r.messageId, r.batchId, r.connectionId, r.kind];
  if (r.kind === 'R') {
    return [
      ...head,
      r.recipientLocal,
      r.recipientDomain,
      r.senderLocal,
      r.senderDomain,
      r.remoteIp,
      String(r.size),
      r.protocol,
      r.bindingGroup,
      r.binding,
    ];
  }
  const path = [...head, r.domain, String(r.size), r.bindingGroup, r.binding];
  if (!('stage' in r)) return [...path, String(r.retries), String(r.elapsedMs / 1000), r.remoteIp];
  return [...path, String(r.stage), String(r.retries), String(r.elapsedMs / 1000), r.remoteIp, r.reply];
}

test('A75 LOG-01 whatever bytes a peer sent, a mainlog record is one line of safe text and reads back field by field', () => {
  fc.assert(
    fc.property(mainRecord, (record) => {
      const line = throughFile(mainLine(record));
      assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffd]/u);
      assert.deepEqual(readFields(line), valuesOf(record));
    }),
    { numRuns: 500 },
  );
});

/** Reads a rejectlog line as its grammar says. */
function readReject(line: string): { fixed: string[]; connection: string[]; message: string[]; text: string } {
  const quoted = '"((?:[^"\\\\]|\\\\.)*)"';
  const word = `(?:${quoted}|([^\\s"\\[\\],=]*))`;
  const list = `\\[((?:"(?:[^"\\\\]|\\\\.)*"|[^"\\]])*)\\]`;
  const pattern = new RegExp(
    `^(\\d+): R=${quoted} L=${quoted} C=${quoted} PATH=${quoted} PATH_GRP=${quoted} P=${quoted} E=(\\d+) M=${word} CTXCONN=${list} CTXMESS=${list} (.*)$`,
    'su',
  );
  const m = pattern.exec(line);
  assert.ok(m !== null, `cannot be read: ${line}`);
  const undo = (escaped: string): string => escaped.replace(/\\(?:x[0-9a-f]{2}|u\{[0-9a-f]+\}|.)/gsu, unescape);
  const words = (escaped: string): string[] =>
    [...escaped.matchAll(new RegExp(`${word}=${word}(?:,|$)`, 'gsu'))].flatMap((w) => [undo(w[1] ?? w[2] ?? ''), undo(w[3] ?? w[4] ?? '')]);
  const fixed = [...m.slice(1, 9).map((f) => undo(f as string)), undo(m[9] ?? m[10] ?? '')];
  return { fixed, connection: words(m[11] as string), message: words(m[12] as string), text: undo(m[13] as string) };
}

test('A75 whatever bytes a peer sent, a rejectlog record is one line of safe text and reads back value by value', () => {
  const context = fc.array(fc.tuple(nasty, nasty), { maxLength: 5 }).map((list) => contextPairs(new Map(list)));
  fc.assert(
    fc.property(fc.array(nasty, { minLength: 6, maxLength: 6 }), context, context, (texts, connection, message) => {
      const [connectionId, pathway, pathwayGroup, phase, module, text] = texts as [string, string, string, string, string, string];
      const record = {
        ...rejection,
        connectionId,
        pathway,
        pathwayGroup,
        phase,
        module,
        text,
        contextConnection: connection,
        contextMessage: message,
      };
      const line = throughFile(rejectLine(record));
      assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffd]/u);
      const read = readReject(line);
      assert.deepEqual(read.fixed.slice(3), [connectionId, pathway, pathwayGroup, phase, '550', module]);
      assert.deepEqual([read.connection, read.message, read.text], [connection, message, text]);
    }),
    { numRuns: 500 },
  );
});

test('A75 a paniclog line with line breaks and escape sequences stays one line', () => {
  const line = panicLine({ at: 0, level: 'ERROR', source: 'NET', isModule: false, text: 'bad\r\n1:forged: line\u001b[2J' });
  assert.equal(line, '0:NET: bad\\r\\n1:forged: line\\x1b[2J');
});
