/**
 * AUTH with what modules bring: back ends of their own schemes, the judgement of tokens; and the older words that list a mechanism.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import type { AuthenticationService, CredentialSource, PasswordAnswer, TokenQuestion } from '#hooks';
import { makeSelfSigned } from '../../../test/kit/certificates.ts';
import { World } from '../../../test/kit/inbound.ts';
import { authNotices, authProblem } from '../auth-rules.ts';
import { EsmtpService } from '../service.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-auth-'));
const pair = makeSelfSigned(dir, 'mx');
after(() => rmSync(dir, { recursive: true }));

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const plain = (password: string): string => `AUTH PLAIN ${b64(`\0joe\0${password}`)}`;

function worldWith(authentication: AuthenticationService, more: Record<string, unknown> = {}): World {
  const options = {
    smtpExtensions: ['ENHANCEDSTATUSCODES', 'AUTH PLAIN', 'AUTH XOAUTH2', 'AUTH OAUTHBEARER'],
    authPlainParameters: new Map([['uri', 'house://db/users']]),
    tlsCertificate: pair.cert,
    tlsKey: pair.key,
    useSsl: true,
    ...more,
  };
  return new World({ options, modules: [{ name: 'house', hooks: {}, authentication }] });
}

const scheme = (source: CredentialSource): AuthenticationService => ({ schemes: [{ scheme: 'house', open: () => source }] });

/** A client over TLS from the first byte, that has said EHLO. */
async function dial(t: TestContext, world: World): Promise<{ say: (line: string) => Promise<string>; greeting: string }> {
  const free = { acquire: () => true, release: () => undefined };
  const service = new EsmtpService({
    ports: world.ports,
    optionsFor: () => world.options,
    serviceCell: free,
    listenerCell: () => free,
    reusePort: false,
  });
  await new Promise((done) => service.apply([{ address: '127.0.0.1:0', enable: true }], done));
  const { port = 0 } = service.bound().get('127.0.0.1:0') ?? {};
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', ca: readFileSync(pair.cert), rejectUnauthorized: false });
  t.after(async () => {
    socket.destroy();
    await new Promise<void>((done) => service.stop(0, done));
  });
  let text = '';
  let wake = (): void => undefined;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    wake();
  });
  const reply = async (): Promise<string> => {
    for (;;) {
      const whole = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(text);
      if (whole !== null) {
        text = text.slice(whole[0].length);
        return whole[0];
      }
      // What is held back is held back in the world's time.
      await new Promise<void>((done) => {
        wake = done;
        setTimeout(done, 20);
      });
      world.advance(1000);
    }
  };
  const say = (line: string): Promise<string> => {
    socket.write(`${line}\r\n`);
    return reply();
  };
  await reply();
  return { say, greeting: await say('EHLO c.test') };
}

test('a back end of a module knows passwords, compares by itself, or cannot tell, which is 454 and never 535 (AUTH-05, AUTH-23, AUTH-24, AUTH-28, A44)', async (t) => {
  const found: CredentialSource = {
    find: (user, _realm, answer) => setImmediate(() => answer(user === 'joe' ? { kind: 'password', text: 'right' } : { kind: 'none' })),
  };
  const client = await dial(t, worldWith(scheme(found)));
  assert.match(await client.say(plain('wrong')), /^535 5\.7\.8 /);
  assert.match(await client.say(plain('right')), /^235 /);

  const answers: Record<string, PasswordAnswer> = { right: { kind: 'pass' }, down: { kind: 'trouble', cause: 'the server is gone' } };
  const compares: CredentialSource = {
    find: (_user, _realm, answer) => answer({ kind: 'none' }),
    check: (_user, password, answer) => answer(answers[password] ?? { kind: 'fail' }),
  };
  const world = worldWith(scheme(compares));
  const other = await dial(t, world);
  assert.match(await other.say(plain('down')), /^454 4\.7\.0 /);
  assert.match(world.panics.join(), /AUTH PLAIN cannot be answered: .*the server is gone/);
  assert.match(await other.say(plain('wrong')), /^535 /);
  assert.match(await other.say(plain('right')), /^235 /);
});

test('a back end that is silent, throws, or answers twice is trouble, and its first answer counts (AUTH-05, A44)', async (t) => {
  const broken: CredentialSource = {
    find: (_user, _realm, answer) => answer({ kind: 'none' }),
    check: (_user, password, answer) => {
      if (password === 'throws') throw new Error('no such table');
      if (password !== 'twice') return;
      answer({ kind: 'trouble', cause: 'first' });
      answer({ kind: 'pass' });
    },
  };
  const world = worldWith(scheme(broken));
  const client = await dial(t, world);
  for (const password of ['throws', 'twice', 'silent']) assert.match(await client.say(plain(password)), /^454 /, password);
  assert.match(world.panics.join('\n'), /no such table[^]*first[^]*no answer within/);
  assert.doesNotMatch(await client.say('NOOP'), /235/);
});

test('a uri of a scheme that no module has, or that its module refuses, is refused with the configuration (AUTH-01)', () => {
  const options = { authPlainParameters: new Map([['uri', 'house://db']]) };
  assert.match(authProblem(options) ?? '', /^AuthPlainParameters: uri "house:\/\/db" cannot be used/);
  assert.equal(authProblem(options, [{ scheme: 'house', open: () => ({ find: () => undefined }) }]), undefined);
  assert.match(
    authProblem(options, [{ scheme: 'house', open: () => 'no Scheme is called db' }]) ?? '',
    /"house:\/\/db": no Scheme is called db$/,
  );
});

