/**
 * What concerns several statements, or values that lead nowhere.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles } from '../files/memory-files.ts';
import { readConfiguration } from '../read-configuration.ts';

function read(text: string) {
  return readConfiguration({ main: '/etc/e.conf', files: memoryFiles({ '/etc/e.conf': text }), searchPath: [] });
}

const problems = (text: string): string[] => read(text).problems.map((problem) => problem.message);
const notices = (text: string): string[] => read(text).notices.map((notice) => notice.message);

test('OUT-02 a Bind_Address is an address, a name or *; what is none of them is refused', () => {
  assert.deepEqual(problems('Bind_Address = "*" Binding b { Bind_Address = 192.0.2.1 } Binding c { Bind_Address = "[2001:db8::1]" }'), []);
  assert.deepEqual(problems('Binding b { Bind_Address = "out.example.com/24" }'), [
    'Cannot set "Bind_Address" to "out.example.com/24": expected an address of this machine, the name of a host, or *',
  ]);
});

test('OUT-21 V6-01 a Gateway that is none is refused at once, not when mail comes', () => {
  assert.deepEqual(
    problems('Gateway = relay.example.com Domain a.test { Gateway = "[2001:db8::1]:2525" } Domain b.test { Gateway = 192.0.2.1 }'),
    [],
  );
  assert.match(problems('Gateway = "2001:db8::1"')[0] ?? '', /^Cannot set "Gateway" to "2001:db8::1": expected a host name/);
});

test('EXT-01 a word of SMTP_Extensions that is not offered yet is a notice, told once', () => {
  assert.deepEqual(notices('ESMTP_Listener { SMTP_Extensions = ( ENHANCEDSTATUSCODES 8BITMIME "-CHUNKING" ) }'), []);
  assert.deepEqual(
    notices('ESMTP_Listener { SMTP_Extensions = ( "AUTH NTLM" STARTTLS "-SIZE" ) Listen ":25" { SMTP_Extensions = ( STARTTLS ) } }'),
    [
      '"AUTH NTLM" of SMTP_Extensions is not offered yet',
      '"-SIZE" of SMTP_Extensions removes nothing: only -CHUNKING, -SMTPUTF8 and -DSN do',
    ],
  );
});

test('one pool of event loops serves everything: a second one is a notice', () => {
  assert.deepEqual(notices('EventLoop a { Concurrency = 2 }'), []);
  assert.match(notices('EventLoop a { Concurrency = 2 } EventLoop b { Concurrency = 2 }')[0] ?? '', /first one serves/);
});

test('RT-06 a word of Debug_Flags that is no subsystem is a notice with those that are', () => {
  assert.deepEqual(notices('Debug_Flags { Debug = ( SMTP dns ALL ) }'), []);
  assert.match(notices('Debug_Flags { Debug = ( SMPT ) }')[0] ?? '', /"SMPT" of Debug_Flags is no subsystem: they are ALL, ERROR,.*SMTP/);
});

test('LSN-02 a Unix path of a Listen is a whole path', () => {
  assert.deepEqual(problems('ESMTP_Listener { Listen "/run/smtp" { } }'), []);
  assert.match(problems('ESMTP_Listener { Listen "var/smtp" { } }')[0] ?? '', /"var\/smtp" is no address to listen on/);
});

test('V6-01 a Peer, and the networks of Relay_Hosts and Prohibited_Hosts, are written without brackets', () => {
  assert.match(problems('Relay_Hosts = ( "[2001:db8::1]" )')[0] ?? '', /a list of addresses and networks/);
  assert.match(problems('ESMTP_Listener { Peer "[2001:db8::1]" { } }')[0] ?? '', /neither an address nor a network/);
  assert.deepEqual(problems('ESMTP_Listener { Peer "2001:db8::/32" { } }'), []);
});

test('SHP-11 fewer than four file descriptors for each outbound connection are told of', () => {
  assert.match(notices('Server_Max_File_Descriptors = 5000').join(), /expected at least 80000/);
  assert.match(notices('Server_Max_File_Descriptors = 399 Server_Max_Outbound_Connections = 100').join(), /is 399: expected at least 400/);
  assert.deepEqual(notices('Server_Max_File_Descriptors = 400 Server_Max_Outbound_Connections = 100'), []);
});

test('OUT-07 a group is made of bindings that stand in it: Binding_Group as an option of a Binding is 2.2 and refused', () => {
  assert.match(problems('Binding b { Binding_Group = g }').join(), /Binding_Group/);
  assert.deepEqual(problems('Binding_Group g { Binding b { } }'), []);
});

test('OUT-21 a Unix socket is a Gateway', () => {
  assert.deepEqual(problems('Gateway = "unix:/run/dovecot/lmtp"'), []);
});

test('SHP-F3 what the shipped ecelerity.conf says beside the defaults is understood', () => {
  const text = `
Message_Expiration = 604800
Max_Resident_Messages = 65536
Server_Max_Outbound_Connections = 20000
Server_Max_File_Descriptors = 80000
Only_Use_Best_MX_For_Relay_Domains = false
ESMTP_Listener { Idle_Time = 300 Listen ":25" { } }
ec_logger { mainlog = "/var/log/ecelerity/mainlog.ec" }
statp { }
`;
  assert.deepEqual(problems(text), []);
});

test('Q-15 a Response_Transcode_Pattern that does not compile is refused with its place', () => {
  const compileRegex = () => ({ ok: false as const, message: 'missing )', offset: 4 });
  const options = {
    main: '/etc/e.conf',
    files: memoryFiles({ '/etc/e.conf': 'Response_Transcode_Pattern = "550 ("' }),
    searchPath: [],
    compileRegex,
  };
  const [problem] = readConfiguration(options).problems;
  assert.match(
    problem?.message ?? '',
    /^Cannot compile the pattern "550 \(" of Response_Transcode_Pattern: missing \) \(at character 5\)$/,
  );
});
