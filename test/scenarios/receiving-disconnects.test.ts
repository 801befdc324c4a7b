/**
 * Clients that stop in the middle, or say everything at once and close their side: what was finished counts, nothing else does.
 *
 * The one rule: a message exists when its final dot was received; whoever can still listen hears the reply to it.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { mainMatching, mainRecords } from '../kit/log-lines.ts';
import { drafts, maildir, mailOf, onlyMail, whole } from '../kit/mailbox.ts';
import { until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
${maildir}`,
});
const message = (filler: number) => `Subject: x\r\n${whole}\r\n${'y'.repeat(70).concat('\r\n').repeat(filler)}`;
const transaction = (user: string, body: string) => `MAIL FROM:<a@client.test>\r\nRCPT TO:<${user}@inbox.test>\r\nDATA\r\n${body}.\r\n`;

/** Writes `pieces`, ends this side at once, and gives the codes of all replies until the server ended its side. */
function halfClose(pieces: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect({ port: shared.port(), host: '127.0.0.1', allowHalfOpen: true });
    let said = '';
    for (const piece of pieces) socket.write(piece, 'latin1');
    socket.end();
    socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
    socket.on('error', fail);
    socket.on('end', () => done([...said.matchAll(/^(\d{3}) /gm)].map((m) => m[1]).join(' ')));
  });
}

test('A session that is written whole and half-closed hears every reply, and all its messages arrive (A68)', async () => {
  for (const [user, filler] of [
    ['small', 1],
    ['medium', 1000],
    ['large', 30_000],
  ] as const) {
    const body = message(filler);
    const codes = await halfClose(['EHLO client.test\r\n', transaction(user, body), transaction(`${user}2`, body), 'NOOP\r\n']);
    assert.equal(codes, `220 250${' 250 250 354 250'.repeat(2)} 250`, user);
    assert.ok(onlyMail(shared.server, user) === body && onlyMail(shared.server, `${user}2`) === body);
  }
});

test('A client that goes in the middle of a body, or before its dot, leaves no message and no draft behind (A22, A68)', async () => {
  const body = message(5000);
  for (const cut of [10, 1000, body.length, body.length + 1, body.length + 2]) {
    const begun = `EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<cut@inbox.test>\r\nDATA\r\n`;
    assert.match(await halfClose([begun, `${body}.\r\n`.slice(0, cut)]), /^220 250 250 250 354(?: 4\d\d)?$/, `cut at ${cut}`);
  }
  await until(() => drafts(shared.server).length === 0, 'the drafts to be removed');
  assert.deepEqual(mailOf(shared.server, 'cut'), []);
});

test('A client that is cut off behind its dot has its message once or not at all, never torn (A68)', async () => {
  const body = message(2000);
  for (let i = 0; i < 30; i++) {
    const client = await shared.greet();
    client.write(`MAIL FROM:<a@client.test>\r\nRCPT TO:<gone${i}@inbox.test>\r\nDATA\r\n`);
    for (let k = 0; k < 3; k++) await client.reply();
    client.socket.write(`${body}.\r\n`, () => setTimeout(() => client.socket.resetAndDestroy(), i % 10));
  }
  await until(() => drafts(shared.server).length === 0, 'the drafts to be finished');
  await new Promise((done) => setTimeout(done, 300));
  let count = 0;
  for (let i = 0; i < 30; i++) {
    const messages = mailOf(shared.server, `gone${i}`);
    assert.ok(messages.length <= 1);
    if (messages.length === 1) {
      count++;
      assert.ok(onlyMail(shared.server, `gone${i}`) === body, `message ${i} is torn`);
    }
  }
  await mainMatching(shared.server, 'R', 6 + count);
  assert.equal(mainRecords(shared.server).length, 6 + count, 'what is in a mailbox is in the log, and the other way round');
});
