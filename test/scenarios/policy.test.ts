/**
 * Policies at work on a running server: endless loops, changes on disk, contexts, headers and routes as the next hop sees them.
 *
 * The one rule: a policy that must wait waits for a file that the test makes, so that nothing here depends on a clock.
 */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { mainMatching, panicMatching, rejectMatching, rejectRecords } from '../kit/log-lines.ts';
import { drafts, maildir, mailOf, onlyMail } from '../kit/mailbox.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { command, prepareServer, root, startServer, until, type Server } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const listener = 'ESMTP_Listener { SMTP_Extensions = ( "XDUMPCONTEXT" "XSETCONTEXT" ) Listen "127.0.0.1:{port:smtp}" {} }';
const inbox = `Relay_Domains = ( "inbox.test" )\n${listener}\n${maildir}`;

/** As an editor saves a file. */
function save(server: Server, name: string, text: string): void {
  writeFileSync(server.path(`${name}.new`), server.fill(text));
  renameSync(server.path(`${name}.new`), server.path(name));
}

/** Everything that the spool holds, as text. */
function spooled(server: Server): string {
  return globSync(`${server.path('spool')}/**/*`)
    .filter((path) => /seg|log|\d$/.test(path))
    .map((path) => {
      try {
        return readFileSync(path, 'latin1');
      } catch {
        return '';
      }
    })
    .join('\n');
}

test('An endless loop costs one session a 451; others flow, with the policy and without, and loops never stop (POL-20)', async (t) => {
  const server = await startServer(t, {
    conf: `${inbox}\npolicy "mine" { file = "policy.ts" budget = 500 }\n`,
    files: {
      'policy.ts': `export function rcptto(event) { if (event.recipient.local === 'loop') for (;;) {} event.messageContext.set('by', 'policy'); }`,
    },
  });
  const [stuck, waits, free] = [
    await SmtpClient.greet(server.ports['smtp']!),
    await SmtpClient.greet(server.ports['smtp']!),
    await SmtpClient.greet(server.ports['smtp']!),
  ];
  await stuck.say('MAIL FROM:<a@client.test>');
  await waits.say('MAIL FROM:<a@client.test>');
  stuck.write('RCPT TO:<loop@inbox.test>\r\n');
  waits.write('RCPT TO:<other@inbox.test>\r\n');
  for (let i = 0; i < 20; i++) {
    assert.match(await free.say('MAIL FROM:<a@client.test>'), /^250/, 'phases without a policy do not wait');
    assert.match(await free.say('RSET'), /^250/);
  }
  assert.match(await waits.reply(), /^250/);
  assert.match(await stuck.reply(), /^451 4\.3\.0|^451 transaction failed/);
  assert.match(await stuck.say('RCPT TO:<again@inbox.test>'), /^250/, 'the session and the policy go on');
  await panicMatching(server, /policy "mine": rcptto failed: ran longer than 500 ms \(.*policy\.ts\); its thread was ended/);
  assert.match(await handIn(server, 'after@inbox.test'), /^250/);
});

test('A slow policy on one event loop delays neither the others nor its own loop (POL-02)', async (t) => {
  const server = await startServer(t, {
    conf: `EventLoop "pool" { Concurrency = 2 }\n${inbox}\npolicy "mine" { file = "policy.ts" budget = 20000 timeout = 25 }\n`,
    files: {
      'policy.ts': `
import { existsSync } from 'node:fs';
const thread = String(Math.random()).slice(2);
export const connect = (event) => event.connectionContext.set('thread', thread);
export function mailfrom(event) { if (event.sender.address === 'block@client.test') while (!existsSync('{dir}/go')) {} }
`,
    },
  });
  const threadOf = async (client: SmtpClient): Promise<string> => /thread (\d+)/.exec(await client.say('XDUMPCONTEXT'))?.[1] ?? '';
  const byThread = new Map<string, SmtpClient[]>();
  for (let i = 0; i < 64 && (byThread.size < 2 || ![...byThread.values()].every((of) => of.length > 1)); i++) {
    const client = await SmtpClient.greet(server.ports['smtp']!);
    const thread = await threadOf(client);
    byThread.set(thread, [...(byThread.get(thread) ?? []), client]);
  }
  const [[blocked, beside] = [], [other] = []] = [...byThread.values()];
  assert.ok(blocked && beside && other, 'two loops have sessions');
  blocked.write('MAIL FROM:<block@client.test>\r\n');
  assert.match(await beside.say('NOOP'), /^250/, 'the loop itself turns');
  assert.match(await other.say('MAIL FROM:<a@client.test>'), /^250/, 'the policy of the other loop answers');
  assert.match(await other.say('RCPT TO:<u@inbox.test>'), /^250/);
  writeFileSync(server.path('go'), '');
  assert.match(await blocked.reply(), /^250/);
});

