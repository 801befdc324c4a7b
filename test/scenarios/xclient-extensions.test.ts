/**
 * The extensions of trusted clients at the real socket: swaks as Postfix would speak XCLIENT, XREMOTEIP in the logs, the seed's Peer form.
 *
 * The one rule: trust is given by Peer; whoever comes from elsewhere hears 550 and changes nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailOf, maildir } from '../kit/mailbox.ts';
import { hasProgram, run, until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {
    Peer "127.0.0.1" {
      SMTP_Extensions = ( "XCLIENT" "XREMOTEIP" "XSETCONTEXT" "XDUMPCONTEXT" )
      Open_Relay = true
    }
    Peer "198.51.100.0/24" { Context = [ zone = "far" ] }
  }
}
${maildir}`,
});

test('swaks speaks XCLIENT for another client; trace and mainlog name that one (EXT-02)', { skip: !hasProgram('swaks') }, async () => {
  const to = ['--to', 'x@inbox.test', '--from', 'a@client.test', '--server', '127.0.0.1', '--port', String(shared.port())];
  const claims = ['--xclient-addr', '198.51.100.7', '--xclient-name', 'far.test', '--xclient-helo', 'far.test', '--xclient-proto', 'ESMTP'];
  const sent = await run('swaks', [...to, ...claims]);
  assert.equal(sent.code, 0, sent.out);
  assert.match(sent.out, /XCLIENT .*ADDR=198\.51\.100\.7/);
  await until(() => mailOf(shared.server, 'x').length === 1, 'the message');
  assert.match(mailOf(shared.server, 'x')[0] ?? '', /Received: from \[198\.51\.100\.7\]/);
  await until(() => shared.server.read('mainlog.ec').includes('198.51.100.7'), 'a line of the mainlog');
});

test('The rights of the gateway end with XREMOTEIP, and Context follows the address (EXT-03, LSN-16)', async () => {
  const client = await shared.greet();
  assert.equal(await client.say('XSETCONTEXT colour=dark+20blue'), '250 OK');
  assert.equal(await client.say('XREMOTEIP 198.51.100.20'), '250 OK');
  const dump = await client.say('XDUMPCONTEXT');
  assert.match(dump, /250-\[connection\] colour dark blue\n/);
  assert.match(dump, /250-\[connection\] zone far\n/);
  assert.doesNotMatch(dump, /can_relay/);
  assert.match(dump, /\n250 XDUMPCONTEXT complete$/);
  await client.say('MAIL FROM:<a@client.test>');
  assert.match(await client.say('RCPT TO:<x@elsewhere.test>'), /^550 /);
  client.socket.destroy();
});

test('From another address the same commands are 550 and recorded (A80)', async () => {
  const client = await SmtpClient.open(shared.port(), '127.0.0.9');
  await client.reply();
  assert.doesNotMatch(await client.say('EHLO client.test'), /XCLIENT|XREMOTEIP/);
  for (const line of ['XCLIENT ADDR=127.0.0.1', 'XREMOTEIP 127.0.0.1', 'XSETCONTEXT can_relay=true', 'XDUMPCONTEXT']) {
    assert.equal(await client.say(line), '550 not allowed for this client', line);
  }
  await client.say('MAIL FROM:<a@client.test>');
  assert.match(await client.say('RCPT TO:<x@elsewhere.test>'), /^550 /);
  await until(() => shared.server.read('rejectlog.ec').includes('not allowed for this client'), 'a rejectlog record');
  client.socket.destroy();
});
