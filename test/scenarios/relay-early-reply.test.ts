/**
 * A next hop that answers for the body before it can have read it.
 *
 * The one rule: a reply that comes before its command breaks the connection; taken as the answer to the final dot it would lose
 * this message, and the true answer would then be taken for an answer about the next one (#2809).
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { mainRecords } from '../kit/log-lines.ts';
import { whole } from '../kit/mailbox.ts';
import { until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';

const hop = createServer((socket) => {
  let text = '';
  let inBody = false;
  socket.on('error', () => undefined);
  socket.write('220 hop ESMTP\r\n');
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf(inBody ? '\r\n.\r\n' : '\r\n'); end >= 0; end = text.indexOf(inBody ? '\r\n.\r\n' : '\r\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + (inBody ? 5 : 2));
      if (inBody) socket.write('550 5.6.0 refused after reading it\r\n');
      else socket.write(line === 'DATA' ? '354 go\r\n250 taken before reading it\r\n' : '250 ok\r\n');
      inBody = !inBody && line === 'DATA';
    }
  });
});
await new Promise<void>((done) => hop.listen(0, '127.0.0.1', done));
after(() => hop.close());

const shared = new SharedServer({
  conf: `
Relay_Hosts = ( 127.0.0.0/8 )
Gateway = "127.0.0.1:${(hop.address() as { port: number }).port}"
Max_Outbound_Connections = 1
Retry_Interval = 3600
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }`,
});

test('A 250 that comes together with 354 delivers nothing, and the reply behind the dot is not taken for another message (A50)', async () => {
  const client = await shared.greet();
  for (const name of ['one', 'two', 'three']) {
    assert.match(await client.send('a@client.test', `${name}@far.test`, `Subject: ${name}\r\n${whole}\r\ntext`), /^250 OK/);
  }
  await client.quit();
  const outcomes = () =>
    mainRecords(shared.server)
      .filter(({ kind }) => kind !== 'R')
      .map(({ kind, fields }) => `${kind} ${fields.at(-1)}`);
  await until(() => outcomes().length > 0, 'an outcome');
  await new Promise((done) => setTimeout(done, 500));
  assert.deepEqual(
    outcomes().filter((outcome) => !outcome.startsWith('T ')),
    [],
  );
});
