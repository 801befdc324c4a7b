/**
 * What we say to a next hop that offers much, and to one that offers nothing: extensions are used only where they are offered.
 *
 * The one rule: one server, one hop for each set of extensions; what was said is read from the hop.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mainMatching } from '../kit/log-lines.ts';
import { whole } from '../kit/mailbox.ts';
import { arrivals, handIn } from '../kit/outgoing.ts';
import { prepareServer, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const hops = {
  plain: new Sink({ extensions: [] }),
  piped: new Sink({ extensions: ['PIPELINING'] }),
  chunked: new Sink({ extensions: ['PIPELINING', 'CHUNKING'] }),
  slow: new Sink({ extensions: ['CHUNKING'] }),
  sized: new Sink({ extensions: ['PIPELINING', 'SIZE 2000'] }),
  rich: new Sink({ extensions: ['PIPELINING', 'SIZE', '8BITMIME', 'DSN', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'] }),
  old: new Sink({
    replies: { EHLO: '502 what', HELO: '250 old.test' },
  }),
};
type Hop = keyof typeof hops;
let server: Server;

before(async () => {
  await Promise.all(Object.values(hops).map((hop) => hop.listen()));
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 3600
Send_8BITMIME = ifavailable
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
${Object.keys(hops)
  .map((name) => `Domain "${name}.test" { Routes = ( "127.0.0.1:{port:${name}}" ) }`)
  .join('\n')}
`,
    ports: Object.fromEntries(Object.entries(hops).map(([name, hop]) => [name, hop.port])),
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all(Object.values(hops).map((hop) => hop.close()));
});

async function take(name: Hop, o: Parameters<typeof handIn>[2] = {}, to: string | string[] = `u@${name}.test`) {
  const count = hops[name].messages.length;
  assert.match(await handIn(server, to, o), /^250 /);
  const [message] = (await arrivals(hops[name], `${name}.test`, count + 1)).slice(-1);
  assert.ok(message);
  return message;
}

const body = 'Subject: x\r\n\r\nfirst\r\n..dot\r\nlast';

test('a hop without extensions hears HELO-time SMTP: no parameter, one command after the other, DATA', async () => {
  const message = await take('plain', { text: body, mail: ' BODY=8BITMIME SIZE=100 RET=HDRS ENVID=x', rcpt: ' NOTIFY=NEVER' });
  assert.equal(message.mailFrom, 'MAIL FROM:<a@sender.test>');
  assert.deepEqual(message.rcptTo, ['RCPT TO:<u@plain.test>']);
  assert.match(message.data.toString('latin1'), /\r\n\.dot\r\nlast\r\n$/);
  assert.equal(message.by, 'DATA');
  assert.equal(hops.plain.pipelined, 0);
});

test('a hop that does not know EHLO is greeted with HELO on the same connection', async () => {
  await take('old');
  assert.deepEqual(
    hops.old.commands.slice(0, 2).map((line) => line.slice(0, 4)),
    ['EHLO', 'HELO'],
  );
  assert.equal(hops.old.connections, 1);
});

test('RFC 3030 where CHUNKING is offered the message goes by BDAT, its length exact and its dots as they are', async () => {
  for (const name of ['chunked', 'slow'] as const) {
    const message = await take(name, { text: body });
    assert.equal(message.by, 'BDAT');
    assert.match(message.wire.toString('latin1'), /\r\n\.dot\r\nlast\r\n$/);
    assert.ok(hops[name].commands.includes(`BDAT ${message.wire.length} LAST`), hops[name].commands.join('|'));
    assert.equal(hops[name].said('DATA').length, 0);
  }
});

test('RFC 3030 a large message goes in several chunks and arrives whole', async () => {
  const line = `${'x'.repeat(78)}\r\n`;
  const text = `${whole}\r\n${line.repeat(32_000)}end`;
  for (const name of ['chunked', 'slow', 'piped'] as const) {
    const message = await take(name, { text });
    assert.ok(message.data.toString('latin1').endsWith(`${text}\r\n`), name);
    assert.equal(message.chunks > 1, name !== 'piped', `${name}: ${message.chunks} chunks`);
  }
});

test('RFC 1870 SIZE is said where it is offered, and what is larger than the hop takes fails without being sent', async () => {
  const message = await take('sized', { text: body });
  const octets = Number(/ SIZE=(\d+)/.exec(message.mailFrom)?.[1]);
  assert.equal(octets, message.data.length);
  const said = hops.sized.said('MAIL').length;
  assert.match(
    await handIn(server, 'large@sized.test', {
      from: '',
      text: `Subject: x\r\n\r\n${'y'.repeat(900)}\r\n${'y'.repeat(900)}\r\n${'y'.repeat(900)}`,
    }),
    /^250 /,
  );
  const [failure] = await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === 'sized.test');
  assert.match(failure?.fields.at(-1) ?? '', /^552 5\.3\.4 \[internal\]/);
  assert.equal(hops.sized.said('MAIL').length, said);
});

test('RFC 6152 RFC 3461 BODY, RET, ENVID, NOTIFY and ORCPT pass on to a hop that offers them', async () => {
  const message = await take('rich', {
    text: 'Subject: x\r\n\r\n\xe9',
    mail: ' BODY=8BITMIME RET=HDRS ENVID=QQ+2B1',
    rcpt: ' NOTIFY=FAILURE,DELAY ORCPT=rfc822;first+2Bone@x.test',
  });
  for (const part of [/ BODY=8BITMIME/, / RET=HDRS/, / ENVID=QQ\+2B1/, / SIZE=\d+/]) assert.match(message.mailFrom, part);
  const [rcpt = ''] = message.rcptTo;
  assert.match(rcpt, / NOTIFY=FAILURE,DELAY/);
  assert.match(rcpt, / ORCPT=rfc822;first\+2Bone@x\.test/);
});

test('RFC 6531 mail that needs SMTPUTF8 goes where it is offered, and fails where it is not', async () => {
  const message = await take('rich', { mail: ' SMTPUTF8' }, 'j\xc3\xb6rg@rich.test');
  assert.match(message.mailFrom, / SMTPUTF8/);
  assert.deepEqual(message.rcptTo, ['RCPT TO:<j\xc3\xb6rg@rich.test>']);
  assert.match(await handIn(server, 'j\xc3\xb6rg@piped.test', { from: '', mail: ' SMTPUTF8' }), /^250 /);
  const [failure] = await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === 'piped.test');
  assert.match(failure?.fields.at(-1) ?? '', /^550 5\.6\.7 \[internal\]/);
});

test('RFC 2920 with PIPELINING the envelope comes in one piece, without it one command at a time', async () => {
  const before = hops.piped.pipelined;
  const message = await take('piped', {}, ['1@piped.test', '2@piped.test', '3@piped.test']);
  assert.equal(message.rcptTo.length, 3);
  assert.ok(hops.piped.pipelined - before >= 4, 'three RCPT and DATA came with the MAIL');
  await take('plain', {}, ['1@plain.test', '2@plain.test']);
  await take('slow', {}, ['1@slow.test', '2@slow.test']);
  assert.deepEqual([hops.plain.pipelined, hops.slow.pipelined], [0, 0]);
});
