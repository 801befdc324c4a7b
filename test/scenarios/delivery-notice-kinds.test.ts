/**
 * Thirty kinds of failure, each told to its sender: the notices are taken by a Postfix and read by Python's email package.
 *
 * The one rule: what is compared is what a stranger's parser found in what a stranger's server kept: recipient, original recipient,
 * action, status and diagnostic of each. One sender a kind, so that notices are told apart by their To.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { DnsServer } from '../kit/dns-server.ts';
import { handIn, type Letter } from '../kit/outgoing.ts';
import { startPostfix } from '../kit/postfix.ts';
import { command, hasProgram, startServer, until } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const hasAll = hasProgram('postfix') && hasProgram('python3') && process.getuid?.() === 0;

interface Kind {
  /** What the hop answers, or undefined where this server itself finds the reason. */
  readonly reply?: string;
  readonly at?: 'MAIL' | 'RCPT' | 'DATA' | '.';
  readonly domain?: string;
  readonly status: string;
  /** The diagnostic in the notice; `reply` when absent. */
  readonly says?: string;
  readonly letter?: Letter;
  readonly local?: string;
}

const long = `550 5.7.1 ${'for reasons that take very long to tell, '.repeat(12)}no`;

const refusedAtRcpt: Record<string, Kind> = {
  unknown: { reply: '550 5.1.1 No such user here', status: '5.1.1' },
  host: { reply: '550 5.1.2 Bad destination system', status: '5.1.2' },
  syntax: { reply: '553 5.1.3 Bad mailbox syntax', status: '5.1.3' },
  moved: { reply: '551 5.1.6 User has moved; please try <new@elsewhere.test>', status: '5.1.6' },
  sender: { reply: '550 5.1.8 Bad sender system address', status: '5.1.8' },
  nullmx: { reply: '556 5.1.10 Recipient has null MX', status: '5.1.10' },
  disabled: { reply: '550 5.2.1 Mailbox disabled', status: '5.2.1' },
  full: { reply: '552 5.2.2 Mailbox full', status: '5.2.2' },
  access: { reply: '550 5.4.1 Recipient address rejected: Access denied', status: '5.4.1' },
  relay: { reply: '554 5.7.1 Relay access denied', status: '5.7.1' },
  dmarc: { reply: '550 5.7.26 Unauthenticated mail is prohibited', status: '5.7.26' },
  bare: { reply: '550 no enhanced code at all', status: '5.0.0' },
  odd: { reply: '550 5.1.1.1 four numbers', status: '5.0.0' },
  lines: { reply: '550-5.7.1 first line\r\n550 5.7.1 second line', status: '5.7.1', says: '550 5.7.1 first line 5.7.1 second line' },
  codes: { reply: '550 5.7.1 red \x1b[31malert\x07', status: '5.7.1', says: '550 5.7.1 red [31malert' },
  long: { reply: long, status: '5.7.1' },
};
const refusedElsewhere: Record<string, Kind> = {
  mail: { at: 'MAIL', reply: '550 5.7.1 Sender rejected by policy', status: '5.7.1' },
  data: { at: 'DATA', domain: 'data.hop.test', reply: '554 5.5.1 No valid recipients', status: '5.5.1' },
  spam: { at: '.', domain: 'dot.hop.test', reply: '554 5.6.0 Content looks like spam', status: '5.6.0' },
};
const ours: Record<string, Kind> = {
  later: { domain: 'later.hop.test', status: '5.4.7', says: '554 5.4.7 [internal] exceeded max retries without delivery' },
  size: { domain: 'small.hop.test', status: '5.3.4', says: '552 5.3.4 [internal] message is larger than the remote host accepts' },
  eight: {
    domain: 'small.hop.test',
    status: '5.6.7',
    says: '550 5.6.7 [internal] SMTPUTF8 required but not advertised',
    letter: { mail: ' SMTPUTF8', text: 'Subject: x\r\n\r\nx' },
    local: 'jörg',
  },
  by: {
    domain: 'plain.hop.test',
    status: '5.3.3',
    says: '554 5.3.3 [internal] DELIVERBY required but not advertised',
    letter: { mail: ' BY=900;R' },
  },
  nowhere: { domain: 'nowhere.zone.test', status: '5.4.4', says: '554 5.4.4 [internal] Domain Lookup Failed' },
  none: { domain: 'nullmx.zone.test', status: '5.4.4', says: '550 5.4.4 [internal] NULL MX domain does not accept mail' },
  inside: { domain: 'inside.zone.test', status: '5.4.6', says: '551 5.4.6 [internal] Private/Loopback Address' },
  loops: { domain: 'self.zone.test', status: '5.4.6', says: '554 5.4.6 [internal] mail for this domain loops back to this server' },
  hole: { domain: 'hole.test', status: '5.7.0', says: '554 5.7.0 [internal] Blackholed' },
  expired: { domain: 'old.test', status: '5.4.7', says: '554 5.4.7 [internal] exceeded max time without delivery' },
  purged: { domain: 'held.test', status: '5.7.1', says: '554 5.7.1 by order of Bob' },
};