test('A policy is read again when it changes on disk and on reload; a bad one leaves the old one in force and says where (POL-03, CFG-12)', async (t) => {
  const conf = `${inbox}\npolicy "mine" { file = "policy.ts" }\n`;
  const server = await startServer(t, {
    conf,
    files: {
      'policy.ts': `import { word } from './words.ts';\nexport const connect = () => ({ reject: 550, text: word });`,
      'words.ts': `export const word: string = 'first';`,
    },
  });
  const greeting = async (): Promise<string> => {
    const client = await SmtpClient.open(server.ports['smtp']!);
    const reply = await client.reply();
    client.socket.destroy();
    return reply.trim();
  };
  assert.equal(await greeting(), '550 first');
  save(server, 'words.ts', `export const word: string = 'second';`);
  await until(async () => (await greeting()) === '550 second', 'the file that the policy imports to be read again');
  save(server, 'policy.ts', 'export const connect = (;');
  await panicMatching(server, /the file that changed is refused, the old one stays: .*policy\.ts:1: SyntaxError/);
  const user = await ConsoleUser.open(server);
  t.after(() => user.close());
  const { ok, text } = await user.ask('config reload');
  assert.equal(ok, false);
  assert.match(text, /ecelerity\.conf:\d+: policy "mine" is refused: .*policy\.ts:1: SyntaxError/);
  assert.equal(await greeting(), '550 second');
  save(server, 'policy.ts', `export const connect = () => ({ reject: 550, text: 'third' });`);
  assert.equal((await user.ask('config reload')).ok, true);
  assert.equal(await greeting(), '550 third');
  server.configure(conf.replace('file =', 'Enabled = false file ='));
  assert.equal((await user.ask('config reload')).ok, true);
  assert.match(await greeting(), /^220/, 'CFG-14: passive');
});

test('The order of policies is that of the configuration, and a session that is to be spared is (POL-04, LSN-13)', async (t) => {
  const policy = (name: string) => `export function rcptto(event) {
    event.messageContext.set('order', (event.messageContext.get('order') ?? '') + '${name}');
    if (event.recipient.local === '${name}') return 'accept';
    if (event.recipient.local === 'no-' + '${name}') return { reject: 550, text: event.messageContext.get('order') };
  }`;
  const server = await startServer(t, {
    conf: `${inbox}\npolicy "z" { file = "z.ts" }\npolicy "a" { file = "a.ts" }\n`,
    files: { 'z.ts': policy('z'), 'a.ts': policy('a') },
  });
  const client = await SmtpClient.greet(server.ports['smtp']!);
  await client.say('MAIL FROM:<a@client.test>');
  assert.match(await client.say('RCPT TO:<no-a@inbox.test>'), /^550 (?:5\S+ )?za/);
  await client.say('RSET');
  await client.say('MAIL FROM:<a@client.test>');
  await client.say('RCPT TO:<z@inbox.test>');
  assert.match(await client.say('XDUMPCONTEXT'), /\[message\] order z\r?\n/, 'accept ends the phase');
  await client.say('XSETCONTEXT __bypass_policy=true');
  assert.match(await client.say('RCPT TO:<no-z@inbox.test>'), /^250/);
});

/** The refused recipient and the message, with one batch id, in the form of the manual's samples. */
function assertTimed(log: string, o: { readonly port: number; readonly batchId: string }): void {
  const [, rejected = '', received = ''] = log.split('\n');
  const times = String.raw`after \d+\.\d{6} s \(scanned in \d+\.\d{6} s\)`;
  const place = String.raw`src=127\.0\.0\.1:\d+ dst=127\.0\.0\.1:${o.port} pathway=default`;
  const batch = `batch-ID=${o.batchId}`;
  assert.match(
    rejected,
    new RegExp(
      String.raw`^\d{10}: rejected ${times} size=0\?\?\? ${place} ID=${o.batchId} ${batch} Message-ID="" phase=6 \(awaiting rcptto\)$`,
    ),
  );
  assert.match(
    received,
    new RegExp(String.raw`^\d{10}: received ${times} size=\d+ ${place} ID=\S+ ${batch} Message-ID="<7@client\.test>"$`),
  );
}

