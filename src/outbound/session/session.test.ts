import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE, SILENCE, startServer, World } from '../fixtures.test.ts';

test('SHP-07: two messages travel on one connection, body and next envelope in one write (PIPELINING)', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send('1@a.test', { text: 'Subject: one\r\n\r\none\r\n' });
  world.send('2@a.test', { text: 'Subject: two\r\n\r\n.two\r\n' });
  await world.until(() => world.kinds === 'DD');
  assert.equal(server.connections, 1);
  assert.deepEqual(
    server.messages.map(({ data, to }) => [to[0], data]),
    [
      ['RCPT TO:<1@a.test>', 'Subject: one\r\n\r\none\r\n'],
      ['RCPT TO:<2@a.test>', 'Subject: two\r\n\r\n..two\r\n'],
    ],
  );
  assert.ok(
    server.chunks.some((chunk) => chunk.startsWith('Subject: one') && chunk.includes('\r\n.\r\nMAIL FROM:') && chunk.endsWith('DATA\r\n')),
    server.chunks.join('|'),
  );
  assert.deepEqual(world.settled.length, 2);
});

test('a server without PIPELINING gets one command at a time', async (t) => {
  const server = await startServer(t, { extensions: ['8BITMIME'] });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send(['1@a.test', '2@a.test']);
  world.send('3@a.test');
  await world.until(() => world.kinds === 'DDD');
  assert.ok(server.chunks.every((chunk) => chunk.split('\r\n').length === 2 || chunk.startsWith('Subject')));
  assert.equal(server.messages.length, 2);
});

test('#2809: a rejection in the middle of a pipelined group keeps replies and commands in step', async (t) => {
  const server = await startServer(t, {
    answer: (verb, line) => {
      if (verb === 'RCPT' && line.includes('bad')) return '550 5.1.1 no such user';
      if (verb === 'RCPT' && line.includes('later')) return '450 4.2.0 greylisted';
      if (verb === 'MAIL' && line.includes('unwanted')) return '553 5.1.8 sender refused';
      return undefined;
    },
  });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send(['good@a.test', 'bad@a.test', 'later@a.test']);
  world.send('bad@a.test');
  world.send('1@a.test', { sender: 'unwanted@origin.test' });
  world.send('good@a.test', { text: 'Subject: last\r\n\r\n' });
  await world.until(() => world.records.length === 6);
  assert.deepEqual(world.failures.toSorted(), [
    'P 3 553 5.1.8 sender refused',
    'P 5 550 5.1.1 no such user',
    'P 5 550 5.1.1 no such user',
    'T 5 450 4.2.0 greylisted',
  ]);
  assert.deepEqual(
    server.messages.map(({ to, data }) => [to.length, data.slice(0, 14)]),
    [
      [1, 'Subject: hello'],
      [1, 'Subject: last\r'],
    ],
  );
  assert.equal(server.connections, 1);
  assert.equal(server.lines.filter((line) => line === 'RSET').length, 1, 'after a MAIL that was taken and led nowhere');
});

test('A14: where every recipient is refused and DATA answered 354 all the same, an empty message ends it', async (t) => {
  const server = await startServer(t, {
    answer: (verb, line) => {
      if (verb === 'RCPT' && line.includes('bad')) return '550 no';
      return verb === 'DATA' ? '354 go on whatever' : undefined;
    },
  });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send('bad@a.test');
  world.send('good@a.test');
  await world.until(() => world.kinds === 'PD');
  assert.deepEqual(
    server.messages.map(({ data }) => data),
    ['Subject: hello\r\n\r\nhello\r\n'],
  );
  assert.equal(server.connections, 1);
});

test('A13, A14: lone CR, lone LF, dots and NUL in a stored message become CRLF lines with stuffed dots, and one message', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port } });
  world.send('1@a.test', { text: 'Subject: x\n.\n.\r\n.\r.\rMAIL FROM:<evil@x.test>\r\n.\0\r\n.', resident: false });
  await world.until(() => world.kinds === 'D');
  assert.equal(server.messages.length, 1);
  const { data } = server.messages[0] ?? { data: '' };
  assert.doesNotMatch(data, /[^\r]\n|\r[^\n]/);
  assert.doesNotMatch(data, /\r\n\.\r\n/);
  assert.match(data, /\r\nMAIL FROM:<evil@x\.test>\r\n/);
});