const kinds: Readonly<Record<string, Kind>> = { ...refusedAtRcpt, ...refusedElsewhere, ...ours };

/** What one notice says, as Python understood it. */
interface Read {
  readonly to: string;
  readonly from: string;
  readonly type: string;
  readonly reportType: string;
  readonly defects: readonly string[];
  readonly message: Readonly<Record<string, string>>;
  readonly recipients: readonly Readonly<Record<string, string>>[];
}

const parser = `
import email, email.policy, json, os, sys
def blocks(part):
    if part.get_content_type() == 'message/delivery-status':
        return part.get_payload()
    # The package knows no report in UTF-8: its text is read as what it is, groups of fields.
    text = part.get_payload()[0].as_bytes().decode('utf-8')
    return [email.message_from_string(group, policy=email.policy.SMTPUTF8) for group in text.strip().replace('\\r\\n', '\\n').split('\\n\\n')]
out = []
for name in sorted(os.listdir(sys.argv[1])):
    with open(os.path.join(sys.argv[1], name), 'rb') as file:
        mail = email.message_from_binary_file(file, policy=email.policy.SMTPUTF8)
    status = [part for part in mail.walk() if part.get_content_type().endswith('delivery-status')][0]
    fields = [dict((key.lower(), ' '.join(str(value).split())) for key, value in block.items()) for block in blocks(status)]
    out.append(dict(to=mail['To'].addresses[0].addr_spec, type=mail.get_content_type(), reportType=mail.get_param('report-type'),
        defects=[repr(defect) for part in mail.walk() for defect in part.defects], message=fields[0], recipients=fields[1:]))
    out[-1]['from'] = mail['From'].addresses[0].addr_spec
print(json.dumps(out))
`;

function readAll(folder: string): Read[] {
  const { stdout, stderr } = spawnSync('python3', ['-c', parser, folder], { encoding: 'utf8' });
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Read[];
}

function sinks() {
  const script = (at: Kind['at']) => (line: string) => {
    const name = /<(?:[^>]*[+])?(\w+)@/.exec(line)?.[1] ?? '';
    const kind = kinds[name];
    if (at === 'RCPT' && ['later', 'expired'].includes(name)) return '451 4.2.1 Try later';
    return kind !== undefined && (kind.at ?? 'RCPT') === at ? raw(kind.reply) : undefined;
  };
  return {
    hop: new Sink({ extensions: ['PIPELINING'], replies: { MAIL: script('MAIL'), RCPT: script('RCPT') } }),
    data: new Sink({ replies: { DATA: kinds['data']!.reply! } }),
    dot: new Sink({ replies: { '.': kinds['spam']!.reply! } }),
    small: new Sink({ extensions: ['SIZE 900'] }),
  };
}

function raw(reply: string | undefined) {
  return reply === undefined ? undefined : { raw: `${reply}\r\n` };
}

const conf = `
Resolv_Conf = "{dir}/resolv.conf"
Relay_Hosts = ( 127.0.0.1 )
Generate_Bounces = true
MailerDaemon = "postmaster@mx.impetus.test"
ESMTP_Listener {
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "8BITMIME" "SMTPUTF8" "DSN" "DELIVERBY 60" )
  Listen "127.0.0.1:{port:smtp}" { }
}
Domain "data.test" { Routes = ( "127.0.0.1:{port:postfix}" ) Send_8BITMIME = ifavailable }
Domain "any.hop.test" { Routes = ( "127.0.0.1:{port:hop}" ) }
Domain "plain.hop.test" { Routes = ( "127.0.0.1:{port:hop}" ) }
Domain "later.hop.test" { Routes = ( "127.0.0.1:{port:hop}" ) Never_Retry = true }
Domain "old.test" { Routes = ( "127.0.0.1:{port:hop}" ) Message_Expiration = 1 Retry_Interval = 1 }
Domain "data.hop.test" { Routes = ( "127.0.0.1:{port:data}" ) }
Domain "dot.hop.test" { Routes = ( "127.0.0.1:{port:dot}" ) }
Domain "small.hop.test" { Routes = ( "127.0.0.1:{port:small}" ) }
Domain "hole.test" { Routes = ( "127.0.0.1:{port:hop}" ) Blackhole = internal }
Domain "nowhere.zone.test" { DNS_Failures_To_Purge = 1 }
Domain "held.test" { Suspend_Delivery = true }
`;

