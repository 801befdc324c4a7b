/**
 * Whom a stranger's DNS may make us talk to: nobody on this machine, its links or its cloud's metadata service.
 *
 * The one rule: Prohibited_Hosts is left at its default here; the next hop listens where it must never be called.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DnsServer } from '../kit/dns-server.ts';
import { mainMatching } from '../kit/log-lines.ts';
import { arrivals, handIn } from '../kit/outgoing.ts';
import { prepareServer, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const traps: Readonly<Record<string, { A?: string[]; AAAA?: string[] }>> = {
  loopback: { A: ['127.0.0.1'] },
  other: { A: ['127.8.7.6'] },
  zero: { A: ['0.0.0.0'] },
  six: { AAAA: ['::1'] },
  unspecified: { AAAA: ['::'] },
  mapped: { AAAA: ['::ffff:127.0.0.1'] },
  metadata: { A: ['169.254.169.254'] },
  link: { AAAA: ['fe80::1'] },
  multicast: { A: ['224.0.0.1'] },
};
const dns = new DnsServer({
  zones: {
    ...Object.fromEntries(Object.entries(traps).map(([name, records]) => [`${name}.hosts.test`, records])),
    ...Object.fromEntries(Object.keys(traps).map((name) => [`${name}.test`, { MX: [`10 ${name}.hosts.test`] }])),
  },
});
const hop = new Sink({});
const notices = new Sink({});
let server: Server;

before(async () => {
  await Promise.all([dns.listen(), hop.listen(), notices.listen()]);
  server = await prepareServer({
    conf: `
Resolv_Conf = "{dir}/resolv.conf"
Remote_SMTP_Port = {port:hop}
Use_IPv6 = true
Relay_Hosts = ( 127.0.0.1 )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "notices.test" { Gateway = "127.0.0.1:{port:notices}" }
`,
    files: { 'resolv.conf': `${dns.line}\n` },
    ports: { hop: hop.port, notices: notices.port },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all([dns, hop, notices].map((each) => each.close()));
});

const refused = '551 5.4.6 [internal] Private/Loopback Address';

for (const name of Object.keys(traps)) {
  test(`A52 OUT-29 an MX that leads to ${JSON.stringify(traps[name])} fails the mail and nobody is called`, async () => {
    assert.match(await handIn(server, `u@${name}.test`, { from: '' }), /^250 /);
    const [failure] = await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === `${name}.test`);
    assert.equal(failure?.fields.at(-1), refused);
    assert.equal(hop.connections, 0);
  });
}

test('A52 an address literal of a recipient is no way in either', async () => {
  for (const literal of ['[127.0.0.1]', '[IPv6:::1]']) {
    assert.match(await handIn(server, `u@${literal}`, { from: '' }), /^250 /);
    const [failure] = await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === literal.toLowerCase());
    assert.equal(failure?.fields.at(-1), refused);
  }
  assert.equal(hop.connections, 0);
});

test('OUT-29 what the operator wrote as a Gateway is not prohibited', async () => {
  await handIn(server, 'u@notices.test');
  await arrivals(notices, 'notices.test');
});
