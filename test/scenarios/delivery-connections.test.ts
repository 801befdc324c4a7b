/**
 * How many connections there are, and how much one of them carries, as the next hop counts it.
 *
 * The one rule: the hop holds its answers back until enough is under way, so that the limit is met, not merely respected.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

/** Answers are given when the test says so. */
class Gate {
  waiting: (() => void)[] = [];
  isOpen = false;
  readonly hold = (): Promise<void> => (this.isOpen ? Promise.resolve() : new Promise((done) => this.waiting.push(done)));

  open(): void {
    this.isOpen = true;
    for (const done of this.waiting.splice(0)) done();
  }

  /** Lets those go that wait now. */
  step(): void {
    for (const done of this.waiting.splice(0)) done();
  }
}

const names = ['exact', 'single', 'reuse', 'spent', 'recipients', 'batch'] as const;
const gates = new Map<string, Gate>();
const hops = new Map<string, Sink>();
for (const name of names) {
  const gate = new Gate();
  gates.set(name, gate);
  if (name !== 'exact' && name !== 'single') gate.isOpen = true;
  hops.set(name, new Sink({ hold: gate.hold }));
}
const hopOf = (name: (typeof names)[number]): Sink => hops.get(name)!;
const gateOf = (name: (typeof names)[number]): Gate => gates.get(name)!;
let server: Server;

before(async () => {
  await Promise.all([...hops.values()].map((hop) => hop.listen()));
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Connection_Allocation_Aggressiveness = high
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "exact.test" { Routes = ( "127.0.0.1:{port:exact}" ) Max_Outbound_Connections = 3 }
Domain "single.test" { Routes = ( "127.0.0.1:{port:single}" ) Max_Outbound_Connections = 1 }
Domain "reuse.test" { Routes = ( "127.0.0.1:{port:reuse}" ) Max_Outbound_Connections = 1 }
Domain "spent.test" { Routes = ( "127.0.0.1:{port:spent}" ) Max_Outbound_Connections = 1 Max_Deliveries_Per_Connection = 2 }
Domain "recipients.test" { Routes = ( "127.0.0.1:{port:recipients}" ) Max_Outbound_Connections = 1 Max_Recipients_Per_Connection = 3 }
Domain "batch.test" { Routes = ( "127.0.0.1:{port:batch}" ) Max_Outbound_Connections = 1 Max_Recipients_Per_Batch = 2 }
`,
    ports: Object.fromEntries([...hops].map(([name, hop]) => [name, hop.port])),
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all([...hops.values()].map((hop) => hop.close()));
});

test('SHP-01 Max_Outbound_Connections is reached under load and never passed', async () => {
  for (let i = 0; i < 12; i += 1) await handIn(server, `u${i}@exact.test`);
  const hop = hopOf('exact');
  await until(() => gateOf('exact').waiting.length === 3, 'three transactions at once', 10);
  // Each step ends some and begins as many.
  while (mailFor(hop, 'exact.test').length < 12) {
    assert.ok(hop.open <= 3, `${hop.open} connections`);
    await until(() => gateOf('exact').waiting.length > 0, 'more transactions', 10);
    gateOf('exact').step();
  }
  gateOf('exact').open();
  assert.equal(hop.peak, 3);
});

test('SHP-01 a limit of one means one connection, and one transaction at a time', async () => {
  for (let i = 0; i < 5; i += 1) await handIn(server, `u${i}@single.test`);
  await until(() => gateOf('single').waiting.length > 0, 'the first message', 10);
  assert.equal(gateOf('single').waiting.length, 1);
  gateOf('single').open();
  await arrivals(hopOf('single'), 'single.test', 5);
  assert.equal(hopOf('single').peak, 1);
});

test('SHP-07 an idle connection is used again for the next mail, without a new greeting', async () => {
  const hop = hopOf('reuse');
  for (let i = 0; i < 4; i += 1) {
    await handIn(server, `u${i}@reuse.test`);
    await arrivals(hop, 'reuse.test', i + 1);
  }
  assert.equal(hop.connections, 1);
  assert.equal(hop.said('EHLO').length, 1);
});

test('SHP-06 after Max_Deliveries_Per_Connection messages the connection ends with QUIT and another one begins', async () => {
  const hop = hopOf('spent');
  for (let i = 0; i < 5; i += 1) await handIn(server, `u${i}@spent.test`);
  const perConnection = new Map<number, number>();
  for (const { connection } of await arrivals(hop, 'spent.test', 5))
    perConnection.set(connection, (perConnection.get(connection) ?? 0) + 1);
  assert.deepEqual([...perConnection.values()], [2, 2, 1]);
  assert.ok(hop.said('QUIT').length >= 2);
  assert.equal(hop.peak, 1);
});

test('SHP-06 Max_Recipients_Per_Connection counts RCPT commands', async () => {
  const hop = hopOf('recipients');
  await handIn(server, ['1@recipients.test', '2@recipients.test', '3@recipients.test', '4@recipients.test']);
  await until(() => hop.messages.flatMap(({ rcptTo }) => rcptTo).length === 4, 'all four recipients', 10);
  const perConnection = new Map<number, number>();
  for (const { connection, rcptTo } of hop.messages) perConnection.set(connection, (perConnection.get(connection) ?? 0) + rcptTo.length);
  assert.deepEqual([...perConnection.values()], [3, 1]);
});

test('OUT-43 a message to many goes out in batches of Max_Recipients_Per_Batch, and each recipient once', async () => {
  const hop = hopOf('batch');
  const to = Array.from({ length: 5 }, (_, i) => `${i}@batch.test`);
  await handIn(server, to);
  await until(() => hop.messages.flatMap(({ rcptTo }) => rcptTo).length >= 5, 'all recipients', 10);
  assert.deepEqual(
    hop.messages.map(({ rcptTo }) => rcptTo.length),
    [2, 2, 1],
  );
  assert.deepEqual(
    hop.messages.flatMap(({ rcptTo }) => rcptTo).sort(),
    to.map((address) => `RCPT TO:<${address}>`),
  );
});
