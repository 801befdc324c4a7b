/**
 * Kills a loaded server with SIGKILL at random moments, restarts it each time, and accounts for every message.
 *
 * The one rule: a message answered 250 arrives, whole; a message whose final dot was never written does not; a second copy
 * only appears in another life of the server than the first, and only for deliveries that were under way at a kill.
 * Seeded: the moments replay, as far as a loaded machine lets them. Used short by the tests and long by the soak.
 */
import assert from 'node:assert/strict';
import { SmtpClient } from './smtp-client.ts';
import { Sink } from './sink.ts';
import { command, prepareServer, until, type Server } from './server.ts';

export interface Campaign {
  readonly kills: number;
  readonly clients: number;
  readonly seed: number;
  /** Event loops of the server. */
  readonly loops?: number;
}

export interface Account {
  readonly answered: number;
  readonly unanswered: number;
  readonly arrived: number;
  readonly duplicates: number;
  /** The most deliveries of one life that were repeated. */
  readonly mostRepeated: number;
}

interface Sent {
  /** The whole text, without the trace headers that the server adds. */
  readonly text: string;
  isDotWritten: boolean;
  isAnswered: boolean;
}

const outbound = 10;

/** Messages that are answered in a life before its end may come: fewer than this. */
const LIFE_MESSAGES_MAX = 40;
/** Looks at them, 10 ms apart, before the end comes anyway. */
const LIFE_LOOKS_MAX = 1500;

function conf(o: Campaign): string {
  return `
Relay_Hosts = ( 127.0.0.0/8 )
Gateway = "127.0.0.1:{port:sink}"
Max_Outbound_Connections = ${outbound}
Retry_Interval = 1
Max_Retry_Interval = 1
Host_Failure_Retry = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
EventLoop "pool" { Concurrency = ${o.loops ?? 1} }
`;
}

