/**
 * Every verdict of a policy in every phase, as the client hears it and as mail arrives or does not.
 *
 * The one rule: what the policy answers is named by what the client says (its address, its name, an address, a subject), so that one
 * running policy serves all tests.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rejectRecords } from '../kit/log-lines.ts';
import { mailOf, maildir } from '../kit/mailbox.ts';
import { until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const answers = ['none', 'accept', 'temp', 'perm', 'drop', 'close', 'bye', 'slow', 'throw', 'nonsense', 'later'] as const;

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" "rcptto.test" "list.test" "each.test" "bind.test" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
policy "verdicts" { file = "policy.ts" budget = 20000 timeout = 25 }
${maildir}`,
  files: {
    'policy.ts': `
import type { Answer, MailAnswer, Policy } from './policy-types.d.ts';

const answers: Record<string, unknown> = {
  accept: 'accept',
  temp: { reject: 451, text: '4.7.1 later' },
  perm: { reject: 550, text: '5.7.1 never' },
  drop: 'discard',
  close: 'disconnect',
  bye: { reject: 554, text: '5.7.0 bye', disconnect: true },
  slow: { tarpit: 0.2, answer: { reject: 450, text: '4.7.2 slowly' } },
  nonsense: { reject: 200, text: 'ok' },
};

function say<T>(word: string): T | Promise<T> {
  if (word === 'throw') throw new Error('as told');
  if (word === 'later') return new Promise((done) => setTimeout(() => done({ reject: 552, text: '5.3.4 at last' } as T), 5));
  return answers[word] as T;
}

const words = ${JSON.stringify(answers)};
const byAddress = (ip: string, place: string) => (ip.split('.')[2] === place ? words[Number(ip.split('.')[3]) - 1] : undefined) ?? 'none';
const bySubject = (subject: string | undefined, phase: string) => (subject?.startsWith(phase + ' ') ? subject.slice(phase.length + 1) : 'none');

export const accept: Policy['accept'] = (e) => say<Answer>(byAddress(e.connection.remoteIp, '1'));
export const connect: Policy['connect'] = (e) => say<Answer>(byAddress(e.connection.remoteIp, '2'));
export const ehlo: Policy['ehlo'] = (e) => say<Answer>(e.connection.helo.endsWith('.ehlo.test') ? e.connection.helo.split('.')[0]! : 'none');
export const mailfrom: Policy['mailfrom'] = (e) => say<MailAnswer>(e.sender.domain === 'mailfrom.test' ? e.sender.address.split('@')[0]! : 'none');
export const rcptto: Policy['rcptto'] = (e) => say<MailAnswer>(e.recipient.domain === 'rcptto.test' ? e.recipient.local : 'none');
export const rcptto_list: Policy['rcptto_list'] = (e) => say<MailAnswer>(e.recipients[0]?.endsWith('@list.test') ? e.recipients[0].split('@')[0]! : 'none');
export const data: Policy['data'] = (e) => say<MailAnswer>(bySubject(e.headers.get('Subject'), 'data'));
export const data_spool: Policy['data_spool'] = (e) => say<MailAnswer>(bySubject(e.headers.get('subject'), 'data_spool'));
export const data_spool_each_rcpt: Policy['data_spool_each_rcpt'] = (e) => say<MailAnswer>(e.recipient.domain === 'each.test' ? e.recipient.local : 'none');
export const set_binding: Policy['set_binding'] = (e) => say<Answer>(e.recipient.domain === 'bind.test' ? e.recipient.local : 'none');
`,
  },
});

type Word = (typeof answers)[number];

/** The code that a refusal has, undefined where the client hears what it would have heard without. */
const refusals: Partial<Record<Word, number>> = {
  temp: 451,
  perm: 550,
  close: 421,
  bye: 554,
  slow: 450,
  throw: 451,
  nonsense: 451,
  later: 552,
};

/** Says it all until the first refusal. */
async function dialogue(o: {
  from?: string;
  helo?: string;
  sender?: string;
  recipient?: string;
  subject?: string;
}): Promise<{ codes: string; isClosed: boolean }> {
  const client = await SmtpClient.open(shared.port(), o.from);
  const codes: string[] = [];
  const hear = (reply: string): boolean => {
    codes.push(reply.slice(0, 3));
    return /^[23]/.test(reply);
  };
  const lines = [
    `EHLO ${o.helo ?? 'client.test'}`,
    `MAIL FROM:<${o.sender ?? 'a@client.test'}>`,
    `RCPT TO:<${o.recipient ?? 'u@inbox.test'}>`,
    'DATA',
    `Subject: ${o.subject ?? 'x'}\r\n\r\nhello\r\n.`,
  ];
  let goes = hear(await client.reply());
  for (const line of lines) if (goes) goes = hear(await client.say(line));
  // Who was told to go is shown out; everybody else is still heard.
  const after = await client.say('NOOP');
  const isClosed = after === '';
  if (!isClosed) await client.quit();
  return { codes: codes.join(' '), isClosed };
}

