/**
 * Tests of BodyPolicy, HeaderWatch, LineFolder and NewlineFixer together: what is refused, repaired, folded and completed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyPolicy, DEFAULT_BODY_RULES, lineRules } from './body-policy.ts';
import type { BodyFacts } from './body-policy.ts';
import type { BodyRules } from './header-watch.ts';
import { replies } from './replies.ts';

interface Outcome {
  out: string;
  fault: string | undefined;
  facts: BodyFacts;
}

const ADD_BOTH = ({ date, messageId }: { date: boolean; messageId: boolean }): Buffer =>
  Buffer.from(`${date ? 'Date: now\r\n' : ''}${messageId ? 'Message-ID: <m>\r\n' : ''}`);
/** No headers added: for tests of other things. */
const PLAIN: BodyRules = { ...DEFAULT_BODY_RULES, dateHeader: 'ignore', messageIdHeader: 'ignore' };

function run(message: string | Buffer, rules: BodyRules = DEFAULT_BODY_RULES, cuts: readonly number[] = []): Outcome {
  const wire = typeof message === 'string' ? Buffer.from(message, 'latin1') : message;
  const out: Buffer[] = [];
  const policy = new BodyPolicy((chunk) => out.push(Buffer.from(chunk)), ADD_BOTH);
  policy.begin(rules);
  const places = [...cuts].sort((a, b) => a - b);
  for (const [index, place] of [0, ...places].entries()) policy.push(wire.subarray(place, places[index] ?? wire.length));
  const fault = policy.end();
  return { out: Buffer.concat(out).toString('latin1'), fault: fault === undefined ? undefined : String(fault.text), facts: policy.facts };
}

const GOOD = 'Date: x\r\nMessage-ID: <y>\r\nSubject: s\r\n\tfolded\r\n\r\nbody\r\n';

test('SMTP-14: a good message passes unchanged, uncopied, with its facts', () => {
  const found = run(GOOD);
  assert.equal(found.fault, undefined);
  assert.equal(found.out, GOOD);
  assert.deepEqual(found.facts, {
    headers: 3,
    received: 0,
    hasDate: true,
    hasMessageId: true,
    size: GOOD.length,
    eightBit: false,
    nul: false,
  });
  const slices: Buffer[] = [];
  const wire = Buffer.from(GOOD);
  const policy = new BodyPolicy((chunk) => slices.push(chunk), ADD_BOTH);
  policy.begin(DEFAULT_BODY_RULES);
  policy.push(wire);
  policy.end();
  assert.ok(slices.some((slice) => slice.buffer === wire.buffer && slice.toString() === 'body\r\n'));
});

test('SMTP-14: rfc2822_date_header and rfc2822_messageid_header add, refuse or ignore what is missing', () => {
  const bare = 'Subject: s\r\n\r\nb\r\n';
  assert.equal(run(bare).out, 'Subject: s\r\nDate: now\r\nMessage-ID: <m>\r\n\r\nb\r\n');
  assert.equal(run('dAtE : x\r\n\r\nb\r\n').out, 'dAtE : x\r\nMessage-ID: <m>\r\n\r\nb\r\n');
  assert.equal(run(bare, { ...DEFAULT_BODY_RULES, dateHeader: 'pedantic' }).fault, replies.dateMissing.text);
  assert.equal(run(bare, PLAIN).out, bare);
});

test('SMTP-16: an old Return-Path is left out with its folds when trace headers are on, else kept', () => {
  const message = 'Return-Path: <a@b>\r\n (folded)\r\nSubject: s\r\nRETURN-path:\r\n\t<c@d>\r\nTo: t\r\n\r\nReturn-Path: body\r\n';
  assert.equal(run(message, PLAIN).out, 'Subject: s\r\nTo: t\r\n\r\nReturn-Path: body\r\n');
  assert.equal(run(message, { ...PLAIN, dropReturnPath: false }).out, message);
});

test('SMTP-14 A16: a message without a header block is refused, or accepted as header-less with an empty block in front', () => {
  const allow: BodyRules = { ...DEFAULT_BODY_RULES, missingHeaders: 'allow' };
  for (const message of [
    '',
    'hello\r\n',
    '\r\nhello\r\n',
    'From me Mon Jan 1 00:00:00\r\nSubject: s\r\n\r\nb\r\n',
    '>From x: y\r\n',
    `From ${'x'.repeat(1_000_000)}\r\n\r\nb`,
    ': x\r\n\r\n',
  ]) {
    assert.equal(run(message).fault, replies.headersMissing.text, message.slice(0, 20));
    assert.equal(run(message, allow).fault, undefined);
  }
  const added = 'Date: now\r\nMessage-ID: <m>\r\n';
  assert.equal(run('hello\r\n', allow).out, `${added}\r\nhello\r\n`);
  assert.equal(run('\r\nhello\r\n', allow).out, `${added}\r\nhello\r\n`);
  assert.equal(run('', allow).out, added);
  assert.equal(run('Subject: s\r\nno header\r\n', allow).out, `Subject: s\r\n${added}\r\nno header\r\n`);
});

