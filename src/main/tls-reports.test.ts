/**
 * TLS reports over two loops without threads: what each counts comes together in the first, leaves as mail, and is off, late or refused where it must be.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock, seededRandom, TimerWheel } from '#base';
import type { DnsAnswer } from '#dns';
import { IntakeError } from '#intake';
import { PanicLog } from '#observe';
import type { TlsOutcome } from '#policies';
import type { SendingSettings } from './catalog.ts';
import { LoopQuestions } from './loop-questions.ts';
import { TlsReports } from './tls-reports.ts';

const folder = mkdtempSync(join(tmpdir(), 'impetus-tls-reports-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const HOUR = 3_600_000;
let files = 0;

type Options = ConstructorParameters<typeof TlsReports>[0];
type Reporting = SendingSettings['tlsReports'];

function outcome(domain: string): TlsOutcome {
  const policy = { type: 'no-policy-found', strings: [], mxHosts: [] } as const;
  return { domain, policy, fault: undefined, sendingIp: '', host: `mx.${domain}`, helo: '', ip: '192.0.2.1' };
}

/** Two loops, whose time passes by `pass`; every domain wants its reports at `rua`. */
class World {
  readonly clock = new ManualClock(Date.UTC(2026, 10, 28, 9));
  readonly wheel = new TimerWheel({ clock: this.clock });
  readonly lines: string[] = [];
  readonly mail: { head: Parameters<ReturnType<Options['intake']>['submit']>[0]; text: string }[] = [];
  readonly asked: string[] = [];
  readonly storeFile = join(folder, `${(files += 1)}.json`);
  readonly on: NonNullable<Reporting> = {
    organization: undefined,
    contact: 'c@us.test',
    from: 'tls@us.test',
    fromDomain: 'us.test',
    binding: 'plain',
    delayMaxMs: 0,
    storeFile: this.storeFile,
  };
  tlsReports: Reporting = this.on;
  rua = 'mailto:Reports@Box.A.test';
  prohibited: readonly string[] | undefined;
  /** Whether the way to the first loop takes what is sent. */
  isOpen = true;
  answer: IntakeError | undefined;
  readonly loops: readonly [TlsReports, TlsReports];
  readonly #hear = new Map<number, (message: unknown) => void>();

  constructor() {
    this.loops = [this.#loop(0), this.#loop(1)];
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 60_000) {
      this.clock.advance(Math.min(left, 60_000));
      this.wheel.advance();
    }
  }

  /** Both hand over from time to time, and the reporter of the first has read what was kept and ticks. */
  opened(): Promise<void> {
    return this.until(() => this.wheel.size === 3);
  }

  /** Reading what was kept, or the answers of the DNS, takes turns. */
  async until(isSo: () => boolean): Promise<void> {
    for (let i = 0; i < 100_000 && !isSo(); i += 1) await new Promise((done) => setImmediate(done));
    assert.ok(isSo(), this.lines.join('\n'));
  }

  async ask(name: string): Promise<Record<string, unknown> | undefined> {
    const questions = new LoopQuestions();
    this.loops[0].answerOn(questions);
    return (await questions.ask(name, 'a.test')) as Record<string, unknown> | undefined;
  }

  #loop(self: number): TlsReports {
    const { clock, wheel } = this;
    const record = (name: string): DnsAnswer => ({
      kind: 'records',
      name,
      ttl: 1,
      isAuthenticated: false,
      records: name.startsWith('_smtp._tls.')
        ? [{ type: 'TXT', name, ttl: 1, chunks: [Buffer.from(`v=TLSRPTv1; rua=${this.rua}`)] }]
        : [{ type: 'A', name, ttl: 1, address: '10.0.0.1' }],
    });
    return new TlsReports({
      link: {
        self,
        send: (to, _room, message) => this.isOpen && (this.#hear.get(Number(to))?.(structuredClone(message)), true),
        onMessage: (_room, hear) => void this.#hear.set(self, (message) => hear(message, self)),
      } as Options['link'],
      intake: () => ({
        nextId: () => 'AA/BB-00001-1',
        submit: (head, message, done) => {
          this.mail.push({ head, text: message.toString('latin1') });
          done(this.answer);
        },
      }),
      settings: () => ({ tlsReports: this.tlsReports }) as SendingSettings,
      web: {
        dns: {
          query: (name: string, type: string, done: (answer: DnsAnswer) => void) => {
            this.asked.push(`${type} ${name}`);
            done(type === 'AAAA' ? { kind: 'nodata', ttl: 1, isAuthenticated: false } : record(name));
          },
        } as unknown as Options['web']['dns'],
        isAllowed: () => true,
        authorities: () => undefined,
        later: (ms, work) => {
          const timer = wheel.schedule(ms, work);
          return () => wheel.cancel(timer);
        },
        port: 1,
      },
      prohibitedHosts: () => this.prohibited,
      clock,
      wheel,
      random: seededRandom(1),
      panic: new PanicLog({ clock, write: ({ text }) => this.lines.push(text) }),
      hostname: 'mx.us.test',
    });
  }
}