test('What a policy writes into the contexts is in XDUMPCONTEXT, the reject log and the spool, there less what is excluded; counters are on the console; reception_timing times what came (SMTP-22, CTX-08, CTX-09, POL-28, LOG-10)', async (t) => {
  const server = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Suspend_Delivery = true
Exclude_Vctx_Mess = ( "^secret" )
${listener}
policy { file = "policy.ts" }
chunk_logger "said" { destination = "{dir}/policylog.cl" timestamp_format = "%s" add_newline = true }
reception_timing { }
reception_timing_logger { }
`,
    files: {
      'policy.ts': `
export const connect = (event) => event.connectionContext.set('site', 'north');
export function mailfrom(event) {
  event.messageContext.set('score', '17');
  event.messageContext.set('secret', 'do-not-keep');
  event.count('/site/mail', 2);
  event.chunkLog('mail from ' + event.sender.address + '\\r\\nforged');
}
export const rcptto = (event) => (event.recipient.local === 'never' ? { reject: 550, text: '5.7.1 never' } : undefined);
export function data(event) {
  event.messageContext.set('seen', event.headers.get('subject') + ' ' + event.connectionContext.get('site'));
  event.messageContext.set('cl_MID', event.headers.get('message-id'));
}
`,
    },
  });
  const client = await SmtpClient.greet(server.ports['smtp']!);
  await client.say('MAIL FROM:<a@client.test>');
  await until(
    () => /^\d{10}: mail from a@client\.test\\r\\nforged\n/.test(server.read('policylog.cl')),
    'what the policy wrote for chunk_logger',
  );
  const dump = await client.say('XDUMPCONTEXT');
  assert.match(dump, /\[connection\] site north/);
  assert.match(dump, /\[message\] score 17/);
  assert.match(await client.say('RCPT TO:<never@queued.test>'), /^550/);
  const refused = await rejectMatching(server, ({ text }) => text === '5.7.1 never');
  const { connection, message } = refused;
  assert.deepEqual([connection.get('site'), message.get('score'), message.get('secret')], ['north', '17', 'do-not-keep']);
  await client.say('RCPT TO:<u@queued.test>');
  await client.say('DATA');
  const ok = await client.say('Subject: hello\r\nMessage-ID: <7@client.test>\r\n\r\nx\r\n.');
  assert.match(ok, /^250/);
  await until(() => server.read('policylog.cl').includes(': received after '), 'the line of reception_timing_logger');
  assertTimed(server.read('policylog.cl'), { port: server.ports['smtp']!, batchId: / OK (\S+)/.exec(ok)?.[1] ?? '' });
  const text = spooled(server);
  assert.match(text, /"score":"17"/);
  assert.match(text, /"seen":"hello north"/);
  assert.match(text, /"site":"north"/);
  assert.doesNotMatch(text, /do-not-keep/);
  const user = await ConsoleUser.open(server);
  t.after(() => user.close());
  await until(async () => /\b2\b.*\/site\/mail/.test(await user.run('counter list')), 'the counter');
});

test('Headers, bindings, routes and addresses that a policy sets are what the next hop sees (POL-05, POL-06, POL-07, POL-27)', async (t) => {
  const [hop, gateway] = [await startSink(t), await startSink(t)];
  const server = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
${listener}
Binding "bulk" { Bind_Address = 127.0.0.3 }
Binding_Group "pool" { Binding "p1" { Bind_Address = 127.0.0.4 } }
Domain "routed.test" { EHLO_Hostname = "as-routed.test" }
policy "mine" { file = "policy.ts" }
`,
    ports: { hop: hop.port, gateway: gateway.port },
    files: {
      'policy.ts': `
export function mailfrom(event) { if (event.sender.address === 'old@sender.test') event.sender.rewrite('new@sender.test'); }
export function rcptto(event) { if (event.recipient.local === 'moved') event.recipient.rewrite('here@moved.test'); }
export function data(event) {
  event.headers.add('X-Policy', 'seen ' + event.message.size);
  event.headers.remove('X-Secret');
  event.headers.replace('Subject', '[list] ' + event.headers.get('Subject'));
}
export function data_spool_each_rcpt(event) { if (event.recipient.domain === 'each.test') event.recipient.rewrite('all@each2.test'); }
export function set_binding(event) {
  const { recipient } = event;
  if (recipient.domain === 'bulk.test') recipient.setBinding('bulk');
  if (recipient.domain === 'group.test') recipient.setBindingGroup('pool');
  if (recipient.domain === 'unknown.test') recipient.setBinding('nowhere');
  if (recipient.domain === 'own.test') recipient.setRoutingDomain('routed.test');
  if (recipient.domain === 'gate.test') recipient.setGateway('127.0.0.1:{port:gateway}');
}
`,
    },
  });
  await handIn(server, 'u@bulk.test', { from: 'old@sender.test', text: 'Subject: s\r\nX-Secret: 1\r\nX-Kept: 2\r\n\r\nhello' });
  const [bulk] = await arrivals(hop, 'bulk.test');
  const data = bulk?.data.toString('latin1') ?? '';
  assert.match(data, /^X-Policy: seen \d+\r\n/);
  assert.match(data, /\r\nSubject: \[list\] s\r\nX-Kept: 2\r\n/);
  assert.doesNotMatch(data, /X-Secret/);
  assert.ok(data.endsWith('\r\n\r\nhello\r\n'));
  assert.deepEqual([bulk?.from, bulk?.mailFrom.includes('<new@sender.test>')], ['127.0.0.3', true]);
  for (const [to, at, from] of [
    ['u@group.test', 'group.test', '127.0.0.4'],
    ['u@unknown.test', 'unknown.test', '127.0.0.1'],
    ['moved@any.test', 'moved.test', '127.0.0.1'],
    ['u@each.test', 'each2.test', '127.0.0.1'],
    ['u@own.test', 'own.test', '127.0.0.1'],
  ] as const) {
    assert.match(await handIn(server, to), /^250/);
    assert.equal((await arrivals(hop, at))[0]?.from, from, to);
  }
  await panicMatching(server, /there is no binding "nowhere"; assignment unchanged/);
  assert.ok(hop.commands.includes('EHLO as-routed.test'), 'the options of the routing domain hold');
  await handIn(server, 'u@gate.test');
  await arrivals(gateway, 'gate.test');
  assert.equal(mailFor(hop, 'gate.test').length, 0);
  await mainMatching(server, 'D', 1, ({ fields }) => fields.includes('bulk'));
});