test('CHUNKING: a small message leaves with its envelope, unstuffed, and a large one in chunks that are answered one by one', async (t) => {
  const server = await startServer(t, { extensions: ['PIPELINING', 'CHUNKING'] });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  const large = Buffer.alloc(2_500_000, 'x'.repeat(78).concat('\r\n'));
  world.send('1@a.test', { text: 'Subject: one\r\n\r\n.\r\n..\r\nend' });
  world.send('2@a.test', { text: large, resident: false });
  world.send('3@a.test');
  await world.until(() => world.kinds === 'DDD');
  assert.equal(server.messages[0]?.data, 'Subject: one\r\n\r\n.\r\n..\r\nend\r\n');
  assert.equal(server.messages[1]?.data, large.toString('latin1'));
  assert.deepEqual(
    server.lines.filter((line) => line.startsWith('BDAT')),
    ['BDAT 28 LAST', 'BDAT 1048576', 'BDAT 1048576', `BDAT ${2_500_000 - 2 * 1_048_576} LAST`, 'BDAT 25 LAST'],
  );
  assert.equal(server.lines.includes('DATA'), false);
});

test('CHUNKING: a refused chunk is the verdict, and RSET comes before the next message', async (t) => {
  const server = await startServer(t, {
    extensions: ['PIPELINING', 'CHUNKING'],
    answer: (verb, _line, peer) => (verb === 'BDAT' && peer.messages === 0 && server.lines.length < 5 ? '552 5.3.4 too big' : undefined),
  });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send('1@a.test');
  world.send('2@a.test');
  await world.until(() => world.kinds === 'PD');
  assert.deepEqual(world.failures, ['P 9 552 5.3.4 too big']);
  assert.ok(server.lines.includes('RSET'));
});

test('A60: a large message by DATA is sent as the peer takes it, whole and stuffed', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port } });
  const large = Buffer.alloc(6_000_000, '.x'.repeat(38).concat('\r\n'));
  world.send('1@a.test', { text: large, resident: false });
  await world.until(() => world.kinds === 'D');
  assert.equal(server.messages[0]?.data.replaceAll(/(^|\n)\.\./g, '$1.'), `${large.toString('latin1')}\r\n`);
});

test('MO-465: a 421 behind one message does not fail the next one, which goes on a new connection', async (t) => {
  const server = await startServer(t, {
    answer: (verb, _line, peer) => (verb === 'MAIL' && peer.messages === 1 ? `421 4.7.0 one message is enough${CLOSE}` : undefined),
  });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  for (let i = 0; i < 4; i += 1) world.send(`${i}@a.test`);
  await world.until(() => world.kinds === 'DDDD');
  assert.equal(server.connections, 4);
  assert.equal(
    world.notes.some((note) => note.kind === 'deferred'),
    false,
  );
});

test('MO-465: a 421 to the body defers that message and releases the one behind it', async (t) => {
  let first = true;
  const server = await startServer(t, {
    answer: (verb) => {
      if (verb !== '.' || !first) return undefined;
      first = false;
      return `421 4.3.2 shutting down${CLOSE}`;
    },
  });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send('1@a.test');
  world.send('2@a.test');
  await world.until(() => world.records.length === 2);
  assert.deepEqual(world.kinds, 'TD');
  assert.deepEqual(world.failures, ['T 9 421 4.3.2 shutting down']);
});

test('SD-1087: a 421 to MAIL on a fresh connection is a transient failure and not an endless loop', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === 'MAIL' ? `421 busy${CLOSE}` : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'T');
  await world.turns();
  assert.equal(server.connections, 1);
  assert.deepEqual(world.failures, ['T 3 421 busy']);
});

test('Q-13: a connection lost behind the final dot is a transient failure with its stage; the message is sent again later', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === '.' ? CLOSE : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'T');
  assert.deepEqual(world.failures, ['T 9 451 4.4.2 [internal] connection closed by remote host']);
  assert.equal(world.queues.find('default', 'a.test')?.delayed, 1);
});