/** A small generator of its own, so that a seed gives the same moments everywhere. */
function random(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

async function client(server: Server, name: string, sent: Map<string, Sent>, isOver: () => boolean, chance: () => number): Promise<void> {
  for (let n = 0; !isOver();) {
    let smtp: SmtpClient | undefined;
    try {
      smtp = await SmtpClient.greet(server.ports['smtp']!);
      while (!isOver()) {
        const id = `${name}-${n++}`;
        const filler = 'x'.repeat(Math.floor(chance() * 70));
        const body = Array.from({ length: 1 + Math.floor(chance() * 60) }, (_, i) => `${i} ${filler}`).join('\r\n');
        const entry: Sent = {
          text: `Date: Sun, 22 Nov 2026 00:00:00 +0000\r\nMessage-ID: <${id}@client.test>\r\nSubject: ${id}\r\nX-Campaign: ${id}\r\n\r\n${body}\r\n`,
          isDotWritten: false,
          isAnswered: false,
        };
        sent.set(id, entry);
        if (!(await smtp.say('MAIL FROM:<a@client.test>')).startsWith('250')) break;
        if (!(await smtp.say('RCPT TO:<b@sink.test>')).startsWith('250')) break;
        if (!(await smtp.say('DATA')).startsWith('354')) break;
        entry.isDotWritten = true;
        smtp.write(`${entry.text}.\r\n`);
        if (!(await smtp.reply()).startsWith('250')) break;
        entry.isAnswered = true;
      }
    } catch {
      await new Promise((done) => setTimeout(done, 20));
    } finally {
      smtp?.socket.destroy();
    }
  }
}

export async function runCampaign(o: Campaign, log: (line: string) => void = () => undefined): Promise<Account> {
  const chance = random(o.seed);
  const sink = await new Sink({}).listen();
  const server = await prepareServer({ conf: conf(o), ports: { sink: sink.port } });
  const sent = new Map<string, Sent>();
  const lifeOf: number[] = [];
  let life = 0;
  let isOver = false;
  const noteLife = () => {
    while (lifeOf.length < sink.messages.length) lifeOf.push(life);
  };
  try {
    await server.start();
    const clients = Array.from({ length: o.clients }, (_, i) => client(server, `c${i}`, sent, () => isOver, chance));
    const answered = (): number => [...sent.values()].filter((entry) => entry.isAnswered).length;
    for (let kill = 1; kill <= o.kills; kill++) {
      // A kill is to meet work, also where the machine is busy: some messages first, then any moment.
      const wanted = answered() + Math.floor(chance() * LIFE_MESSAGES_MAX);
      for (let i = 0; i < LIFE_LOOKS_MAX && answered() < wanted; i++) await new Promise((done) => setTimeout(done, 10));
      await new Promise((done) => setTimeout(done, 30 + chance() * 600));
      await server.kill();
      await new Promise((done) => setTimeout(done, 30));
      noteLife();
      life++;
      await server.start();
      if (kill % 10 === 0) log(`${kill} kills, ${sent.size} messages begun, ${sink.messages.length} arrived`);
    }
    await new Promise((done) => setTimeout(done, 200));
    isOver = true;
    await Promise.all(clients);
    await drained(server, sink, sent);
    noteLife();
    await server.stop();
    return account(o, sink, sent, lifeOf);
  } finally {
    isOver = true;
    await server.end();
    await sink.close();
  }
}

const idOf = (data: Buffer) => /X-Campaign: (\S+)\r\n/.exec(data.toString('latin1'))?.[1] ?? '';

async function drained(server: Server, sink: Sink, sent: Map<string, Sent>): Promise<void> {
  let isEmpty = false;
  const look = async () => {
    const { out } = await command('ec_console', [server.path('control'), 'summary']);
    return /Total Queue Size:\s+0$/m.test(out);
  };
  const missing = () => {
    const seen = new Set(sink.messages.map((message) => idOf(message.data)));
    return [...sent].filter(([id, entry]) => entry.isAnswered && !seen.has(id)).map(([id]) => id);
  };
  await until(
    async () => missing().length === 0 && (isEmpty ||= await look()),
    () => `every answered message to arrive; missing: ${missing().slice(0, 10).join(' ')} of ${missing().length}`,
    120,
  );
}

function account(o: Campaign, sink: Sink, sent: Map<string, Sent>, lifeOf: number[]): Account {
  const copies = new Map<string, number[]>();
  for (const [i, message] of sink.messages.entries()) {
    const id = idOf(message.data);
    const entry = sent.get(id);
    assert.ok(entry, `a message arrived that nobody sent: ${message.data.toString('latin1').slice(0, 200)}`);
    assert.ok(entry.isDotWritten, `${id} arrived although its final dot was never written`);
    assert.ok(message.data.toString('latin1').endsWith(entry.text), `${id} arrived changed or torn`);
    copies.set(id, [...(copies.get(id) ?? []), lifeOf[i]!]);
  }
  for (const [id, entry] of sent) assert.ok(!entry.isAnswered || copies.has(id), `${id} was answered 250 and is lost`);
  const doubled = [...copies].filter(([, lives]) => lives.length > 1);
  for (const [id, lives] of doubled) assert.equal(new Set(lives).size, lives.length, `${id} was delivered twice in one life of the server`);
  const perLife = new Map<number, number>();
  // A copy that was followed by another one was under way when its own life ended; the other may come many lives later.
  for (const [, lives] of doubled) for (const one of lives.slice(0, -1)) perLife.set(one, (perLife.get(one) ?? 0) + 1);
  const bound = outbound * 2 * 5 * (o.loops ?? 1);
  for (const [one, count] of perLife)
    assert.ok(count <= bound, `${count} deliveries of life ${one} were repeated: more than ${outbound} connections can have had under way`);
  const answered = [...sent.values()].filter((entry) => entry.isAnswered).length;
  return {
    answered,
    unanswered: sent.size - answered,
    arrived: sink.messages.length,
    duplicates: doubled.reduce((sum, [, lives]) => sum + lives.length - 1, 0),
    mostRepeated: Math.max(0, ...perLife.values()),
  };
}
