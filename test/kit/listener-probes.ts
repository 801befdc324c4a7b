/**
 * How a client sees each option of a listener: for every option a value, and what a session does under it and without it.
 *
 * The one rule: a probe looks at a real session (in memory where no socket is needed) under the record that the resolver gave, never at the
 * record alone; what it returns is written in the table beside it. Sockets, loops and pools are looked at as the stanzas of one loop.
 * Not here: walking the scopes (src/main/listener-options.test.ts).
 */
import { connect } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { EsmtpService, type OptionRecord } from '#inbound';
import { codes, World } from './inbound.ts';

/** One question to the configuration. */
export interface ProbePlace {
  readonly options: OptionRecord;
  readonly ip: string;
}

export interface Row {
  /** The line that sets the option. */
  readonly set: string;
  /** Further lines of the listener (or the top) without which the option has nothing to do. `{dir}` is the folder of the certificates. */
  readonly base?: string;
  readonly top?: string;
  /** What `probe` gives with the line, and without it. */
  readonly seen: unknown;
  readonly unset: unknown;
  readonly probe: (at: ProbePlace) => unknown;
}

/** What is said to each line, the first line of each reply, joined. */
function dialogue(...lines: readonly string[]): Row['probe'] {
  return async ({ options, ip }) => {
    const client = await new World({ options }).connect(ip);
    return codes(client.lines(...lines));
  };
}

const greeting: Row['probe'] = ({ options, ip }) => {
  const said = new World({ options }).dial(ip).take();
  return said.replace(/ ESMTP Impetus.*\r\n/, '');
};

/** Whether EHLO lists the keyword. */
function keyword(word: string): Row['probe'] {
  return async ({ options, ip }) => {
    const client = await new World({ options }).connect(ip);
    return client
      .lines('EHLO c.test')
      .split('\r\n')
      .some((line) => line.slice(4) === word);
  };
}

/** A key of the connection or message context after these lines. */
function key(name: string, ...lines: readonly string[]): Row['probe'] {
  return async ({ options, ip }) => {
    const client = await new World({ options }).connect(ip);
    client.lines(...lines);
    const { connection, message } = client.session.context;
    return connection.get(name) ?? message.get(name);
  };
}

/** The code after the body, and what was stored. */
async function message(at: ProbePlace, body: string): Promise<{ code: string; text: string }> {
  const world = new World({ options: { ...at.options, openRelay: true } });
  const client = await world.connect(at.ip);
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@b.test>', 'DATA');
  return { code: codes(client.say(`${body}\r\n.\r\n`)), text: world.spool.stored[0]?.text ?? '' };
}

const bodyCode =
  (body: string): Row['probe'] =>
  async (at) =>
    (await message(at, body)).code;

const storedHas =
  (pattern: RegExp, body: string): Row['probe'] =>
  async (at) =>
    pattern.test((await message(at, body)).text);

interface Door {
  readonly world: World;
  readonly port: number;
  readonly limits: readonly number[];
}

/** A real socket with these options for everybody; `limits` are those that were asked of the cells. */
async function withDoor<T>({ options }: ProbePlace, work: (door: Door) => Promise<T>): Promise<T> {
  const world = new World({ options });
  const limits: number[] = [];
  const cell = { acquire: (limit: number) => limits.push(limit) > 0, release: () => undefined };
  const service = new EsmtpService({
    ports: world.ports,
    optionsFor: () => options,
    serviceCell: cell,
    listenerCell: () => cell,
    reusePort: false,
  });
  await new Promise((done) => service.apply([{ address: '127.0.0.1:0', enable: true }], done));
  try {
    return await work({ world, port: service.bound().get('127.0.0.1:0')?.port ?? 0, limits });
  } finally {
    await new Promise<void>((done) => service.stop(0, done));
  }
}

/** Whether somebody who only says EHLO is greeted, or closed without a word. */
const isGreetedInClear: Row['probe'] = (at) =>
  withDoor(at, ({ port }) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('EHLO c.test\r\n'));
    return new Promise((done) => {
      socket.on('error', () => undefined).on('close', () => done('closed'));
      socket.once('data', () => (done('greeted'), socket.destroy()));
    });
  });

/** The limits that a new connection asks of the cells of service and listener. */
const cellLimits: Row['probe'] = (at) =>
  withDoor(at, async ({ port, limits }) => {
    const socket = connect(port, '127.0.0.1');
    await new Promise((done) => socket.once('data', done));
    socket.destroy();
    return limits.join(' ');
  });

