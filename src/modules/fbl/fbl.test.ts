/*
 * fbl: the line of its log, its marks, and what becomes of reports, good and forged.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { ValidationContext, type HookView } from '#hooks';
import { formatTraceMark, HeaderBlock, parseTraceMark } from '#mail';
import type { FeedbackRecord, MailRecord } from '#observe';
import { FblModule, fblSettings } from './index.ts';
import { feedbackLine } from './logger.ts';
import { manifest } from './manifest.ts';

const tokenKey = 'a secret of this site';

function setUp(options: Record<string, unknown>) {
  const records: MailRecord[] = [];
  const logged: string[] = [];
  const log = { name: 'fbl', debugLevel: 'ERROR', wants: () => true, log: (_: string, text: string) => void logged.push(text) } as const;
  const settings = fblSettings({ options: { autoLog: true, addresses: ['^.*@fbl\\.here\\.test$'], ...options } });
  const module = new FblModule(settings, { clock: new ManualClock(1224699438_000), log, records: { record: (r) => void records.push(r) } });
  return { module, records, logged };
}

function view(message: string, o: { address?: string; recipients?: number } = {}): HookView {
  const address = o.address ?? 'yahoo@FBL.here.test';
  const connection = { id: 'c', remoteIp: '192.0.2.1', remotePort: 1, localIp: '', localPort: 25, protocol: 'esmtp', helo: 'x' };
  const recipient = { id: '18/00-02937-E2E6FF84', address, local: address.split('@')[0], domain: address.split('@')[1]?.toLowerCase() };
  return {
    phase: 'data_spool_each_rcpt',
    context: new ValidationContext(),
    connection,
    transaction: { sender: '', senderDomain: '', recipientCount: o.recipients ?? 1 },
    recipient,
    message: { batchId: 'batch', size: message.length, body: Buffer.from(message), top: () => undefined, edit: () => false },
  } as unknown as HookView;
}

function arf(value: string): string {
  return `Content-Type: multipart/report; boundary=B\r\n\r\n--B\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n--B\r\nContent-Type: message/rfc822\r\n\r\nX-MSFBL: ${value}\r\n\r\nx\r\n--B--\r\n`;
}

const mark = { local: 'someone', domain: 'test.com', binding: 'default', group: 'default', userString: 'true' };

test('BNC-13 LOG-01 a complaint is the line of the manual’s sample, and one line whatever a reporter sent (A75)', () => {
  const record: FeedbackRecord = {
    kind: 'F',
    at: 1224699438_900,
    messageId: '18/00-02937-E2E6FF84',
    recipientLocal: 'someone',
    recipientDomain: 'test.com',
    binding: 'default',
    bindingGroup: 'default',
    feedbackType: 'abuse',
    reportDomain: 'yahoo.com',
    userString: 'true',
  };
  assert.equal(feedbackLine(record), '1224699438@18/00-02937-E2E6FF84@F@someone@test.com@default@default@abuse@yahoo.com@true');
  const line = feedbackLine({ ...record, recipientLocal: '"a@b"', feedbackType: 'x\r\n1@2', userString: '@' });
  assert.equal(line.split(/(?<!\\)@/).length, 10);
  assert.doesNotMatch(line, /[\r\n]/);
});

test('BNC-13 a report to Addresses is logged by the mark that it brings back, and dropped or passed on as Message_Disposition says', () => {
  const { module, records } = setUp({ tokenKey });
  const hook = module.hooks.data_spool_each_rcpt!;
  const ask = (v: HookView) => hook(v, () => assert.fail());
  assert.deepEqual(ask(view(arf(formatTraceMark(mark, tokenKey)))), { kind: 'discard' });
  const [complaint, reject] = records;
  assert.ok(complaint?.kind === 'F' && reject?.kind === 'J');
  assert.equal(feedbackLine(complaint), '1224699438@18/00-02937-E2E6FF84@F@someone@test.com@default@default@abuse@fbl.here.test@true');
  assert.deepEqual([reject.code, reject.text], [550, '5.7.1 [internal] processed as FBL message, and disposition is blackhole']);
  assert.deepEqual(ask(view(arf(formatTraceMark(mark, tokenKey)), { address: 'a@here.test' })), { kind: 'continue' });
  assert.equal(records.length, 2);
  const passing = setUp({ messageDisposition: 'pass' });
  assert.deepEqual(
    passing.module.hooks.data_spool_each_rcpt!(view(arf(formatTraceMark(mark, undefined))), () => assert.fail()),
    { kind: 'continue' },
  );
  assert.deepEqual(
    passing.records.map(({ kind }) => kind),
    ['F'],
  );
});

test('A53 with Token_Key a forged report is refused, dropped beside other recipients, and never counted; one without a mark is not processed', () => {
  const { module, records, logged } = setUp({ tokenKey });
  const ask = (v: HookView) => module.hooks.data_spool_each_rcpt!(v, () => assert.fail());
  const forged = [formatTraceMark(mark, undefined), formatTraceMark(mark, 'somebody else’s key')];
  for (const value of forged) {
    const verdict = ask(view(arf(value)));
    assert.ok(verdict !== 'later' && verdict.kind === 'reject' && verdict.reply.code === 550);
    assert.deepEqual(ask(view(arf(value), { recipients: 2 })), { kind: 'discard' });
  }
  assert.deepEqual(ask(view('Subject: spam\r\n\r\nno report at all')), { kind: 'discard' });
  assert.equal(
    records.some(({ kind }) => kind === 'F'),
    false,
  );
  assert.match(logged.join('\n'), /forged X-MSFBL came from 192\.0\.2\.1[^]*no X-MSFBL that can be read/);
});

test('BNC-13 a mark names recipient, binding, group and user string; of several recipients it names none; Condition asks for it, Auto_Log is needed', () => {
  const { module } = setUp({ tokenKey, userString: 'c=%{vctx_mess:camp}/%{vctx_conn:none}', condition: 'wanted' });
  const context = new ValidationContext();
  context.setMessage('camp', 'may@1\r\nX-Evil: 1');
  const one = { local: 'u', domain: 'far.test', binding: 'b', bindingGroup: 'g' };
  const marked = (recipients: (typeof one)[], isOn: boolean, of = module) => {
    const field = of.mark({ batchId: 'x', sender: 's', context, recipients, localName: 'mx.test', top: Buffer.alloc(0) }, () => isOn);
    const value = HeaderBlock.parse(Buffer.from(field)).find('X-MSFBL');
    return value === undefined ? field : parseTraceMark(value, tokenKey);
  };
  const userString = 'c=may@1 X-Evil: 1/';
  const mine = { domain: 'far.test', binding: 'b', group: 'g', userString };
  assert.deepEqual(marked([one], true), { kind: 'mark', mark: { local: 'u', ...mine } });
  assert.deepEqual(marked([one, { ...one, local: 'v' }], true), { kind: 'mark', mark: { local: '', ...mine } });
  assert.deepEqual(marked([one, { ...one, domain: 'other.test' }], true), { kind: 'mark', mark: { ...mine, local: '', domain: '' } });
  assert.equal(marked([one], false), '');
  context.setMessage('wanted', '1');
  assert.deepEqual(marked([one], false), { kind: 'mark', mark: { local: 'u', ...mine } });
  assert.equal(marked([one], true, setUp({ autoLog: false }).module), '');
});

test('what a stanza says wrongly is refused with what would be right; every option works', () => {
  assert.throws(() => fblSettings({ options: { tokenKey: 'short' } }), /Token_Key: expected 16 characters or more/);
  assert.throws(() => fblSettings({ options: { headerName: 'a b' } }), /Header_Name: "a b" is no name/);
  assert.throws(() => setUp({ addresses: ['('] }), /Addresses: cannot compile/);
  assert.ok(manifest.options.every(({ status }) => status === 'works'));
  assert.equal(setUp({ addresses: [] }).module.hooks.data_spool_each_rcpt, undefined);
});