test('what two loops count comes together within seconds and leaves as one mail, from Report_From, by Report_Binding, to the address of the record', async () => {
  const world = new World();
  await world.opened();
  const [first, second] = world.loops;
  first.counter()?.count(outcome('a.test'));
  second.counter()?.count(outcome('a.test'));
  world.pass(60_000);
  assert.deepEqual((await world.ask('tls_rpt.state'))?.['sessions'], 2);
  world.pass(24 * HOUR);
  await world.until(() => world.mail.length > 0);
  assert.equal(world.mail.length, 1);
  const [{ head, text }] = world.mail as [(typeof world.mail)[0]];
  assert.deepEqual(head, {
    sender: 'tls@us.test',
    senderDomain: 'us.test',
    recipients: [{ address: 'Reports@Box.A.test', local: 'Reports', domain: 'box.a.test' }],
    binding: 'plain',
  });
  assert.match(text, /^From: tls@us\.test\r\nTo: /);
  assert.match(text, /\r\nTLS-Report-Submitter: mx\.us\.test\r\n/);
});

test('without a stanza nothing is counted, handed over or answered; a way that is closed keeps what was counted; a stop hands over at once', async () => {
  const world = new World();
  const [first, second] = world.loops;
  world.tlsReports = undefined;
  assert.deepEqual(
    [first.counter(), second.counter(), await world.ask('tls_rpt.state'), await world.ask('tls_rpt.send')],
    [undefined, undefined, undefined, undefined],
  );
  world.tlsReports = world.on;
  world.isOpen = false;
  second.counter()?.count(outcome('a.test'));
  world.pass(60_000);
  assert.equal((await world.ask('tls_rpt.state'))?.['sessions'], 0);
  world.isOpen = true;
  world.pass(60_000);
  assert.equal((await world.ask('tls_rpt.state'))?.['sessions'], 1);
  second.counter()?.count(outcome('a.test'));
  second.stop();
  assert.equal((await world.ask('tls_rpt.state'))?.['sessions'], 2);
  first.counter()?.count(outcome('a.test'));
  await world.ask('tls_rpt.gather');
  assert.equal((await world.ask('tls_rpt.state'))?.['sessions'], 3);
  // A thousand rows do not wait for the time.
  for (let i = 0; i < 1_000; i += 1) second.counter()?.count(outcome(`d${i}.test`));
  assert.equal((await world.ask('tls_rpt.state'))?.['domains'], 1_001);
  await first.close();
  assert.match(readFileSync(world.storeFile, 'utf8'), /"domain":"a\.test"/);
});

test('a report that intake refuses waits; a place in a private network gets none, as long as Prohibited_Hosts does not say otherwise', async () => {
  const world = new World();
  const [first] = world.loops;
  first.counter()?.count(outcome('a.test'));
  world.answer = new IntakeError('storage');
  await world.opened();
  await world.ask('tls_rpt.gather');
  world.pass(15 * HOUR + 60_000);
  await world.until(() => world.mail.length > 0);
  assert.equal((await world.ask('tls_rpt.state'))?.['waiting'], 1);
  world.answer = undefined;
  await world.ask('tls_rpt.send');
  assert.deepEqual([(await world.ask('tls_rpt.state'))?.['waiting'], (await world.ask('tls_rpt.state'))?.['sent']], [0, 1]);
  const asked = (): number => world.asked.filter((question) => question === 'A in.a.test').length;
  world.rua = 'https://in.a.test/';
  first.counter()?.count(outcome('a.test'));
  await world.ask('tls_rpt.gather');
  await world.ask('tls_rpt.send');
  assert.equal(asked(), 1);
  // What is under way is not begun anew: it was answered at once, without a connection.
  await world.ask('tls_rpt.send');
  assert.deepEqual([asked(), (await world.ask('tls_rpt.state'))?.['waiting']], [2, 1]);
  assert.equal(world.mail.length, 2);
  await first.close();
});
