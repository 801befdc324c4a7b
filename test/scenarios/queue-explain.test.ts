/**
 * `explain` on the real server: for each way in which mail can be held back, the one cause, the place in the configuration, and what helps.
 *
 * The one rule: a queue for each cause, and the answer names that cause and no other. The lines of the configuration are found by their text.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { DnsServer } from '../kit/dns-server.ts';
import { freePorts, prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

let release: () => void = () => undefined;
const held = new Promise<void>((done) => (release = done));
const dns = new DnsServer({ zones: {}, misbehave: ({ name }) => (name === 'broken.test' ? 'servfail' : undefined) });
const slow = new Sink({ hold: () => held });
const quick = new Sink({});
let server: Server;
let user: ConsoleUser;

before(async () => {
  const [dead = 0] = await freePorts(1);
  await Promise.all([slow.listen(), quick.listen(), dns.listen()]);
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Resolv_Conf = "{dir}/resolv.conf"
Retry_Interval = 3600
Host_Failure_Retry = 900
Binding_Context = "vmta"
Connection_Allocation_Aggressiveness = high
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { Peer "127.0.0.1/32" { SMTP_Extensions = ( "XSETCONTEXT" "PIPELINING" ) } } }
Binding "parked" {
  Suspend_Delivery = true
}
Binding_Group "pool" {
  Binding "asleep" {
    Suspend_Delivery = true
  }
}
Domain "throttled.test" {
  Routes = ( "127.0.0.1:{port:quick}" )
  Outbound_Throttle_Messages = 1/3600
}
Domain "limited.test" {
  Routes = ( "127.0.0.1:{port:slow}" )
  Max_Outbound_Connections = 1
}
Domain "suspended.test" {
  Suspend_Delivery = true
}
Domain "/^regex\\\\d\\\\.test$/" {
  Routes = ( "127.0.0.1:{port:slow}" )
  Scope_Max_Outbound_Connections = 2
}
Domain "deadfirst.test" {
  Routes = ( "smtp://127.0.0.1:{port:dead}?pref=10" "smtp://127.0.0.1:{port:slow}?pref=20" )
  Max_Outbound_Connections = 1
}
Binding "ghost" {
  Bind_Address = "192.0.2.77"
}
Domain "shared.test" { Routes = ( "127.0.0.1:{port:quick}" ) }
Domain "gated.test" { Gateway = "127.0.0.1:{port:quick}" }
Domain "noname.test" { Routes = ( "nowhere.hosts.test" ) }
Domain "dead.test" { Routes = ( "127.0.0.1:{port:dead}" ) }
Domain "tls.test" {
  Routes = ( "127.0.0.1:{port:quick}" )
  TLS = required
}
`,
    files: { 'resolv.conf': `${dns.line}\noptions timeout:1 attempts:1\n` },
    ports: { slow: slow.port, quick: quick.port, dead },
  });
  await server.start();
  user = await ConsoleUser.open(server);
});
after(async () => {
  release();
  user.close();
  await server.end();
  await Promise.all([slow.close(), quick.close(), dns.close()]);
});

async function many(count: number, domain: string, vmta?: string): Promise<void> {
  const client = await SmtpClient.greet(server.ports['smtp']!);
  if (vmta !== undefined) assert.match(await client.say(`XSETCONTEXT vmta=${vmta}`), /^250/);
  for (let i = 0; i < count; i += 1) assert.match(await client.send('a@sender.test', `u${i}@${domain}`, 'Subject: x\r\n\r\nhello'), /^250/);
  await client.quit();
}

/** `file:line` of the first line of the configuration with this text, behind another one. */
function place(text: string, behind = ''): string {
  const lines = server.read('ecelerity.conf').split('\n');
  const from = behind === '' ? 0 : lines.findIndex((line) => line.includes(behind));
  const at = lines.findIndex((line, i) => i >= from && line.includes(text));
  assert.ok(at >= 0, text);
  return `${server.path('ecelerity.conf')}:${at + 1}`;
}

/** The explanation, when it says this. */
async function explained(what: string, wanted: RegExp): Promise<string> {
  let text = '';
  await until(
    async () => {
      text = (await user.ask(`explain ${what}`)).text;
      return wanted.test(text);
    },
    () => `"explain ${what}" to say ${String(wanted)}; it says:\n${text}`,
    30,
  );
  return text;
}

const has = (text: string, ...parts: readonly string[]): void => {
  for (const part of parts) assert.ok(text.includes(part), `"${part}" is not in:\n${text}`);
};