const headerPatience: Row['probe'] = (at) =>
  withDoor(at, async ({ port, world }) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PROXY '));
    socket.on('error', () => undefined);
    const isClosed = new Promise<string>((done) => socket.once('close', () => done('closed')));
    // The door waits with a timer of its own.
    while (world.wheel.size === 0) await new Promise((done) => setTimeout(done, 5));
    world.advance(3_000);
    const result = world.panics.some((line) => line.includes('no PROXY header')) ? await isClosed : 'waits';
    socket.destroy();
    return result;
  });

/** TLS from the first byte; what `look` sees of the secured connection, or 'no TLS'. */
function secured(client: ConnectionOptions, look: (socket: TLSSocket, said: string) => unknown, command?: string): Row['probe'] {
  return (at) =>
    withDoor(at, ({ port }) => {
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...client });
      return new Promise((done) => {
        let said = '';
        const finish = (result: unknown): void => (done(result), void socket.destroy());
        socket.on('error', () => finish('no TLS')).on('close', () => done('no TLS'));
        socket.on('data', (chunk: Buffer) => {
          said += chunk.toString('latin1');
          if (command === undefined) finish(look(socket, said));
          else if (/^220 .*\r\n$/.test(said)) socket.write(`EHLO c.test\r\n${command}\r\n`);
          else if (/^250 XDUMPCONTEXT complete/m.test(said)) finish(look(socket, said));
        });
      });
    });
}

const RELAY = ['EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<x@far.test>'];
const HEAD = 'Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@c.test>\r\nSubject: x\r\n';
const TLS_BASE = 'Use_SSL = true TLS_Certificate = "{dir}/server.both" SMTP_Extensions = ( "XDUMPCONTEXT" )';
const KEY_IS = (name: string) => (_: TLSSocket, said: string) => new RegExp(`\\[connection\\] ${name} (.*)\r`).exec(said)?.[1];
const auth = (mechanism: string, parameters: string): Row => ({
  set: `${parameters} = [ uri = "file:///etc/none" ]`,
  base: `SMTP_Extensions = ( "AUTH ${mechanism}" )`,
  seen: true,
  unset: false,
  probe: keyword(`AUTH ${mechanism}`),
});

/** By the name of the option; certificates come as files of the folder (see `fileOptions`). */
/** Whether the sender is to be told by mail of a recipient that policy refuses while another is taken. */
const refusedAreTold: Row['probe'] = async ({ options, ip }) => {
  const told: (boolean | undefined)[] = [];
  const world = new World({
    options: { ...options, openRelay: true },
    modules: [
      {
        name: 'policy',
        hooks: {
          data_spool_each_rcpt: ({ recipient }) =>
            recipient?.local === 'bad' ? { kind: 'reject', reply: { code: 550, text: 'no' } } : { kind: 'continue' },
        },
      },
    ],
    tell: ({ head }, done) => {
      told.push(head.bouncesRefusals);
      done();
    },
  });
  const client = await world.connect(ip);
  client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@b.test>', 'RCPT TO:<bad@b.test>', 'DATA');
  client.say('Subject: x\r\n\r\nx\r\n.\r\n');
  return told[0];
};