test('A16: headers without a blank line are a message without a body', () => {
  const found = run('Subject: s\r\nTo: t\r\n');
  assert.equal(found.fault, undefined);
  assert.equal(found.out, 'Subject: s\r\nTo: t\r\nDate: now\r\nMessage-ID: <m>\r\n');
});

test('SMTP-04 A47: invalid headers, a blank in front of the first one, and one that is cut off are refused', () => {
  assert.equal(run('Subject: s\r\nno header\r\n\r\nb').fault, replies.headerInvalid.text);
  assert.equal(run(' leading: x\r\nSubject: s\r\n\r\nb').fault, replies.headerInvalid.text);
  assert.equal(run('Sub\0ject: s\r\n\r\nb').fault, replies.headersMissing.text);
  assert.equal(run('A: b\r\nn\xe4me: s\r\n\r\nb').fault, replies.headerInvalid.text);
  assert.equal(run('A: b\r\nSubject: s').fault, replies.headerNotTerminated.text);
  assert.equal(run(`A: b\r\nSubject: ${'s'.repeat(5000)}`).fault, replies.headerNotTerminated.text);
});

test('A47: names of 998 and of far more characters, and names of prototypes', () => {
  assert.equal(run(`${'n'.repeat(998)}: v\r\n\r\n`).fault, undefined);
  assert.equal(run(`A: b\r\n${'n'.repeat(100_000)}: v\r\n\r\n`).fault, replies.headerInvalid.text);
  assert.equal(run('__proto__: v\r\nconstructor: w\r\n\r\n', PLAIN).out, '__proto__: v\r\nconstructor: w\r\n\r\n');
});

test('A47: 100,000 headers and one of 1 MB pass in flat memory, each output no larger than its input', () => {
  const many = `${'X-Header: value\r\n'.repeat(100_000)}\r\nbody\r\n`;
  assert.equal(run(many, PLAIN).out, many);
  assert.equal(run(many, PLAIN).facts.headers, 100_000);
  let largest = 0;
  let total = 0;
  const policy = new BodyPolicy((chunk) => {
    largest = Math.max(largest, chunk.length);
    total += chunk.length;
  }, ADD_BOTH);
  policy.begin(PLAIN);
  policy.push(Buffer.from('X-Long: '));
  for (let i = 0; i < 64; i++) policy.push(Buffer.alloc(16_384, 'v'));
  policy.push(Buffer.from('\r\n\r\nbody\r\n'));
  assert.equal(policy.end(), undefined);
  assert.equal(total, 8 + 64 * 16_384 + 10);
  assert.ok(largest <= 16_384 + 1100, `${largest}`);
});

test('SMTP-14: lone CR or LF in headers is refused, or with fix becomes CRLF', () => {
  const fix: BodyRules = { ...PLAIN, loneInHeaders: 'fix' };
  for (const message of [
    'A: b\nC: d\r\n\r\nx\ny\r\n',
    'A: b\rC: d\r\n\r\nx\ny\r\n',
    'A: b\r\nC: d\n\nx\ny\r\n',
    'A: b\r\r\nC: d\r\n\r\nx\ny\r\n',
  ]) {
    assert.equal(run(message).fault, replies.loneInHeaders.text, JSON.stringify(message));
    assert.equal(run(message, fix).out, 'A: b\r\nC: d\r\n\r\nx\ny\r\n', JSON.stringify(message));
  }
  assert.equal(run('A: b\r\rbody\r\n', fix).out, 'A: b\r\n\r\nbody\r\n');
});

test('SMTP-14: lone CR or LF in the body is kept, refused or fixed, by rfc2822_lone_lf_in_body', () => {
  for (const text of ['a\nb\r\n', 'a\rb\r\n', 'a\r\r\nb\r\n', '\nb\r\n', 'b\r']) {
    const message = `A: b\r\n\r\n${text}`;
    assert.equal(run(message, PLAIN).out, message);
    assert.equal(run(message, { ...PLAIN, loneInBody: 'pedantic' }).fault, replies.loneInBody.text, JSON.stringify(text));
    const fixed = run(message, { ...PLAIN, loneInBody: 'fix' }).out;
    assert.doesNotMatch(fixed, /\r(?!\n)|(?<!\r)\n/);
  }
  const fix = run('A: b\r\n\r\na\nb\rc\r\r\nd\r\n', { ...PLAIN, loneInBody: 'fix' });
  assert.equal(fix.out, 'A: b\r\n\r\na\r\nb\r\nc\r\nd\r\n');
});