const whole = ['220', '250', '250', '250', '354', '250'];

async function tryAll(
  phase: string,
  at: number,
  ask: (word: Word) => Parameters<typeof dialogue>[0],
  words: readonly Word[] = answers,
): Promise<void> {
  for (const word of words) {
    const { codes, isClosed } = await dialogue(ask(word));
    const refusal = refusals[word];
    const isOut = word === 'close' || word === 'bye' || (at === 0 && refusal !== undefined);
    assert.equal(codes, (refusal === undefined ? whole : [...whole.slice(0, at), String(refusal)]).join(' '), `${phase}: ${word}`);
    assert.equal(isClosed, isOut, `${phase}: ${word}`);
  }
}

const beforeMail = answers.filter((word) => word !== 'drop');

test('In accept and connect a policy refuses the connection itself, before the greeting (POL-01, POL-07, LSN-19)', async () => {
  for (const [phase, place] of [
    ['accept', 1],
    ['connect', 2],
  ] as const)
    await tryAll(phase, 0, (word) => ({ from: `127.0.${place}.${answers.indexOf(word) + 1}` }), beforeMail);
  // There is nothing to throw away before there is a sender: it is a mistake, and a mistake is no yes.
  assert.equal((await dialogue({ from: `127.0.2.${answers.indexOf('drop') + 1}` })).codes, '451');
});

test('In ehlo, mailfrom and rcptto each verdict is the reply to that command (POL-01, POL-02, POL-07, POL-22)', async () => {
  await tryAll('ehlo', 1, (word) => ({ helo: `${word}.ehlo.test` }), beforeMail);
  await tryAll('mailfrom', 2, (word) => ({ sender: `${word}@mailfrom.test` }));
  const before = mailOf(shared.server, 'u').length;
  assert.equal((await dialogue({ sender: 'drop@mailfrom.test' })).codes, whole.join(' '));
  assert.equal(mailOf(shared.server, 'u').length, before, 'accepted, and nothing kept');
  // The only recipient is dropped: the message still is a message.
  await tryAll('rcptto', 3, (word) => ({ recipient: `${word}@rcptto.test` }));
  assert.deepEqual([mailOf(shared.server, 'drop').length, mailOf(shared.server, 'accept').length], [0, 1]);
});

test('In rcptto_list each verdict is the reply to DATA (POL-01, POL-07)', async () => {
  await tryAll('rcptto_list', 4, (word) => ({ recipient: `${word}@list.test` }));
  assert.deepEqual([mailOf(shared.server, 'drop').length, mailOf(shared.server, 'accept').length], [0, 2]);
});

test('In the phases of the message each verdict is the reply to its final dot (POL-01, POL-07, POL-22)', async () => {
  for (const phase of ['data', 'data_spool']) {
    const before = mailOf(shared.server, 'u').length;
    await tryAll(phase, 5, (word) => ({ subject: `${phase} ${word}` }));
    assert.equal(mailOf(shared.server, 'u').length - before, 2, 'none and accept are kept, discard is not');
  }
  const none = mailOf(shared.server, 'none').length;
  await tryAll('data_spool_each_rcpt', 5, (word) => ({ recipient: `${word}@each.test` }));
  await tryAll('set_binding', 5, (word) => ({ recipient: `${word}@bind.test` }), beforeMail);
  assert.deepEqual([mailOf(shared.server, 'drop').length, mailOf(shared.server, 'none').length - none], [0, 2]);
});

test('A refusal stands in the reject log with the module, the code and the text of the policy (POL-23)', async () => {
  await dialogue({ recipient: 'perm@rcptto.test', helo: 'logged.test' });
  await until(
    () => rejectRecords(shared.server).some(({ connection }) => connection.get('ehlo_domain') === 'logged.test'),
    'the reject line',
  );
  const record = rejectRecords(shared.server).find(({ connection }) => connection.get('ehlo_domain') === 'logged.test');
  assert.deepEqual([record?.code, record?.module, record?.phase, record?.text], [550, 'policy', 'awaiting rcptto', '5.7.1 never']);
});