for (const [verb, timeout, expected] of [
  ['banner', 'ehloTimeout', 'T 12 451 4.4.2 [internal] no banner'],
  ['EHLO', 'ehloTimeout', 'T 11 451 4.4.2 [internal] no HELO/EHLO response'],
  ['MAIL', 'mailfromTimeout', 'T 3 451 4.4.2 [internal] no MAIL FROM response'],
  ['RCPT', 'rcpttoTimeout', 'T 5 451 4.4.2 [internal] no RCPT TO response'],
  ['DATA', 'bodyTimeout', 'T 7 451 4.4.2 [internal] no DATA response'],
  ['.', 'bodyTimeout', 'T 9 451 4.4.2 [internal] no BODY response'],
] as const) {
  test(`SHP-10, Q-12, Q-13: silence at ${verb} ends the attempt after ${timeout}`, async (t) => {
    const server = await startServer(t, { extensions: [], answer: (said) => (said === verb ? SILENCE : undefined) });
    const options = { ehloTimeout: 1000, mailfromTimeout: 1000, rcpttoTimeout: 1000, bodyTimeout: 1000, [timeout]: 7 };
    const world = new World(t, { isManual: true, options: { remoteSmtpPort: server.port, ...options } });
    world.send('1@a.test');
    const reached =
      verb === 'banner'
        ? () => server.connections === 1
        : () => server.lines.some((l) => l.startsWith(verb)) || server.chunks.some((c) => c.includes('\r\n.\r\n'));
    await world.until(reached, verb);
    await world.turns();
    world.pass(6);
    await world.turns(3);
    assert.equal(world.kinds, '');
    world.pass(1);
    assert.deepEqual(world.failures, [expected]);
  });
}

test('A50, I-1030: garbage and mixed codes in replies end the connection and fail nobody for good', async (t) => {
  for (const wrong of ['what?', '250-yes\r\n550 no', '550-no\r\n250 yes', '999 beyond']) {
    const server = await startServer(t, { answer: (verb) => (verb === 'RCPT' ? wrong : undefined) });
    const world = new World(t, { options: { remoteSmtpPort: server.port } });
    world.send('1@a.test');
    await world.until(() => world.records.length === 1);
    const [failure = ''] = world.failures;
    if (wrong.startsWith('250')) assert.match(failure, /^P 5 550 yes no$/);
    else assert.match(failure, /^T 5 451 4\.4\.2 \[internal\] malformed reply: /);
  }
});

test('A50: an endless reply is cut off', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === 'MAIL' ? '250-and so on\r\n'.repeat(20_000) : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port } });
  world.send('1@a.test');
  await world.until(() => world.records.length === 1);
  const [failure = ''] = world.failures;
  assert.match(failure, /^T 3 451 4\.4\.2 \[internal\] malformed reply: /);
  assert.ok(failure.length < 1200);
});

test('OUT-44: 251 to RCPT is a success', async (t) => {
  const server = await startServer(t, { answer: (verb) => (verb === 'RCPT' ? '251 will forward' : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port } });
  world.send('1@a.test');
  await world.until(() => world.kinds === 'D');
});

test('RFC 1870: SIZE is declared, and a message beyond the size of the server fails without being offered', async (t) => {
  const server = await startServer(t, { extensions: ['PIPELINING', 'SIZE 100'] });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send('1@a.test', { text: `Subject: long\r\n\r\n${'x'.repeat(200)}\r\n` });
  world.send('2@a.test', { text: 'Subject: short\r\n\r\n' });
  await world.until(() => world.kinds === 'PD');
  assert.match(world.failures[0] ?? '', /^P 11 552 5\.3\.4 \[internal\]/);
  assert.deepEqual(
    server.lines.filter((line) => line.startsWith('MAIL')),
    ['MAIL FROM:<sender@origin.test> SIZE=18'],
  );
});

test('RFC 6531, RFC 3030: SMTPUTF8 and BINARYMIME that are needed and not offered are permanent refusals', async (t) => {
  const server = await startServer(t, { extensions: ['PIPELINING', 'CHUNKING'] });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  world.send('1@a.test', { smtpUtf8: true });
  world.send('jörg@a.test');
  world.send('2@a.test', { body: 'BINARYMIME' });
  await world.until(() => world.kinds === 'PPP');
  assert.deepEqual(world.failures, [
    'P 11 550 5.6.7 [internal] SMTPUTF8 required but not advertised',
    'P 11 550 5.6.7 [internal] SMTPUTF8 required but not advertised',
    'P 11 554 5.6.1 [internal] BINARYMIME required but not advertised',
  ]);
});

test('OUT-46, RFC 3461, RFC 6531: parameters go out when they are offered, 8BITMIME only where Send_8bitmime says so', async (t) => {
  const extensions = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN', 'CHUNKING', 'BINARYMIME'];
  const server = await startServer(t, { extensions });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1, send8bitmime: 'ifavailable' } });
  const raw = 'Subject: x\n\0\r\n.\n';
  world.send('jörg@a.test', {
    smtpUtf8: true,
    body: '8BITMIME',
    ret: 'HDRS',
    envid: 'e+3D1',
    recipient: { notify: ['FAILURE', 'DELAY'], orcpt: 'rfc822;j@x.test' },
  });
  world.send('2@a.test', { body: 'BINARYMIME', text: raw });
  await world.until(() => world.kinds === 'DD');
  const wide = Buffer.from('jörg', 'utf8').toString('latin1');
  assert.deepEqual(
    server.lines.filter((line) => /^(MAIL|RCPT)/.test(line)),
    [
      'MAIL FROM:<sender@origin.test> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e+3D1',
      `RCPT TO:<${wide}@a.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;j@x.test`,
      'MAIL FROM:<sender@origin.test> BODY=BINARYMIME',
      'RCPT TO:<2@a.test>',
    ],
  );
  assert.equal(server.messages[1]?.data, raw, 'octet for octet');
});