test('SMTP-14 A15: lines of 998, 999, 1000 and a million octets against the three policies', () => {
  const reject = { ...PLAIN, ...lineRules('pedantic', undefined) };
  const fold = { ...PLAIN, ...lineRules('fix', undefined) };
  for (const length of [997, 998, 999, 1000, 1_000_000]) {
    const body = `A: b\r\n\r\n${'x'.repeat(length)}\r\nlast\r\n`;
    const header = `A: ${'x'.repeat(length - 3)}\r\n\r\nb\r\n`;
    assert.equal(run(body, PLAIN).out, body);
    assert.equal(run(body, reject).fault, length > 998 ? replies.bodyLineTooLong.text : undefined, `${length}`);
    assert.equal(run(header, reject).fault, length > 998 ? replies.headerLineTooLong.text : undefined, `${length}`);
    for (const message of [body, header]) {
      const folded = run(message, fold).out;
      assert.ok(
        folded.split('\r\n').every((line) => line.length <= 998),
        `${length}`,
      );
      assert.ok(folded.replaceAll(/[\r\n ]/g, '') === message.replaceAll(/[\r\n ]/g, ''), `${length}: nothing is lost`);
    }
  }
});

test('A15: folding never makes a line of one dot, tears a UTF-8 character, or leaves a header its block', () => {
  const fold = { ...PLAIN, ...lineRules('fix', undefined) };
  for (let shift = 0; shift < 6; shift++) {
    const lines = run(`A: b\r\n\r\n${'x'.repeat(995 + shift)}.\r\ny\r\n`, fold).out.split('\r\n');
    assert.ok(!lines.includes('.'), `shift ${shift}`);
    const bytes = Buffer.from(`A: b\r\n\r\n${'x'.repeat(995 + shift)}€€\r\n`);
    for (const line of run(bytes, fold).out.split('\r\n')) new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(line, 'latin1'));
  }
  const header = run(`A: ${'word '.repeat(1000)}\r\nB: ${'y'.repeat(3000)}\r\n\r\nbody\r\n`, fold);
  const block = header.out.slice(0, header.out.indexOf('\r\n\r\n')).split('\r\n');
  assert.ok(block.every((line) => /^(?:[AB]:| )/.test(line)));
  assert.equal(block.filter((line) => !line.startsWith(' ')).length, 2);
});

test('SMTP-14: a numeric rfc2822_max_line_length acts only through its policy', () => {
  assert.deepEqual(lineRules(2048, 'none'), { lineMax: 0, longHeaderLine: 'ignore', longBodyLine: 'ignore' });
  assert.deepEqual(lineRules('2048', 'reject'), { lineMax: 2048, longHeaderLine: 'reject', longBodyLine: 'reject' });
  assert.deepEqual(lineRules(2048, 'fix'), { lineMax: 2048, longHeaderLine: 'ignore', longBodyLine: 'fold' });
  assert.deepEqual(lineRules('ignore', 'reject'), { lineMax: 998, longHeaderLine: 'reject', longBodyLine: 'reject' });
  assert.deepEqual(lineRules(undefined, undefined), { lineMax: 0, longHeaderLine: 'ignore', longBodyLine: 'ignore' });
});

test('A16: the size limit counts every octet and stops what comes out', () => {
  const limited = { ...PLAIN, sizeMax: GOOD.length };
  assert.equal(run(GOOD, limited).fault, undefined);
  const over = run(`${GOOD}x`, limited, [GOOD.length]);
  assert.equal(over.fault, replies.messageTooLarge.text);
  assert.equal(over.facts.size, GOOD.length + 1);
});

test('facts tell of 8-bit and NUL octets and count Received headers', () => {
  const facts = run('Received: a\r\nReceived: b\r\nreceived: c\r\n\r\n\xe4\0\r\n', PLAIN).facts;
  assert.deepEqual([facts.received, facts.eightBit, facts.nul], [3, true, true]);
});