function addressOf(name: string, kind: Kind): string {
  return `${kind.local === undefined ? '' : `${kind.local}+`}${name}@${kind.domain ?? 'any.hop.test'}`;
}

/** UTF-8 as the client writes it: one character an octet. */
function octets(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function orcptOf(name: string, kind: Kind): string {
  return kind.local === undefined ? `rfc822;first+2B${name}@old.test` : `utf-8;${kind.local}@old.test`;
}

test(
  'BNC-02 BNC-12 RFC 3464 thirty kinds of failure are told in notices that Postfix takes and Python reads: who, what, which status and whose words',
  { skip: !hasAll },
  async (t) => {
    const postfix = await startPostfix(t);
    const hops = sinks();
    const dns = new DnsServer({
      zones: {
        'nullmx.zone.test': { MX: ['0 .'] },
        'inside.zone.test': { MX: ['10 loop.zone.test'] },
        'loop.zone.test': { A: ['127.0.0.1'] },
        'self.zone.test': { MX: ['10 mx.impetus.test'] },
        'mx.impetus.test': { A: ['192.0.2.1'] },
      },
    });
    await Promise.all([dns.listen(), ...Object.values(hops).map((hop) => hop.listen())]);
    t.after(() => Promise.all([dns.close(), ...Object.values(hops).map((hop) => hop.close())]));
    const ports = Object.fromEntries(Object.entries(hops).map(([name, hop]) => [name, hop.port]));
    const server = await startServer(t, {
      conf,
      files: { 'resolv.conf': `${dns.line}\noptions timeout:1 attempts:1\n` },
      ports: { ...ports, postfix: postfix.ports.data },
    });
    await Promise.all(
      Object.entries(kinds).map(async ([name, kind]) => {
        const reply = await handIn(server, octets(addressOf(name, kind)), {
          from: `${name}@data.test`,
          text: `Subject: ${name}\r\n\r\n${name === 'size' ? 'x'.repeat(900) : 'body'}`,
          ...kind.letter,
          rcpt: octets(` ORCPT=${orcptOf(name, kind)}`),
        });
        assert.match(reply, /^250 /, name);
      }),
    );
    const purge = await command('ec_console', [
      server.path('control'),
      'binding',
      'fail',
      'domain',
      'default',
      'held.test',
      '554',
      '5.7.1',
      'by',
      'order',
      'of',
      'Bob',
    ]);
    assert.equal(purge.code, 0, purge.err);
    const total = Object.keys(kinds).length;
    await until(
      () => postfix.mail.length >= total,
      () => `${total} notices; there are ${postfix.mail.length}: ${postfix.mail.map((text) => /^To: .*/m.exec(text)?.[0]).join()}`,
      60,
    );
    const read = readAll(`${postfix.dir}/mail/box/new`);
    assert.equal(read.length, total);
    for (const notice of read) check(notice);
  },
);

function check({ to, from, type, reportType, defects, message, recipients }: Read): void {
  const name = to.replace(/@.*/, '');
  const kind = kinds[name];
  assert.ok(kind, `a notice to ${to}`);
  const address = addressOf(name, kind);
  const isUtf8 = kind.local !== undefined;
  assert.deepEqual(defects, [], name);
  assert.deepEqual([type, reportType, from], ['multipart/report', 'delivery-status', 'postmaster@mx.impetus.test'], name);
  assert.equal(message['reporting-mta'], 'dns; mx.impetus.test', name);
  assert.equal(recipients.length, 1, name);
  const [fields = {}] = recipients;
  const said = {
    recipient: fields['final-recipient'],
    first: fields['original-recipient'],
    action: fields['action'],
    status: fields['status'],
  };
  assert.deepEqual(
    { name, ...said, words: fields['diagnostic-code'] },
    {
      name,
      recipient: `${isUtf8 ? 'utf-8' : 'rfc822'}; ${address}`,
      first: isUtf8 ? `utf-8; ${kind.local}@old.test` : `rfc822; first+${name}@old.test`,
      action: 'failed',
      status: kind.status,
      words: `smtp; ${kind.says ?? kind.reply}`,
    },
  );
}
