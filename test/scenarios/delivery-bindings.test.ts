/**
 * The default binding, which every message has while no policy chooses another: its options, and those of domains in it.
 *
 * The one rule: what a connection comes from and how it introduces itself is read at the next hop.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { mainMatching } from '../kit/log-lines.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const hop = new Sink({ hold: () => new Promise((done) => setTimeout(done, 20)) });
let six: Sink;
let server: Server;

before(async () => {
  await hop.listen();
  six = await new Sink({ host: '::1', port: hop.port }).listen();
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 3600
Idle_Timeout = 1
Routes = ( "127.0.0.1:{port:hop}" )
Connection_Allocation_Aggressiveness = high
EHLO_Hostname = "global.test"
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "listed.test" { EHLO_Hostname = "domain.test" }
Domain "other.test" { Routes = ( "[::1]:{port:hop}" ) }
Binding "default" {
  Bind_Address = 127.0.0.2
  EHLO_Hostname = "binding.test"
  Server_Max_Outbound_Connections = 3
  Domain "listed.test" { EHLO_Hostname = "inner.test" }
}
`,
    ports: { hop: hop.port },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all([hop.close(), six.close()]);
});

test('OUT-01 OUT-02 Bind_Address of the default binding is where its connections come from', async () => {
  await handIn(server, 'u@plain.test');
  const [message] = await arrivals(hop, 'plain.test');
  assert.equal(message?.from, '127.0.0.2');
  assert.ok(hop.commands.includes('EHLO binding.test'));
  const [delivery] = await mainMatching(server, 'D', 1, ({ fields }) => fields[0] === 'plain.test');
  assert.deepEqual(delivery?.fields.slice(2, 4), ['default', 'default']);
});

test('OUT-01 a Domain in the binding comes before the binding and before the same Domain outside', async () => {
  await handIn(server, 'u@listed.test');
  await arrivals(hop, 'listed.test');
  assert.ok(hop.commands.includes('EHLO inner.test'));
  assert.ok(!hop.commands.includes('EHLO domain.test'));
});

test('OUT-02 a hop of the other family cannot be reached from a Bind_Address and its mail waits', async () => {
  await handIn(server, 'u@other.test');
  const [record] = await mainMatching(server, 'T', 1, ({ fields }) => fields[0] === 'other.test');
  assert.match(record?.fields.at(-1) ?? '', /^4\d\d 4\.4\.\d \[internal\]/);
  assert.equal(six.connections, 0);
});

test('OUT-02 Bind_Address_Secondary is the address for hops of the other family, and the first one stays what it was', async () => {
  const user = await ConsoleUser.open(server);
  for (const wrong of ['mx.example.com', '192.0.2.300'])
    assert.match(
      await user.refused(`config set binding default Bind_Address_Secondary ${wrong}`),
      new RegExp(`Bind_Address_Secondary.*${wrong}.*an IP address, e\\.g\\. 192\\.0\\.2\\.1`, 's'),
    );
  await user.run('config set binding default Bind_Address_Secondary ::1');
  await user.run('refresh domain other.test');
  await user.run('flush domain other.test');
  await arrivals(six, 'other.test');
  assert.equal(six.messages[0]?.from, '::1');
  await handIn(server, 'u@again.test');
  assert.equal((await arrivals(hop, 'again.test'))[0]?.from, '127.0.0.2');
  user.close();
});

test('SHP-02 Server_Max_Outbound_Connections in a binding holds for all its domains together', async () => {
  await until(() => hop.open === 0, 'idle connections to end', 20);
  hop.peak = 0;
  for (let i = 0; i < 12; i += 1)
    await handIn(
      server,
      [0, 1, 2, 3].map((n) => `u${i}@many${n}.test`),
    );
  for (let n = 0; n < 4; n += 1) await arrivals(hop, `many${n}.test`, 12);
  assert.equal(mailFor(hop, 'many0.test').length, 12);
  assert.ok(hop.peak > 1 && hop.peak <= 3, `${hop.peak} connections`);
});