const RULES: readonly BodyRules[] = [
  DEFAULT_BODY_RULES,
  { ...DEFAULT_BODY_RULES, loneInBody: 'pedantic' },
  { ...DEFAULT_BODY_RULES, loneInHeaders: 'fix', loneInBody: 'fix' },
  { ...DEFAULT_BODY_RULES, missingHeaders: 'allow', loneInHeaders: 'fix' },
  {
    ...DEFAULT_BODY_RULES,
    missingHeaders: 'allow',
    lineMax: 72,
    longHeaderLine: 'fold',
    longBodyLine: 'fold',
    loneInBody: 'fix',
    loneInHeaders: 'fix',
  },
  { ...DEFAULT_BODY_RULES, lineMax: 8, longHeaderLine: 'reject', longBodyLine: 'reject' },
  { ...PLAIN, lineMax: 10, longBodyLine: 'reject', loneInBody: 'pedantic', sizeMax: 300 },
  { ...PLAIN, dropResultsOf: 'a.test' },
];

test('A12 A15 A47: for every set of rules the outcome does not depend on how the message was split', () => {
  const piece = fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    '\r\n',
    '\r\n',
    'A: b',
    'Return-Path: x',
    'Authentication-Results: a.test; x',
    'Date: y',
    ' ',
    '.',
    '\0',
    '\xe2\x82\xac',
    'x'.repeat(40),
    '\r\n\r\n',
    'n'.repeat(1030),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...RULES),
      fc.array(piece, { maxLength: 25 }),
      fc.array(fc.nat(1200), { maxLength: 8 }),
      (rules, pieces, cuts) => {
        const message = `A: b\r\n${pieces.join('')}`;
        const whole = run(message, rules);
        const split = run(
          message,
          rules,
          cuts.filter((cut) => cut <= message.length),
        );
        assert.equal(split.fault, whole.fault);
        if (whole.fault === undefined) assert.deepEqual(split, whole);
      },
    ),
    { numRuns: 3000 },
  );
});

test('A48: MIME of any shape is only octets here: nested 10,000 deep, prefix boundaries, empty parts, broken encodings', () => {
  const nested = Array.from(
    { length: 10_000 },
    (_, depth) => `--b${depth}\r\nContent-Type: multipart/mixed; boundary=b${depth + 1}\r\n\r\n`,
  ).join('');
  const shapes = [
    nested,
    '--b\r\n--bb\r\n--b--\r\n--bb--\r\n',
    `--b\r\n${'\r\n'.repeat(5000)}--b--\r\n`,
    '--b--\r\n',
    '--b\r\nContent-Type: text/plain; name*0*=x; name*0=y; name*99999999999=z\r\n\r\n=G1=\r\n=\r\n',
    '--b\r\nContent-Transfer-Encoding: base64\r\n\r\n====A*\r\n--b--\r\n',
  ];
  for (const shape of shapes) {
    const message = `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${shape}`;
    const found = run(message, PLAIN, [100, 101, 5000]);
    assert.equal(found.fault, undefined);
    assert.ok(found.out === message);
  }
});

test('A55 Authentication-Results fields that bear our own name are left out, in every spelling; those of others stay (RFC 8601 section 5)', () => {
  const rules = { ...PLAIN, dropResultsOf: 'mx.here.test' };
  for (const forged of [
    'Authentication-Results: mx.here.test; dkim=pass',
    'authentication-RESULTS:MX.Here.Test;dkim=pass',
    'Authentication-Results \t:  mx.here.test 1; dkim=pass',
    'Authentication-Results: "mx.here.test"; dkim=pass',
    'Authentication-Results: "mx\\.here.test"; dkim=pass',
    'Authentication-Results: mx.here.test\r\n\t; dkim=pass',
    'Authentication-Results:\r\n mx.here.test; dkim=pass',
    'Authentication-Results: (x) mx.here.test; dkim=pass',
    'Authentication-Results: mx.here.test(x); dkim=pass',
  ]) {
    assert.equal(run(`A: b\r\n${forged}\r\nC: d\r\n\r\nx\r\n`, rules).out, 'A: b\r\nC: d\r\n\r\nx\r\n', forged);
    assert.ok(run(`A: b\r\n${forged}\r\n\r\nx\r\n`, PLAIN).out.includes('dkim=pass'), 'without the rule it stays');
  }
  const kept =
    'Authentication-Results: mx.here.test.evil.test; dkim=pass\r\nAuthentication-Results: other.test;\r\n\tspf=pass (mx.here.test; x)\r\n' +
    'Authentication-Resultz: mx.here.test; x\r\nX: mx.here.test\r\n\r\nx\r\n';
  assert.equal(run(kept, rules).out, kept);
});
