/**
 * Goal 12: relay over 1,000 bindings x 1,000 domains that share one next hop does not fall below half of the plain relay rate.
 *
 * The one rule: the same client, next hop and message for both; only the binding that a header names and the domain of the recipient differ, so that
 * nearly every message has a queue of its own and a binding's connections migrate between them. 200,000 messages with --full, else --count.
 */
import { connect } from 'node:net';
import { round, type Effort, type Figure } from '../goal.ts';
import type { Load } from '../load.ts';
import { measure, median, type MeasureOptions, type Result } from '../measure.ts';

const BINDINGS = 1_000;
const DOMAINS = 1_000;
const FULL = 200_000;
const load: Load = { sessions: 50, count: 0, bytes: 5_120, keep: true };

/** Which queue the message with this number is for; the first thousand meet every binding and every domain once. */
interface Address {
  readonly binding: string;
  readonly domain: string;
}

function spread(i: number): Address {
  return { binding: `b${i % BINDINGS}`, domain: `d${(i + Math.floor(i / BINDINGS)) % DOMAINS}.test` };
}

function plain(): Address {
  return { binding: 'b0', domain: 'd0.test' };
}

function sender(of: (i: number) => Address): NonNullable<MeasureOptions['send']> {
  return async (port, { sessions, count, bytes }) => {
    const body = `Subject: x\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(Math.ceil(bytes / 78))}.\r\n`;
    let next = 0;
    const envelope = (): { commands: string; text: string } | undefined => {
      if (next === count) return undefined;
      const { binding, domain } = of(next);
      next += 1;
      return { commands: `MAIL FROM:<from@bench.test>\r\nRCPT TO:<to@${domain}>\r\nDATA\r\n`, text: `X-Vmta: ${binding}\r\n${body}` };
    };
    await Promise.all(Array.from({ length: sessions }, () => session(port, envelope)));
  };
}

/** One connection: message after message until there is none, its envelope in one piece. */
function session(port: number, envelope: () => { commands: string; text: string } | undefined): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1');
    let text: string | undefined;
    let heard = '';
    let wanted = 1;
    const next = (): void => {
      const one = envelope();
      if (one === undefined) {
        socket.end('QUIT\r\n', done);
        return;
      }
      text = one.text;
      wanted = 3;
      socket.write(one.commands);
    };
    const answered = (line: string): void => {
      if (line[3] === '-') return;
      if (!/^[23]/.test(line)) {
        socket.destroy();
        fail(new Error(`the server said ${line}`));
        return;
      }
      wanted -= 1;
      if (wanted > 0) return;
      if (line.startsWith('220')) {
        wanted = 1;
        socket.write('EHLO bench.test\r\n');
      } else if (text !== undefined && line.startsWith('354')) {
        wanted = 1;
        socket.write(text);
        text = undefined;
      } else next();
    };
    socket.on('error', fail);
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      for (let end = heard.indexOf('\r\n'); end >= 0 && !socket.writableEnded; end = heard.indexOf('\r\n')) {
        const line = heard.slice(0, end);
        heard = heard.slice(end + 2);
        answered(line);
      }
    });
  });
}

export async function bindings({ rounds, count, isFull }: Effort): Promise<Figure[]> {
  const names = Array.from({ length: BINDINGS }, (_, i) => `Binding "b${i}" { }`).join('\n');
  const more = `Binding_Header = "X-Vmta"\nBinding_Header_Peers = ( 127.0.0.0/8 )\n${names}`;
  const size = { ...load, count: isFull ? FULL : count };
  const [few, many]: [Result[], Result[]] = [[], []];
  for (let i = 1; i <= rounds; i += 1)
    for (const [results, of] of [
      [few, plain],
      [many, spread],
    ] as const) {
      const result = await measure('impetus', 'relay', i, size, { more, send: sender(of) });
      results.push(result);
      console.log(JSON.stringify({ ...result, queues: of === plain ? 1 : Math.min(size.count, BINDINGS * DOMAINS) }));
    }
  const rate = (results: readonly Result[]): number[] => results.flatMap(({ perSecond }) => (perSecond === undefined ? [] : [perSecond]));
  const [a, b] = [rate(many), rate(few)];
  const problem = [...few, ...many].find((result) => result.problem !== undefined)?.problem;
  const isWhole = a.length === rounds && b.length === rounds;
  return [
    {
      what: `relay over ${BINDINGS} bindings x ${DOMAINS} domains with one next hop, against one queue`,
      value: isWhole ? round(median(a.map((value, i) => value / (b[i] ?? NaN)))) : undefined,
      unit: 'x',
      limit: { atLeast: 0.5 },
      note: isWhole ? `${Math.round(median(a))}/s against ${Math.round(median(b))}/s, ${size.count} messages` : (problem ?? 'no run'),
    },
  ];
}
