/** A listener behind a load balancer, on loopback sockets: who may say for whom a connection is, and who is closed. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { World } from '../../test/kit/inbound.ts';
import { EsmtpService } from './service.ts';
import type { OptionRecord } from './option-record.ts';

const extensions = { smtpExtensions: ['XDUMPCONTEXT'], relayDomains: ['here.test'] };
const free = { acquire: () => true, release: () => undefined };
const header = 'PROXY TCP4 198.51.100.5 203.0.113.7 12345 25\r\n';

interface Made {
  readonly world: World;
  readonly service: EsmtpService;
  readonly port: number;
}

async function make(t: TestContext, hosts: readonly string[], own: OptionRecord = {}): Promise<Made> {
  const world = new World({ options: { ...extensions, proxyProtocolHosts: hosts, ...own } });
  // The address that a client is given decides its rules.
  world.optionsByIp.set('198.51.100.5', { ...world.options, relayHosts: ['198.51.100.5'] });
  const service = new EsmtpService({
    ports: world.ports,
    optionsFor: (_, ip) => world.optionsByIp.get(ip.text) ?? world.options,
    serviceCell: free,
    listenerCell: () => free,
    reusePort: false,
  });
  await new Promise((done) => service.apply([{ address: '127.0.0.1:0', enable: true }], done));
  t.after(() => new Promise<void>((done) => service.stop(0, done)));
  return { world, service, port: service.bound().get('127.0.0.1:0')?.port ?? 0 };
}

/** Sends the pieces, each in a turn of its own, and gives what is said until `enough`, or until the server closes. */
function talk(port: number, pieces: readonly (string | Buffer)[], enough: RegExp): Promise<string> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
      if (enough.test(said)) socket.destroy();
    });
    socket.on('error', () => undefined).on('close', () => done(said));
    const next = (i: number): void => {
      const piece = pieces[i];
      if (piece === undefined) return;
      socket.write(piece);
      setImmediate(() => next(i + 1));
    };
    socket.on('connect', () => next(0));
  });
}

test('a client behind the balancer has its own address, rights and port, however the header is cut (A79, Proxy_Protocol_Hosts)', async (t) => {
  const { world, port } = await make(t, ['127.0.0.0/8']);
  const commands = 'EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<x@far.test>\r\nXDUMPCONTEXT\r\n';
  for (const pieces of [[header + commands], [header, commands], [...header, commands]]) {
    const said = await talk(port, pieces, /XDUMPCONTEXT complete/);
    assert.match(said, /EHLO to 198\.51\.100\.5\r\n/);
    assert.match(said, /250 RCPT TO accepted/, 'it may relay, which no other address may');
  }
  const other = header.replace('198.51.100.5', '198.51.100.6');
  assert.match(await talk(port, [other + commands], /XDUMPCONTEXT complete/), /550 relaying denied/);
  assert.deepEqual(world.records.flatMap((r) => (r.kind === 'J' ? [r.remoteIp] : [])).slice(0, 1), ['198.51.100.6']);
  const second = Buffer.from('0d0a0d0a000d0a515549540a2111000cc6336405cb00710730390019', 'hex');
  assert.match(await talk(port, [second, 'QUIT\r\n'], /221/), /^220 [^\n]*\r\n221 /);
});

test('LOCAL speaks for the balancer itself (A79)', async (t) => {
  const { port } = await make(t, ['127.0.0.1']);
  const local = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
  assert.match(await talk(port, [local, 'EHLO c.test\r\n'], /STARTTLS|DSN/), /EHLO to 127\.0\.0\.1\r\n/);
});

test('a header from an untrusted peer, none, a wrong one and half of one are closed without a word (A79)', async (t) => {
  const stranger = await make(t, ['192.0.2.0/24']);
  assert.equal(await talk(stranger.port, [header], /./), '');
  assert.match(stranger.world.panics.join(), /not among Proxy_Protocol_Hosts/);
  const { world, service, port } = await make(t, ['127.0.0.1']);
  for (const bytes of ['EHLO x\r\n', '\x16\x03\x01', `PROXY TCP4 ${'9'.repeat(200)}`, 'PROXY TCP6 198.51.100.5 203.0.113.7 1 2\r\n']) {
    assert.equal(await talk(port, [bytes], /./), '', bytes);
  }
  const half = talk(port, ['PROXY TCP4 198.51.'], /./);
  while (world.panics.length < 4 || !(await hasOpened(port))) await new Promise((done) => setImmediate(done));
  world.advance(60_000);
  world.advance(60_000);
  assert.equal(await half, '');
  assert.match(world.panics.join(), /no PROXY header came in time/);
  while (service.sessions > 0) await new Promise((done) => setImmediate(done));
});

/** The sockets that were opened before this one have been accepted when this one was. */
async function hasOpened(port: number): Promise<boolean> {
  return (await talk(port, [header, 'QUIT\r\n'], /221/)).startsWith('220');
}

test('Proxy_Protocol wants a header from everybody (A79)', async (t) => {
  const { port } = await make(t, [], { proxyProtocol: true });
  const said = await talk(port, [header, 'EHLO c.test\r\nXDUMPCONTEXT\r\n'], /XDUMPCONTEXT complete/);
  assert.match(said, /can_relay true/);
  assert.equal(await talk(port, ['EHLO c.test\r\n'], /./), '');
});

test('A header is waited for as long as Proxy_Protocol_Timeout says (A79)', async (t) => {
  const { world, port } = await make(t, [], { proxyProtocol: true, proxyProtocolTimeout: 7 });
  const patient = talk(port, [header.slice(0, 10)], /./);
  while (world.wheel.size === 0) await new Promise((done) => setTimeout(done, 5));
  const late = (): boolean => world.panics.some((line) => line.includes('no PROXY header came in time'));
  world.advance(6_000);
  assert.equal(late(), false);
  world.advance(2_000);
  assert.equal(await patient, '');
  assert.equal(late(), true);
});