const tokens: AuthenticationService = {
  verifyToken: ({ token, user }, answer) => {
    if (token === 'down') answer({ kind: 'trouble', cause: 'no keys' });
    else answer(token === 'good.token' && user !== 'eve' ? { kind: 'pass', user: user || 'joe@house.test' } : { kind: 'fail' });
  },
};
const xoauth2 = (token: string, user = 'joe'): string => b64(`user=${user}\x01auth=Bearer ${token}\x01\x01`);
const bearer = (token: string, user = 'joe'): string => b64(`n,a=${user},\x01host=mx\x01port=25\x01auth=Bearer ${token}\x01\x01`);

test('XOAUTH2 and OAUTHBEARER: a module says whose a token is; a refusal is told, answered, and then 535 (AUTH-05)', async (t) => {
  const asked: TokenQuestion[] = [];
  const world = worldWith({
    verifyToken: (question, answer) => {
      asked.push(question);
      tokens.verifyToken?.(question, answer);
    },
  });
  const client = await dial(t, world);
  assert.match(client.greeting, /250-AUTH=PLAIN XOAUTH2 OAUTHBEARER\r\n250 AUTH PLAIN XOAUTH2 OAUTHBEARER\r\n$/);
  const refused = await client.say(`AUTH XOAUTH2 ${xoauth2('bad')}`);
  assert.match(Buffer.from(refused.slice(4), 'base64').toString(), /"status":"401"/);
  assert.match(await client.say(''), /^535 5\.7\.8 /);
  assert.match(await client.say(`AUTH OAUTHBEARER ${bearer('down')}`), /^454 /);
  assert.match(await client.say('AUTH OAUTHBEARER'), /^334 \r\n/);
  assert.match(await client.say(bearer('bad')), /^334 /);
  assert.match(await client.say(b64('\x01')), /^535 /);
  for (const text of [
    '',
    'n,,\x01auth=Bearer \x01\x01',
    'n,,\x01auth=Basic x\x01\x01',
    'p=x,,\x01auth=Bearer t\x01\x01',
    'user=a\x01auth=Bearer t',
  ]) {
    assert.match(await client.say(`AUTH OAUTHBEARER ${b64(text) || '='}`), /^501 /, text);
  }
  assert.match(await client.say(`AUTH OAUTHBEARER ${bearer('good.token', '')}`), /^235 /);
  assert.deepEqual(
    asked.map(({ token, user, remoteIp }) => `${token} ${user} ${remoteIp}`),
    ['bad joe 127.0.0.1', 'down joe 127.0.0.1', 'bad joe 127.0.0.1', 'good.token  127.0.0.1'],
  );
  assert.doesNotMatch(world.panics.join(), /good\.token/);
  const other = await dial(t, worldWith(tokens));
  assert.match(await other.say(`AUTH XOAUTH2 ${xoauth2('good.token', 'ann')}`), /^235 /);
});

test('without a module that judges tokens, and in clear, they are neither offered nor taken (AUTH-02, A40)', async (t) => {
  const client = await dial(t, worldWith({}));
  assert.match(client.greeting, /250 AUTH PLAIN\r\n$/);
  assert.match(await client.say(`AUTH XOAUTH2 ${xoauth2('good.token')}`), /^504 /);
  const clear = await worldWith(tokens, { useSsl: false }).connect();
  assert.doesNotMatch(clear.lines('EHLO c.test'), /OAUTH/);
  assert.match(clear.lines(`AUTH XOAUTH2 ${xoauth2('good.token')}`), /^538 /);
});

test('ALWAYS-ALLOW among SMTP_Extensions makes everybody the user anonymous (AUTH-08)', async () => {
  const world = new World({ options: { smtpExtensions: ['ALWAYS-ALLOW', 'XDUMPCONTEXT'] } });
  const client = await world.connect();
  const said = client.lines('EHLO c.test', 'MAIL FROM:<a@a.test>', 'RCPT TO:<b@far.test>', 'XDUMPCONTEXT');
  assert.match(said, /250 RCPT TO accepted/);
  assert.match(said, /\[connection\] auth_user anonymous/);
  assert.doesNotMatch(said, /ALWAYS/);
  const denied = await new World({ options: { smtpExtensions: ['ALWAYS-ALLOW'], alwaysDeny: true } }).connect();
  assert.match(denied.lines('EHLO c.test', 'MAIL FROM:<a@a.test>'), /550 not allowed/, 'Always_Deny wins (AUTH-07)');
});

test('Extension and Extension_Argument of 2.x list a mechanism (AUTH-02)', async () => {
  const options = { extension: 'AUTH', extensionArgument: 'login', authLoginParameters: new Map([['uri', 'file:///etc/none']]) };
  const client = await new World({ options }).connect();
  assert.match(client.lines('EHLO c.test'), /250-AUTH=LOGIN\r\n250 AUTH LOGIN\r\n$/);
  const bare = await new World({ options: { extension: 'XDUMPCONTEXT' } }).connect();
  assert.match(bare.lines('EHLO c.test'), /250-XDUMPCONTEXT\r\n/);
});

test('what is listed and will not be offered is said in words (AUTH-02)', () => {
  const words = ['AUTH PLAIN', 'AUTH CRAM-MD5', 'AUTH KERBEROS', 'AUTH XOAUTH2'];
  const options = { authPlainParameters: new Map([['uri', 'file:///etc/none']]) };
  assert.deepEqual(authNotices(options, words, false), [
    '"AUTH CRAM-MD5" is not offered: AuthCramMD5Parameters names no uri',
    '"AUTH KERBEROS" is not offered: there is no such mechanism',
    '"AUTH XOAUTH2" is not offered: no module verifies tokens',
  ]);
  assert.deepEqual(authNotices({ ...options, alwaysAllow: true }, ['AUTH LOGIN', 'AUTH XOAUTH2'], true), []);
});
