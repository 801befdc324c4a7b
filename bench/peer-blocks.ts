/**
 * What finding the Peer of a connection costs, with 1,000, 10,000 and 100,000 Peer blocks: one JSON line each.
 *
 * The one rule: the figure that counts is the ratio to the smallest number; it should stay near 1, because the longest prefix is found bit by
 * bit. `microsecondsNew` is an address never seen in one of 1,000 blocks spread over all, `microsecondsKnown` one in the match cache,
 * `firstMs` the first question of all, which builds the search tree.
 * Run: bin/node -C impetus-source bench/peer-blocks.ts
 */
import { performance } from 'node:perf_hooks';
import { parseIp, type IpAddress } from '#base';
import { memoryFiles, readConfiguration, Resolver } from '#config';
import { compilePcre } from '#system';

const ASKED = 20_000;
const ROUNDS = 5;

function configuration(count: number): string {
  const peers = Array.from({ length: count }, (_, n) => {
    const network =
      n % 4 === 0
        ? `2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::/64`
        : `${10 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.0/24`;
    return `  Peer "${network}" { Idle_Time = ${(n % 250) + 1} }`;
  });
  return `ESMTP_Listener {\n${peers.join('\n')}\n  Listen ":25" { }\n}\n`;
}

/** Addresses in 1,000 blocks spread over all of them, none twice. */
function addresses(count: number, round: number): IpAddress[] {
  return Array.from({ length: ASKED }, (_, i) => {
    const n = Math.floor(((i % 1000) / 1000) * count);
    const host = round * ASKED + i;
    const text =
      n % 4 === 0
        ? `2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::${(host >> 16).toString(16)}:${(host & 0xffff).toString(16)}`
        : `${10 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.${host & 255}`;
    return parseIp(text)!;
  });
}

/** Microseconds an address; the best of some rounds, since this measures the search and not the machine's other work. */
function best(count: number, work: (round: number) => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) least = Math.min(least, work(round));
  return Number(((least * 1000) / ASKED).toFixed(2));
}

let smallest: number | undefined;
for (const count of [1_000, 10_000, 100_000]) {
  const start = performance.now();
  const { snapshot } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': configuration(count) }), searchPath: [] });
  const readSeconds = (performance.now() - start) / 1000;
  const resolver = new Resolver(snapshot!, { compileRegex: compilePcre });
  const ask = (ips: readonly IpAddress[]): number => {
    const from = performance.now();
    for (const ip of ips) resolver.listening({ listener: 'esmtp_listener', listen: ':25', ip });
    return performance.now() - from;
  };
  const firstMs = Math.round(ask(addresses(count, ROUNDS).slice(0, 1)));
  ask(addresses(count, ROUNDS));
  const microsecondsNew = best(count, (round) => ask(addresses(count, round)));
  const few = addresses(count, 0).slice(0, 1000);
  ask(few);
  const known = Array.from({ length: ASKED / 1000 }, () => few).flat();
  const microsecondsKnown = best(count, () => ask(known));
  smallest ??= microsecondsNew;
  console.log(
    JSON.stringify({
      peers: count,
      readSeconds: Number(readSeconds.toFixed(2)),
      firstMs,
      microsecondsNew,
      microsecondsKnown,
      ratio: Number((microsecondsNew / smallest).toFixed(2)),
    }),
  );
}