test('SHP-05 explain names the throttle that binds, where it is set, and when the next message may go', async () => {
  await many(4, 'throttled.test');
  const text = await explained('queue default throttled.test', /Outbound_Throttle_Messages = 1\/3600/);
  has(
    text,
    'Domain throttled.test',
    place('Outbound_Throttle_Messages'),
    'Next wake-up:  in ',
    'config set domain throttled.test Outbound_Throttle_Messages',
  );
  const answer = JSON.parse(await user.run('json explain queue default throttled.test')) as {
    data: { cause: { kind: string }; nextAt: number };
  };
  assert.equal(answer.data.cause.kind, 'throttle');
  assert.ok(answer.data.nextAt > Date.now());
});

test('SHP-01 CC-20 explain names the limit of connections, follows a change by config set, and says whether that is saved', async () => {
  await many(4, 'limited.test');
  const text = await explained('queue default limited.test', /Max_Outbound_Connections = 1, 1 in use/);
  has(
    text,
    'State:         sending',
    place('Max_Outbound_Connections'),
    'config set domain limited.test Max_Outbound_Connections <more than 1>',
    'when a connection ends',
  );
  await user.run('config set domain limited.test Max_Outbound_Connections 2');
  const unsaved = '(set at the console, not saved yet)';
  has(await explained('queue default limited.test', /Max_Outbound_Connections = 2, 2 in use/), unsaved);
  await user.run('config writeback');
  const saved = await explained('queue default limited.test', /Max_Outbound_Connections = 2, 2 in use/);
  has(saved, place('Max_Outbound_Connections = 2', 'Domain "limited.test"'));
  assert.ok(!saved.includes(unsaved), saved);
});

test('SHP-01 SHP-03 a limit of 0 is told as one that no ending connection will lift', async () => {
  for (const option of ['Max_Outbound_Connections', 'Scope_Max_Outbound_Connections']) {
    const domain = `none-${option.toLowerCase().replaceAll('_', '-')}.test`;
    await user.run(`config set domain ${domain} ${option} 0`);
    await user.run(`config set domain ${domain} Routes "127.0.0.1:${quick.port}"`);
    await many(1, domain);
    const text = await explained(`queue default ${domain}`, new RegExp(`[ ]${option} = 0, 0 in use: .*no connection`));
    has(text, 'Next wake-up:  when the configuration is changed', `config set domain ${domain} ${option} <more than 0>`);
    assert.doesNotMatch(text, /are in use|connection ends/);
  }
});

test('OUT-04 explain tells a suspended domain, a suspended binding and a suspended member of a group apart', async () => {
  await many(2, 'suspended.test');
  await many(2, 'any.test', 'parked');
  await many(2, 'any.test', 'pool');
  has(
    await explained('queue default suspended.test', /suspended/),
    'Suspend_Delivery = true',
    'Domain suspended.test',
    place('Suspend_Delivery', 'Domain "suspended.test"'),
    'config set domain suspended.test Suspend_Delivery false',
  );
  has(await explained('queue parked any.test', /suspended/), 'Binding parked', place('Suspend_Delivery', 'Binding "parked"'));
  has(
    await explained('queue asleep any.test', /suspended/),
    '(group pool)',
    'Binding_Group pool > Binding asleep',
    place('Suspend_Delivery', 'Binding "asleep"'),
  );
  has(
    await user.run('explain binding parked'),
    'Binding parked: 1 queue, 2 messages active',
    '2 messages in 1 queue, such as any.test: waiting; delivery is suspended',
    place('Suspend_Delivery'),
  );
  await user.run('config set domain suspended.test Suspend_Delivery false');
  assert.doesNotMatch(await user.run('explain queue default suspended.test'), /delivery is suspended/);
});

test('SHP-03 FB-09 explain finds the regex domain whose limit several domains share', async () => {
  await many(3, 'regex1.test');
  await many(3, 'regex2.test');
  await until(() => slow.open >= 2, 'two connections');
  const text = await explained('queue default regex2.test', /Scope_Max_Outbound_Connections = 2, 2 in use/);
  has(text, String.raw`Domain /^regex\d\.test$/`, place('Scope_Max_Outbound_Connections'));
});

test('OUT-25 explain and domain say that the DNS gives no way, and what it said', async () => {
  await many(1, 'broken.test');
  has(
    await explained('queue default broken.test', /the DNS gives no way/),
    'State:         waiting',
    'dig broken.test',
    'Next wake-up:  in ',
  );
  // While the cache holds the failure (some seconds), and when only the queue knows of it that waits for an answer.
  let text = '';
  await until(
    async () => {
      text = (await user.ask('domain broken.test')).text;
      assert.match(text, /^Domain 'broken\.test': the DNS (did not answer|gives no way to it), .*answered with error 2/m);
      return text.includes('the DNS gives no way to it');
    },
    () => `the queue to be asked; domain says:\n${text}`,
    30,
  );
  assert.match(text, /\(binding default, asked again in .*\)/);
  assert.ok(!text.includes('is not in the DNS cache'), text);
});