test('Large messages are changed and arrive whole; mail that no policy reads costs it nothing (POL-07)', async (t) => {
  const server = await startServer(t, {
    conf: `${inbox}\npolicy { file = "policy.ts" }\n`,
    files: {
      'policy.ts': `export const data_spool = (event) => event.headers.add('X-Whole', String(event.message.isBodyWhole) + ' ' + event.message.body.length, { last: true });`,
    },
  });
  const body = `${'y'.repeat(70)}\r\n`.repeat(60_000);
  assert.match(await handIn(server, 'big@inbox.test', { text: `Subject: x\r\n\r\n${body.trimEnd()}` }), /^250/);
  const [mail = ''] = mailOf(server, 'big');
  assert.match(mail, /\r?\nX-Whole: false 65536\r?\n\r?\n/);
  assert.equal(mail.replaceAll('\r\n', '\n').split('\n\n').slice(1).join('\n\n'), body.replaceAll('\r\n', '\n'));
  assert.equal(drafts(server).length, 0);
});

test('A client that is gone while its message is being judged has sent nothing; one that stays has its message once (A68)', async (t) => {
  const server = await startServer(t, {
    conf: `${inbox}\npolicy { file = "policy.ts" timeout = 25 budget = 20000 }\n`,
    files: {
      'policy.ts': `
import { existsSync, writeFileSync } from 'node:fs';
const judge = async (event) => {
  if (event.recipient?.local === 'plain') return;
  writeFileSync('{dir}/judging-' + event.phase, '');
  while (!existsSync('{dir}/go')) await new Promise((done) => setTimeout(done, 10));
};
export const data = (event) => (event.headers.get('Subject') === 'data' ? judge(event) : undefined);
export const data_spool = (event) => (event.headers.get('Subject') === 'data_spool' ? judge(event) : undefined);
`,
    },
  });
  const begin = async (user: string, subject: string): Promise<SmtpClient> => {
    const client = await SmtpClient.greet(server.ports['smtp']!);
    for (const line of ['MAIL FROM:<a@client.test>', `RCPT TO:<${user}@inbox.test>`, 'DATA']) await client.say(line);
    client.write(`Subject: ${subject}\r\n\r\nx\r\n.\r\n`);
    await until(() => existsSync(server.path(`judging-${subject}`)), 'the policy to judge');
    return client;
  };
  const [one, two, stays] = [await begin('gone1', 'data'), await begin('gone2', 'data_spool'), await begin('stays', 'data')];
  one.socket.resetAndDestroy();
  two.socket.resetAndDestroy();
  await until(() => drafts(server).length <= 1, 'the drafts of who is gone to be given up');
  // The server has noticed when both sessions are over.
  const user = await ConsoleUser.open(server);
  t.after(() => user.close());
  await until(async () => /\b1 sessions/.test(await user.run('show inbound')), 'two sessions to be over');
  writeFileSync(server.path('go'), '');
  assert.match(await stays.reply(), /^250/);
  assert.deepEqual([mailOf(server, 'gone1').length, mailOf(server, 'gone2').length], [0, 0]);
  assert.ok(onlyMail(server, 'stays').includes('x'));
  assert.equal(rejectRecords(server).length, 0);
});

