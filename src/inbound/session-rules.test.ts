/**
 * From the text of a configuration to the rules of a session, by the real resolver.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp, type IpAddress } from '#base';
import { memoryFiles, readConfiguration, Resolver } from '#config';
import { codes, World } from '../../test/kit/inbound.ts';
import { sessionRulesOf, type SessionRules } from './session-rules.ts';

const compileRegex = () => ({ ok: false as const, message: 'no patterns here', offset: 0 });
const ip = (text: string): IpAddress => parseIp(text) ?? assert.fail(text);

function resolver(text: string): Resolver {
  const read = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [], compileRegex });
  assert.deepEqual(
    read.problems.map((problem) => problem.message),
    [],
  );
  return new Resolver(read.snapshot ?? assert.fail('no snapshot'), { compileRegex });
}

function rules(text: string, from = '192.0.2.7', listen = ':25'): SessionRules {
  return sessionRulesOf(resolver(text).listening({ listener: 'esmtp_listener', listen, ip: ip(from) }));
}

test('A listener that says nothing has the manual’s defaults, and relays for nobody (SMTP-06, SMTP-10, SMTP-14)', () => {
  const o = rules('ESMTP_Listener { Listen ":25" { } }');
  assert.deepEqual([o.isOpenRelay, o.relayDomains.size, o.bounceDomains.size, o.relayHosts.size, o.relaySenders.size], [false, 0, 0, 0, 0]);
  assert.deepEqual([o.requireEhlo, o.allowNullSender, o.allowIpLiteral, o.traceHeaders], [false, true, true, true]);
  assert.deepEqual([o.maxMessageSize, o.idleMs, o.listenerSessions, o.serviceSessions], [0, 0, 0, 0]);
  assert.equal(o.reconfigMessage, '4.3.2 Reconfiguration in progress');
  assert.deepEqual(o.offered.keywords, ['PIPELINING', '8BITMIME', 'SIZE', 'CHUNKING', 'SMTPUTF8', 'DSN']);
  assert.deepEqual(
    [o.body.loneInHeaders, o.body.loneInBody, o.body.missingHeaders, o.body.dateHeader, o.body.messageIdHeader, o.body.lineMax],
    ['pedantic', 'ignore', 'reject', 'ifneeded', 'ifneeded', 0],
  );
});

test('The options of the listener page arrive with their types (LSN-05, LSN-08, LSN-09, LSN-12, LSN-14, SMTP-05)', () => {
  const o = rules(`
    Relay_Domains = ( "here.test" "*.more.test" )
    RFC2822_Lone_LF_In_Body = fix
    RFC2822_Max_Line_Length = pedantic
    ESMTP_Listener {
      Idle_Time = 300
      Relay_Hosts = ( "10.0.0.0/8" )
      Context = [ site = "A" ]
      Listen ":25" {
        Listener_Sessions = 100
        Service_Sessions = 200
        Max_Receptions_Per_Connection = 1
        Max_Recipients_Per_Connection = 2
        Max_Recipients_Per_Message = 3
        Max_Message_Size = 102400
        Banner_Hostname = "banner.test"
        Received_Hostname = "received.test"
        Static_Banner = "220 hello"
        Require_EHLO = true
        SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "-DSN" )
        Domain_For_Unqualified_Sender_Address = "Example.test"
      }
    }`);
  assert.deepEqual([o.relayDomains.matches('x.more.test'), o.relayHosts.match(ip('10.1.2.3')), o.idleMs], [true, true, 300_000]);
  assert.deepEqual([o.listenerSessions, o.serviceSessions, o.maxReceptionsPerConnection], [100, 200, 1]);
  assert.deepEqual([o.maxRecipientsPerConnection, o.maxRecipientsPerMessage, o.maxMessageSize], [2, 3, 102_400]);
  assert.deepEqual(
    [o.bannerHostname, o.receivedHostname, o.staticBanner, o.requireEhlo],
    ['banner.test', 'received.test', '220 hello', true],
  );
  assert.deepEqual([o.offered.keywords.at(-1), o.offered.enhancedCodes, o.senderDomain], ['SMTPUTF8', true, 'example.test']);
  assert.deepEqual([...o.context], [['site', 'A']]);
  assert.deepEqual([o.body.loneInBody, o.body.lineMax, o.body.sizeMax], ['fix', 998, 102_400]);
});

test('An open relay is only what the text says: Open_Relay, or Relay_For_Sending_Domains empty or bare (SMTP-06)', () => {
  assert.equal(rules('ESMTP_Listener { Open_Relay = true Listen ":25" { } }').isOpenRelay, true);
  assert.equal(rules('ESMTP_Listener { Relay_For_Sending_Domains = ( ) Listen ":25" { } }').isOpenRelay, true);
  assert.equal(rules('ESMTP_Listener { Relay_For_Sending_Domains\n Listen ":25" { } }').isOpenRelay, true);
  assert.equal(rules('ESMTP_Listener { Relay_For_Sending_Domains = ( "a.test" ) Listen ":25" { } }').isOpenRelay, false);
});

test('Sessions of one record share one set of rules', () => {
  const of = resolver('ESMTP_Listener { Listen ":25" { } }');
  const at = (text: string) => sessionRulesOf(of.listening({ listener: 'esmtp_listener', listen: ':25', ip: ip(text) }));
  assert.equal(at('192.0.2.1'), at('192.0.2.2'));
});

test('The extensions of the seed: ENHANCEDSTATUSCODE without its S is understood as well (EXT-01)', async () => {
  const world = new World({ options: { smtpExtensions: ['ENHANCEDSTATUSCODE'], relayDomains: [] } });
  const client = await world.connect();
  assert.match(client.lines('EHLO c.test'), /250-ENHANCEDSTATUSCODES\r\n/);
  assert.equal(codes(client.lines('NOOP')), '250');
});
