/**
 * Goal 13: with DKIM by RSA-2048 a relay reaches 0.8 of what a bare loop of such signatures does;
 * by Ed25519 0.7 of the plain relay; and 25 MB messages that are signed hold no turn of a loop for more than 20 ms.
 *
 * The one rule: the bare loop runs in as many threads as the server signs in (one a loop), in the same run, before each relay, with the machine otherwise idle;
 * that the mail was signed is read from the server's own figures, or the run has no value.
 * Not here: what a signature is (dkim).
 */
import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConsoleClient } from '#control';
import { rates, ratio, round, type Effort, type Figure } from '../goal.ts';
import { banner, endTree, send } from '../load.ts';
import { freePort, measure, median, type Result } from '../measure.ts';
import { startSystem } from '../systems.ts';

const SIGNER_MS = 1000;
const LARGE_BYTES = 25_000_000;
const INPUT = Buffer.alloc(700, 'x');

/** Signatures a second of one thread that does nothing else. */
function bareLoop(key: KeyObject): number {
  const begun = performance.now();
  let made = 0;
  while (performance.now() - begun < SIGNER_MS) {
    createSign('sha256').update(INPUT).sign(key);
    made += 1;
  }
  return (made * 1000) / (performance.now() - begun);
}

function stanza(key: string): string {
  return `opendkim "bench" { key = "${key}" selector = "s" header_canon = "relaxed" body_canon = "relaxed" dkim_domain "bench.test" { selector = "s" } }`;
}

/** Messages that the server says it signed. */
async function signedBy(dir: string): Promise<number> {
  const client = await ConsoleClient.open(join(dir, 'control'));
  const { text } = await client.run('signing_stats');
  client.close();
  return Math.max(0, ...[...text.matchAll(/TotalMessagesSigned\D+(\d+)/g)].map((match) => Number(match[1])));
}

/** The longest turn of a loop while messages of 25 MB are signed, and how many were. */
async function largest(more: string, count: number): Promise<{ turn: number; signed: number }> {
  const dir = join(tmpdir(), 'impetus-bench', 'signing');
  mkdirSync(dir, { recursive: true });
  const job = { port: await freePort(), sink: await freePort(), workload: 'accept' as const, dir, more };
  const child = startSystem('impetus', job);
  try {
    await banner(job.port);
    const load = { sessions: 4, bytes: LARGE_BYTES, keep: true };
    await send(job.port, { ...load, count: 4 });
    const client = await ConsoleClient.open(join(dir, 'control'));
    await client.run('threads reset');
    await send(job.port, { ...load, count });
    const { text } = await client.run('threads');
    client.close();
    const turn = Math.max(...[...text.matchAll(/^loop \d+ +([\d.]+) ms/gm)].map((match) => Number(match[1])));
    return { turn, signed: await signedBy(dir) };
  } finally {
    if (child.pid !== undefined) await endTree(child.pid);
  }
}

export async function signing({ rounds, count }: Effort): Promise<Figure[]> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const keys = join(tmpdir(), 'impetus-bench-keys');
  mkdirSync(keys, { recursive: true });
  const file = (name: string, key: KeyObject): string => {
    const path = join(keys, `${name}.pem`);
    writeFileSync(path, key.export({ type: 'pkcs8', format: 'pem' }));
    return path;
  };
  const rsaFile = file('rsa', rsa);
  const more = { rsa: stanza(rsaFile), ed25519: stanza(file('ed25519', generateKeyPairSync('ed25519').privateKey)) };
  const load = { sessions: 50, count, bytes: 5120, keep: true };
  const all = new Map<string, Result[]>([
    ['plain', []],
    ['rsa', []],
    ['ed25519', []],
  ]);
  const ofBare: number[] = [];
  // No rules, no headers, no logs: what of the bare loop anything on this runtime could reach beside this load.
  const floorOfBare: number[] = [];
  let loops = 0;
  for (let i = 1; i <= rounds; i += 1) {
    const bare = bareLoop(rsa);
    for (const [name, results] of all) {
      const options = name === 'plain' ? {} : { more: more[name as 'rsa' | 'ed25519'] };
      const result = await measure('impetus', 'relay', i, load, options);
      console.log(JSON.stringify({ ...result, system: name }));
      results.push(result);
      if (name === 'rsa' && result.perSecond !== undefined) ofBare.push(result.perSecond / bare);
    }
    const floor = await measure('floor', 'relay', i, load, { env: { BENCH_KEY: rsaFile } });
    console.log(JSON.stringify({ ...floor, system: 'bare relay that signs' }));
    if (floor.perSecond !== undefined) floorOfBare.push(floor.perSecond / bare);
    loops = bare;
  }
  const { turn, signed } = await largest(more.rsa, 8);
  const isSigned = signed > 0;
  const note = `${rates(all)}, bare loop of RSA ${Math.round(loops)}/s`;
  return [
    {
      what: 'signing: relay with RSA-2048 against a bare loop of signatures',
      value: !isSigned || ofBare.length === 0 ? undefined : round(median(ofBare)),
      unit: 'x',
      limit: { atLeast: 0.8 },
      note,
    },
    {
      what: 'signing: a bare relay that only signs, with RSA-2048 in a thread, against the same loop',
      value: floorOfBare.length === 0 ? undefined : round(median(floorOfBare)),
      unit: 'x',
      limit: undefined,
      note: 'floor.ts with $BENCH_KEY: no headers read, no body hashed, no rules, no log',
    },
    {
      what: 'signing: relay with Ed25519 against the plain relay',
      value: isSigned ? ratio(all, 'ed25519', 'plain', 'perSecond') : undefined,
      unit: 'x',
      limit: { atLeast: 0.7 },
      note,
    },
    {
      what: 'signing: longest turn of a loop while 25 MB messages are signed',
      value: isSigned && Number.isFinite(turn) ? turn : undefined,
      unit: 'ms',
      limit: { atMost: 20 },
      note: `measured by the server itself (\`threads\`), ${signed} messages signed`,
    },
  ];
}