test('SHP-06: Max_Deliveries_Per_Connection counts successes; Max_Recipients_Per_Connection counts RCPT TO', async (t) => {
  const server = await startServer(t, { answer: (verb, line) => (verb === 'RCPT' && line.includes('bad') ? '550 no' : undefined) });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1, maxDeliveriesPerConnection: 2 } });
  for (const name of ['bad', 'bad', '1', '2', '3', '4', '5']) world.send(`${name}@a.test`);
  await world.until(() => world.records.length === 7);
  const perConnection = [0, 1, 2].map((n) => server.messages.filter(({ connection }) => connection === n).length);
  assert.deepEqual(perConnection, [2, 2, 1]);

  const other = await startServer(t);
  const second = new World(t, { options: { remoteSmtpPort: other.port, maxOutboundConnections: 1, maxRecipientsPerConnection: 3 } });
  second.send(['1@a.test', '2@a.test', '3@a.test', '4@a.test', '5@a.test']);
  await second.until(() => second.kinds === 'DDDDD');
  assert.deepEqual(
    other.messages.map(({ to, connection }) => [connection, to.length]),
    [
      [0, 3],
      [1, 2],
    ],
  );
});

test('Q-13: a message whose body is gone fails for good, one that cannot be read now is tried again', async (t) => {
  const server = await startServer(t);
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1 } });
  world.loadError = Object.assign(new Error('gone'), { isTemporary: false });
  world.send('1@a.test', { resident: false });
  await world.until(() => world.kinds === 'P');
  world.loadError = Object.assign(new Error('io'), { isTemporary: true });
  world.send('2@a.test', { resident: false });
  await world.until(() => world.kinds === 'PT');
  assert.match(world.failures.join(), /550 5\.3\.0 \[internal\] message body missing.*451 4\.3\.0 \[internal\]/);
  world.loadError = undefined;
  world.send('3@a.test', { resident: false });
  await world.until(() => world.kinds === 'PTD');
  assert.equal(server.connections, 1);
});

test('stop() lets what is on the wire come to its end and leaves the rest queued', async (t) => {
  let release: () => void = () => undefined;
  const server = await startServer(t, {
    answer: (verb, _line, peer) => {
      if (verb !== '.') return undefined;
      release = () => peer.socket.write('250 taken\r\n');
      return SILENCE;
    },
  });
  const world = new World(t, { options: { remoteSmtpPort: server.port, maxOutboundConnections: 1, maxDeliveriesPerConnection: 1 } });
  world.send('1@a.test');
  world.send('2@a.test');
  await world.until(() => server.chunks.some((chunk) => chunk.includes('\r\n.\r\n')));
  const stopped = world.deliverer.stop(60_000);
  release();
  await stopped;
  assert.equal(world.kinds, 'D');
  assert.equal(world.queues.find('default', 'a.test')?.active, 1);
  await world.until(() => server.lines.at(-1) === 'QUIT');
});

test('SHP-10: silence at RSET ends the connection after Rset_Timeout, and the next message goes over another one', async (t) => {
  let isDeaf = false;
  const server = await startServer(t, {
    answer: (verb, line, peer) => {
      isDeaf ||= verb === 'RSET';
      if (isDeaf && peer.number === 0) return SILENCE;
      return verb === 'RCPT' && peer.number === 0 ? '550 5.1.1 no such user' : undefined;
    },
  });
  const world = new World(t, { isManual: true, options: { remoteSmtpPort: server.port, maxOutboundConnections: 1, rsetTimeout: 7 } });
  world.send('bad@a.test');
  world.send('good@a.test');
  await world.until(() => server.lines.includes('RSET'));
  await world.turns();
  world.pass(6);
  await world.turns();
  assert.equal(server.connections, 1);
  assert.equal(server.messages.length, 0);
  await world.until(() => {
    world.pass(1);
    return server.connections === 2;
  }, 'a second connection');
});
