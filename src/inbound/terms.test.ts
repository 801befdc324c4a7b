/** FUTURERELEASE, DELIVERBY, MT-PRIORITY, REQUIRETLS, LIMITS and BINARYMIME on a session: who is offered what, and what is kept of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, World } from '../../test/kit/inbound.ts';

const body = 'From: a@a.test\r\nDate: Mon, 1 Jan 2029 00:00:00 +0000\r\n\r\nhello\r\n';

function world(...smtpExtensions: string[]): World {
  return new World({ options: { relayDomains: ['here.test'], relayHosts: ['192.0.2.9'], smtpExtensions } });
}

/** The envelope of one message that was sent with these parameters. */
async function envelopeOf(w: World, words: string, from?: string) {
  const client = await w.connect(from);
  client.lines('EHLO c.test');
  assert.equal(codes(client.lines(`MAIL FROM:<a@a.test> ${words}`, 'RCPT TO:<b@here.test>', 'DATA')), '250 250 354', words);
  client.say(`${body}.\r\n`);
  return w.spool.stored.at(-1)?.envelope;
}

async function answer(w: World, words: string): Promise<string> {
  const client = await w.connect();
  client.lines('EHLO c.test');
  return client.lines(`MAIL FROM:<a@a.test> ${words}`).slice(0, 3);
}

test('what promises something for later is announced only where it is listed, with its bounds (EXT-01)', async () => {
  const w = world('ENHANCEDSTATUSCODES', 'FUTURERELEASE 3600', 'DELIVERBY 30', 'MT-PRIORITY', 'LIMITS', 'BINARYMIME', 'REQUIRETLS');
  w.options = { ...w.options, maxReceptionsPerConnection: 7, maxRecipientsPerMessage: 20 };
  w.clock.set(Date.UTC(2030, 0, 1));
  const said = (await w.connect()).lines('EHLO c.test');
  assert.match(said, /250 FUTURERELEASE 3600 2030-01-01T01:00:00Z\r\n/);
  assert.match(said, /250-DELIVERBY 30\r\n250-MT-PRIORITY\r\n250-LIMITS MAILMAX=7 RCPTMAX=20\r\n/);
  assert.match(said, /250-CHUNKING\r\n250-BINARYMIME\r\n/);
  assert.doesNotMatch(said, /REQUIRETLS/, 'not in clear');
  const plain = (await world().connect()).lines('EHLO c.test');
  assert.doesNotMatch(plain, /FUTURE|DELIVERBY|PRIORITY|LIMITS|BINARY/);
});

test('a parameter that no listener offers is 555, one that is offered to others is 550 5.7.1 (EXT-01)', async () => {
  const w = world('ENHANCEDSTATUSCODES');
  for (const words of ['HOLDFOR=5', 'BY=50;R', 'MT-PRIORITY=1', 'REQUIRETLS']) assert.equal(await answer(w, words), '555', words);
  w.elsewhere = ['FUTURERELEASE'];
  const client = await w.connect();
  client.lines('EHLO c.test');
  assert.match(client.lines('MAIL FROM:<a@a.test> HOLDFOR=5'), /^550 5\.7\.1 /);
  assert.equal(w.records.at(-1)?.kind, 'J');
  assert.equal(await answer(w, 'BY=50;R'), '555');
});

test('FUTURERELEASE: a message that is to be held has its time in the envelope; too long a time is refused, one that is over means now', async () => {
  const w = world('FUTURERELEASE 3600');
  w.clock.set(Date.UTC(2030, 0, 1));
  assert.equal((await envelopeOf(w, 'HOLDFOR=60'))?.notBefore, Date.UTC(2030, 0, 1, 0, 1));
  assert.equal((await envelopeOf(w, 'HOLDUNTIL=2030-01-01T00:30:00Z'))?.notBefore, Date.UTC(2030, 0, 1, 0, 30));
  assert.equal((await envelopeOf(w, 'HOLDUNTIL=2029-01-01T00:30:00Z'))?.notBefore, undefined);
  assert.equal(await answer(w, 'HOLDFOR=3601'), '501');
  assert.equal(await answer(w, 'HOLDUNTIL=2030-01-01T01:30:00Z'), '501');
});

test('DELIVERBY: the deadline is a point in time; less than the announced minimum, or held beyond it, is refused', async () => {
  const w = world('DELIVERBY 30', 'FUTURERELEASE');
  w.clock.set(5_000_000);
  assert.deepEqual((await envelopeOf(w, 'BY=30;R'))?.deliverBy, { at: 5_030_000, mode: 'return', trace: false });
  assert.deepEqual((await envelopeOf(w, 'BY=5;NT'))?.deliverBy, { at: 5_005_000, mode: 'notify', trace: true });
  assert.equal(await answer(w, 'BY=29;R'), '501');
  assert.equal(await answer(w, 'BY=60;R HOLDFOR=60'), '501');
});

test('MT-PRIORITY: who may relay may be urgent, everybody else hears that the priority was lowered', async () => {
  const w = world('ENHANCEDSTATUSCODES', 'MT-PRIORITY');
  const urgent = await envelopeOf(w, 'MT-PRIORITY=6', '192.0.2.9');
  assert.equal(urgent?.mtPriority, 6);
  assert.equal(urgent?.recipients[0]?.priority, 1);
  const low = await envelopeOf(w, 'MT-PRIORITY=-4');
  assert.equal(low?.mtPriority, -4);
  assert.equal(low?.recipients[0]?.priority, undefined);
  const client = await w.connect();
  client.lines('EHLO c.test');
  assert.match(client.lines('MAIL FROM:<a@a.test> MT-PRIORITY=6'), /^250 2\.3\.6 .*lowered/);
});

test('BINARYMIME: octets arrive as they are, by BDAT only; the next message has the rules of lines again', async () => {
  const w = world('BINARYMIME');
  w.options = { ...w.options, rfc2822LoneLfInBody: 'fix' };
  const client = await w.connect();
  client.lines('EHLO c.test');
  client.lines('MAIL FROM:<a@a.test> BODY=BINARYMIME', 'RCPT TO:<b@here.test>');
  assert.match(client.lines('DATA'), /^503 /);
  const octets = `${body.slice(0, -7)}\x00a\nb\rc\xff`;
  client.say(`BDAT ${octets.length} LAST\r\n${octets}`);
  const { envelope, text } = w.spool.stored.at(-1) ?? {};
  assert.equal(envelope?.body, 'BINARYMIME');
  assert.ok(text?.endsWith('\x00a\nb\rc\xff'));
  client.lines('MAIL FROM:<a@a.test>', 'RCPT TO:<b@here.test>');
  client.say(`BDAT ${body.length + 4} LAST\r\n${body}x\ny\n`);
  assert.ok(w.spool.stored.at(-1)?.text.endsWith('x\r\ny\r\n'));
});