test('Q-07 Q-10 explain names the dead host, what it answered, and when it is tried again', async () => {
  await many(2, 'dead.test');
  const text = await explained('queue default dead.test', /its only host failed: \[127\.0\.0\.1\]:\d+ \(connection refused\)/);
  has(text, 'Host_Failure_Retry', place('Host_Failure_Retry'), 'Next wake-up:  in 1');
});

test('OUT-22 Q-07 behind a dead first host explain names what binds at the second, and not the host that nobody waits for', async () => {
  await many(3, 'deadfirst.test');
  const text = await explained('queue default deadfirst.test', /Max_Outbound_Connections = 1, 1 in use/);
  has(text, 'State:         sending', place('Max_Outbound_Connections', 'Domain "deadfirst.test"'));
  assert.doesNotMatch(text, /failed/);
});

test('OUT-60 explain says that TLS is demanded and not offered, and where it is demanded', async () => {
  await many(1, 'tls.test');
  has(await explained('queue default tls.test', /TLS = required/), place('TLS = required'), 'the host must offer TLS');
});

test('Q-02 explain of a delayed message gives its next attempt, what the last one ended with, and the retry interval', async () => {
  const [id = ''] = [...(await user.run('showqueue tls.test')).matchAll(/^\[delayed\/default\] (\S+)/gm)].map((m) => m[1]!);
  const text = await user.run(`explain message ${id}`);
  has(
    text,
    `Message ${id} in queue default tls.test`,
    'From:          <a@sender.test>',
    'To:            <u0@tls.test>',
    'Attempts:      1; the last one ended with: 4',
    place('Retry_Interval'),
    `message retry ${id}`,
  );
  assert.match(text, /Next wake-up: {2}in (59|60) min/);
  assert.match(await user.refused('explain message 00/00-1-1'), /There is no message "00\/00-1-1" in the queues/);
  assert.match(await user.refused('explain queue default nobody.test'), /No mail is or was queued/);
});

test('OUT-02 an address that this machine has not is told as such, and holds back the mail of its own binding alone', async () => {
  await many(1, 'shared.test', 'ghost');
  const text = await explained('queue ghost shared.test', /our address 192\.0\.2\.77 is not on this machine/);
  has(text, place('Bind_Address'), 'config set binding ghost Bind_Address');
  const before = quick.messages.length;
  await many(1, 'shared.test');
  await until(
    () => quick.messages.length > before,
    () => 'the same host to take mail of the default binding',
    30,
  );
});

test('OUT-22, Q-07 domain shows whose word the way is, the next choice, and which host failed how', async () => {
  await many(1, 'deadfirst.test');
  await until(
    async () => (await user.ask('domain deadfirst.test')).text.includes('since failure'),
    () => 'the first route to fail',
    30,
  );
  const { text } = await user.ask('domain deadfirst.test');
  has(text, `Binding default sends by Routes (Domain deadfirst.test, ${place('Routes', 'deadfirst.test')})`);
  assert.match(text, /\n \*      \[127\.0\.0\.1\]:\d+ IPv4 (\(.*\) )?[\d.]+s since failure, tried again in .*: connection refused\n/);
  assert.match(text, /\n =>     \[127\.0\.0\.1\]:\d+ IPv4/);
  assert.ok(!text.includes('DNS cache'), 'what the DNS says of a routed domain is no matter');
});

test('OUT-21 mail that waits under the name of a gateway is found from the name of its domain', async () => {
  await many(1, 'gated.test');
  const { text } = await user.ask('domain gated.test');
  has(text, "Mail for 'gated.test' waits under the name of its gateway", place('Gateway'));
  const asked = await user.ask('explain queue default gated.test');
  assert.match(asked.text, /Its mail waits under the name of its gateway: explain queue default 127\.0\.0\.1:\d+/);
});

test('OUT-25 a route that the DNS does not know is told as what the operator wrote, and not as the DNS of the domain', async () => {
  await many(1, 'noname.test');
  const text = await explained('queue default noname.test', /the DNS knows no host of Routes/);
  has(text, 'nowhere.hosts.test', place('nowhere.hosts.test'), 'correct Routes or the DNS');
});