export const rows: Readonly<Record<string, Row>> = {
  Generate_Bounces_For_Multi_Recipient_Policy_Rejections: {
    set: 'Generate_Bounces_For_Multi_Recipient_Policy_Rejections = false',
    seen: false,
    unset: true,
    probe: refusedAreTold,
  },
  Context: { set: 'Context = [ site = A ]', seen: 'A', unset: undefined, probe: key('site') },
  Extension: { set: 'Extension = XDUMPCONTEXT', seen: true, unset: false, probe: keyword('XDUMPCONTEXT') },
  Extension_Argument: {
    set: 'Extension_Argument = LOGIN',
    base: 'Extension = AUTH AuthLoginParameters = [ uri = "file:///etc/none" ]',
    seen: true,
    unset: false,
    probe: keyword('AUTH LOGIN'),
  },
  SMTP_Extensions: { set: 'SMTP_Extensions = ( "XCLIENT" "XDUMPCONTEXT" )', seen: true, unset: false, probe: keyword('XDUMPCONTEXT') },
  Listener_Sessions: { set: 'Listener_Sessions = 7', seen: '0 7', unset: '0 0', probe: cellLimits },
  Service_Sessions: { set: 'Service_Sessions = 9', seen: '9 0', unset: '0 0', probe: cellLimits },
  Max_Message_Size: {
    set: 'Max_Message_Size = 100',
    seen: '250 552',
    unset: '250 250',
    probe: dialogue('EHLO c.test', 'MAIL FROM:<a@a.test> SIZE=101'),
  },
  Max_Receptions_Per_Connection: {
    set: 'Max_Receptions_Per_Connection = 1',
    base: 'Open_Relay = true',
    seen: '250 250 250 354 250 421',
    unset: '250 250 250 354 250 250',
    probe: dialogue(...RELAY, 'DATA', 'Subject: x', '', 'x', '.', 'MAIL FROM:<a@a.test>'),
  },
  Max_Recipients_Per_Connection: {
    set: 'Max_Recipients_Per_Connection = 1',
    base: 'Open_Relay = true',
    seen: '250 250 250 421',
    unset: '250 250 250 250',
    probe: dialogue(...RELAY, 'RCPT TO:<y@far.test>'),
  },
  Max_Recipients_Per_Message: {
    set: 'Max_Recipients_Per_Message = 1',
    base: 'Open_Relay = true',
    seen: '250 250 250 421',
    unset: '250 250 250 250',
    probe: dialogue(...RELAY, 'RCPT TO:<y@far.test>'),
  },
  Banner_Hostname: { set: 'Banner_Hostname = "b.test"', seen: '220 b.test', unset: '220 mx.here.test', probe: greeting },
  Static_Banner: { set: 'Static_Banner = "220 hello"', seen: '220 hello\r\n', unset: '220 mx.here.test', probe: greeting },
  Received_Hostname: {
    set: 'Received_Hostname = "by.test"',
    seen: true,
    unset: false,
    probe: storedHas(/\bby by\.test\b/, `${HEAD}\r\nx`),
  },
  Pathway: { set: 'Pathway = "plain"', seen: 'plain', unset: 'default', probe: key('pathway') },
  'Always-Allow': { set: 'Always-Allow = true', seen: '250 250 250', unset: '250 250 550', probe: dialogue(...RELAY) },
  Always_Allow: { set: 'Always_Allow = true', seen: '250 250 250', unset: '250 250 550', probe: dialogue(...RELAY) },
  Always_Deny: { set: 'Always_Deny = true', seen: '250 550', unset: '250 250', probe: dialogue(...RELAY.slice(0, 2)) },
  AuthCramMD5Parameters: auth('CRAM-MD5', 'AuthCramMD5Parameters'),
  AuthDigestMD5Parameters: auth('DIGEST-MD5', 'AuthDigestMD5Parameters'),
  AuthLoginParameters: auth('LOGIN', 'AuthLoginParameters'),
  AuthPlainParameters: auth('PLAIN', 'AuthPlainParameters'),
  AuthScramSHA256Parameters: auth('SCRAM-SHA-256', 'AuthScramSHA256Parameters'),
  Auth_Requires_TLS: {
    set: 'Auth_Requires_TLS = true',
    base: 'SMTP_Extensions = ( "AUTH LOGIN" ) AuthLoginParameters = [ uri = "file:///etc/none" ]',
    seen: false,
    unset: true,
    probe: keyword('AUTH LOGIN'),
  },
  Enable_Authentication: {
    set: 'Enable_Authentication = true',
    seen: '250 530',
    unset: '250 250',
    probe: dialogue(...RELAY.slice(0, 2)),
  },
  Proxy_Protocol: { set: 'Proxy_Protocol = true', seen: 'closed', unset: 'greeted', probe: isGreetedInClear },
  Proxy_Protocol_Hosts: { set: 'Proxy_Protocol_Hosts = ( 127.0.0.0/8 )', seen: 'closed', unset: 'greeted', probe: isGreetedInClear },
  Proxy_Protocol_Timeout: {
    set: 'Proxy_Protocol_Timeout = 2',
    base: 'Proxy_Protocol = true',
    seen: 'closed',
    unset: 'waits',
    probe: headerPatience,
  },
  Allow_IP_Literal: {
    set: 'Allow_IP_Literal = false',
    seen: '250 501',
    unset: '250 250',
    probe: dialogue('EHLO c.test', 'MAIL FROM:<a@[192.0.2.1]>'),
  },
  Domain_For_Unqualified_Recipient_Addresses: {
    set: 'Domain_For_Unqualified_Recipient_Addresses = "u.test"',
    base: 'Open_Relay = true',
    seen: 'u.test',
    unset: undefined,
    probe: key('rcptto_domain', 'EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<joe>'),
  },
  Domain_For_Unqualified_Sender_Address: {
    set: 'Domain_For_Unqualified_Sender_Address = "u.test"',
    seen: 'u.test',
    unset: undefined,
    probe: key('mailfrom_domain', 'EHLO c.test', 'MAIL FROM:<joe>'),
  },
  Open_Relay: { set: 'Open_Relay = true', seen: '250 250 250', unset: '250 250 550', probe: dialogue(...RELAY) },
  Relay_Domains: { set: 'Relay_Domains = ( "far.test" )', seen: '250 250 250', unset: '250 250 550', probe: dialogue(...RELAY) },
  Bounce_Domains: { set: 'Bounce_Domains = ( "far.test" )', seen: '250 250 250', unset: '250 250 550', probe: dialogue(...RELAY) },
  Relay_For_Sending_Domains: {
    set: 'Relay_For_Sending_Domains = ( "a.test" )',
    seen: '250 250 250',
    unset: '250 250 550',
    probe: dialogue(...RELAY),
  },
  Relay_Hosts: { set: 'Relay_Hosts = ( 192.0.2.0/24 )', seen: '250 250 250', unset: '250 250 550', probe: dialogue(...RELAY) },
  Allow_Null_Envelope_Sender: {
    set: 'Allow_Null_Envelope_Sender = false',
    seen: '250 550',
    unset: '250 250',
    probe: dialogue('EHLO c.test', 'MAIL FROM:<>'),
  },
  Allow_Trailing_Whitespace_In_Commands: {
    set: 'Allow_Trailing_Whitespace_In_Commands = true',
    seen: '250 250',
    unset: '250 501',
    probe: dialogue('EHLO c.test', 'MAIL FROM:<a@a.test >'),
  },
  RFC2821_Allow_Whitespace_In_Envelope: {
    set: 'RFC2821_Allow_Whitespace_In_Envelope = true',
    seen: '250 250',
    unset: '250 501',
    probe: dialogue('EHLO c.test', 'MAIL FROM:<a@a.test> '),
  },
  RFC2821_Pedantic_Address_Rules: {
    set: 'RFC2821_Pedantic_Address_Rules = false',
    seen: '250 250',
    unset: '250 501',
    probe: dialogue('EHLO c.test', 'MAIL FROM:<a..b@a.test>'),
  },
  Require_EHLO: { set: 'Require_EHLO = true', seen: '550', unset: '250', probe: dialogue('MAIL FROM:<a@a.test>') },
  RFC2822_Date_Header: { set: 'RFC2822_Date_Header = pedantic', seen: '550', unset: '250', probe: bodyCode('Subject: x\r\n\r\nx') },
  RFC2822_Lone_LF_In_Body: { set: 'RFC2822_Lone_LF_In_Body = pedantic', seen: '550', unset: '250', probe: bodyCode(`${HEAD}\r\na\nb`) },
  RFC2822_Lone_LF_In_Headers: {
    set: 'RFC2822_Lone_LF_In_Headers = fix',
    seen: '250',
    unset: '550',
    probe: bodyCode(`${HEAD}X: y\nZ: a\r\n\r\nx`),
  },
  RFC2822_Max_Line_Length: {
    set: 'RFC2822_Max_Line_Length = pedantic',
    seen: '550',
    unset: '250',
    probe: bodyCode(`${HEAD}\r\n${'x'.repeat(1100)}`),
  },
  RFC2822_Max_Line_Length_Policy: {
    set: 'RFC2822_Max_Line_Length_Policy = reject',
    top: 'RFC2822_Max_Line_Length = 80',
    seen: '550',
    unset: '250',
    probe: bodyCode(`${HEAD}\r\n${'x'.repeat(100)}`),
  },
  RFC2822_MessageID_Header: {
    set: 'RFC2822_MessageID_Header = ignore',
    seen: false,
    unset: true,
    probe: storedHas(/^Message-ID:/im, 'Subject: x\r\n\r\nx'),
  },
  RFC2822_Missing_Headers: { set: 'RFC2822_Missing_Headers = allow', seen: '250', unset: '550', probe: bodyCode('no header here') },
  RFC2822_Trace_Headers: {
    set: 'RFC2822_Trace_Headers = false',
    seen: false,
    unset: true,
    probe: storedHas(/^Received:/im, `${HEAD}\r\nx`),
  },
  Idle_Time: {
    set: 'Idle_Time = 5',
    seen: '421',
    unset: '',
    probe: async ({ options, ip }) => {
      const world = new World({ options });
      const client = await world.connect(ip);
      world.advance(6_000);
      return codes(client.take());
    },
  },
  Reconfig_Message: {
    set: 'Reconfig_Message = "come back"',
    seen: '421 come back\r\n',
    unset: '421 4.3.2 Reconfiguration in progress\r\n',
    probe: async ({ options, ip }) => {
      const world = new World({ options });
      const client = await world.connect(ip);
      world.version++;
      world.reloads++;
      return client.lines('MAIL FROM:<a@a.test>');
    },
  },
  STARTTLS_Injection_Policy: {
    set: 'STARTTLS_Injection_Policy = ignore',
    base: 'SMTP_Extensions = ( "STARTTLS" ) TLS_Certificate = "{dir}/server.both"',
    seen: '250 220',
    unset: '250 554',
    probe: dialogue('EHLO c.test', 'STARTTLS', 'NOOP'),
  },
  TLS_Certificate: {
    set: 'TLS_Certificate = "{dir}/server.both"',
    base: 'SMTP_Extensions = ( "STARTTLS" )',
    seen: true,
    unset: false,
    probe: keyword('STARTTLS'),
  },
  Use_SSL: {
    set: 'Use_SSL = true',
    base: 'TLS_Certificate = "{dir}/server.both"',
    seen: 'TLS',
    unset: 'no TLS',
    probe: secured({}, () => 'TLS'),
  },
  TLS_Key: {
    set: 'TLS_Key = "{dir}/server.key"',
    base: 'Use_SSL = true TLS_Certificate = "{dir}/server.pem"',
    seen: 'TLS',
    unset: 'no TLS',
    probe: secured({}, () => 'TLS'),
  },
  TLS_Ciphers: {
    set: 'TLS_Ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"',
    base: TLS_BASE,
    seen: 'ECDHE-ECDSA-AES256-GCM-SHA384',
    unset: 'ECDHE-ECDSA-AES128-GCM-SHA256',
    probe: secured(
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256' },
      (socket) => socket.getCipher().name,
    ),
  },
  TLS_Protocols: {
    set: 'TLS_Protocols = "+TLSv1.2"',
    base: TLS_BASE,
    seen: 'TLSv1.2',
    unset: 'TLSv1.3',
    probe: secured({}, (socket) => socket.getProtocol()),
  },
  TLS_SNI_Certificates: {
    set: 'TLS_SNI_Certificates = ( "{dir}/second.both" )',
    base: TLS_BASE,
    seen: 'second.test',
    unset: 'server.test',
    probe: secured({ servername: 'second.test' }, (socket) => socket.getPeerCertificate().subject?.CN),
  },
};

/** Rows whose client shows a certificate: made when the folder is known. */
export function certificateRows(client: ConnectionOptions): Readonly<Record<string, Row>> {
  const ca = 'TLS_Client_CA = "{dir}/ca.pem"';
  return {
    TLS_Client_CA: {
      set: ca,
      base: TLS_BASE,
      seen: 'yes',
      unset: undefined,
      probe: secured(client, KEY_IS('tls_client_verified'), 'XDUMPCONTEXT'),
    },
    TLS_Verify_Mode: {
      set: 'TLS_Verify_Mode = none',
      base: `${TLS_BASE} ${ca}`,
      seen: undefined,
      unset: 'yes',
      probe: secured(client, KEY_IS('tls_client_verified'), 'XDUMPCONTEXT'),
    },
    TLS_Verified_Peer_Can_Relay: {
      set: 'TLS_Verified_Peer_Can_Relay = true',
      base: `${TLS_BASE} ${ca}`,
      seen: 'true',
      unset: undefined,
      probe: secured(client, KEY_IS('can_relay'), 'XDUMPCONTEXT'),
    },
  };
}