test('A tarpit keeps a client waiting and nobody else; unset Timeout does not end it (POL-07)', async (t) => {
  const server = await startServer(t, {
    conf: `${inbox}\npolicy { file = "policy.ts" timeout = 1 }\n`,
    files: {
      'policy.ts': `export const rcptto = (event) => (event.recipient.local === 'slow' ? { tarpit: 3, answer: { reject: 550, text: '5.1.1 no' } } : undefined);`,
    },
  });
  const [slow, quick] = [await SmtpClient.greet(server.ports['smtp']!), await SmtpClient.greet(server.ports['smtp']!)];
  await slow.say('MAIL FROM:<a@client.test>');
  slow.write('RCPT TO:<slow@inbox.test>\r\n');
  const order: string[] = [];
  const waiting = slow.reply().then((reply) => order.push(reply.slice(0, 3)));
  await quick.say('MAIL FROM:<a@client.test>');
  order.push((await quick.say('RCPT TO:<quick@inbox.test>')).slice(0, 3));
  await waiting;
  assert.deepEqual(order, ['250', '550']);
});

test('A policy that cannot be read stops the start, --check and validate_config, with the line of the stanza and of the file (POL-20, POL-21)', async (t) => {
  const server = await prepareServer({
    conf: `${inbox}\npolicy "mine" { file = "policy/bad.ts" }\n`,
    files: {
      'policy/bad.ts': 'export const a = 1;\nexport function rcptto(event) {\n  return event..x;\n}\n',
      'policy/good.ts': 'export const init = () => false;\nexport const ehlo = () => {};\n',
    },
  });
  t.after(() => server.end());
  const where = /ecelerity\.conf:\d+: policy "mine" is refused: .*policy\/bad\.ts:3: SyntaxError/;
  const check = await command('ecelerity', ['--check', '-c', server.path('ecelerity.conf')]);
  assert.deepEqual([check.code, where.test(check.out)], [1, true], check.out);
  const validated = await command('validate_config', [server.path('ecelerity.conf')]);
  assert.deepEqual([validated.code, where.test(validated.out)], [1, true], validated.out);
  server.launch();
  assert.equal((await server.exited).code, 1);
  assert.match(server.output, where);
  assert.equal(existsSync(server.path('spool')), false, 'nothing was touched');
  server.configure(server.options.conf.replace('bad.ts', 'good.ts'));
  assert.match((await command('ecelerity', ['--check', '-c', server.path('ecelerity.conf')])).out, /init\(\) returned false/);
  server.configure(server.options.conf.replace('file = "policy/bad.ts"', ''));
  assert.match((await command('validate_config', [server.path('ecelerity.conf')])).out, /policy "mine" has no File/);
  for (const guard of ['scriptlet "s" { script "x" { source = "y.lua" } }', 'sieve { }']) {
    server.configure(`${inbox}\n${guard}\n`);
    const refused = await command('validate_config', [server.path('ecelerity.conf')]);
    assert.deepEqual([refused.code, /is a guard not working yet/.test(refused.out)], [1, true], refused.out);
  }
  assert.ok(existsSync(`${root}/docs/policy.md`));
});
