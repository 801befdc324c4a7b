/**
 * How fast a configuration is parsed: prints one JSON line with MB/s (10^6 bytes) for three 10 MB files.
 *
 * `realistic` has bindings, domains, listeners, lists, comments; the others are the same text behind a quotation mark that nothing closes,
 * one that the next quoted text closes by mistake, and a comment that is never closed (A78). The best of several runs counts: this measures the parser, not the machine's other work.
 * Run: bin/node -C impetus-source bench/parse-config.ts [megabytes]
 */
import { performance } from 'node:perf_hooks';
import { parseConf } from '#syntax';

const RUNS = 5;
const megabytes = Number(process.argv[2] ?? 10);

function stanza(n: number): string {
  return `
# customer ${n}: agreed by mail, see the ticket
Binding "outbound-${n}" {
  Bind_Address = "10.${(n >> 8) & 255}.${n & 255}.7"
  EHLO_Hostname = mx${n}.sender.example
  Max_Outbound_Connections = ${20 + (n % 50)}   # per domain
  Domain "customer-${n}.example" {
    Gateway = "relay-${n}.example:2525"
    Retry_Interval = 600
    Outbound_Throttle_Messages = "100/60"
    TLS = ifavailable
  }
  Domain /^mail-${n}\\.(example|test)$/ {
    Suspend_Delivery = false
  }
}
ec_logger "log-${n}" {
  mainlog = "/var/log/ecelerity/mainlog-${n}.ec"
  formats = ( "reception" "delivery" /24 10.0.0.0/8 )
  map [
    "0" = "250 ok"
    127.0.0.${n & 255} = "hits" /* kept for the old list */
  ]
}
`;
}

function realistic(bytes: number): string {
  const parts: string[] = [];
  let length = 0;
  for (let n = 0; length < bytes; n++) {
    const part = stanza(n);
    parts.push(part);
    length += part.length;
  }
  return parts.join('').slice(0, bytes);
}

function measure(text: Buffer): { mbPerSecond: number; problems: number } {
  let best = Infinity;
  let problems = 0;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    problems = parseConf(text, 'bench.conf').problems.length;
    best = Math.min(best, performance.now() - start);
  }
  return { mbPerSecond: Math.round(text.length / 1e3 / best), problems };
}

const text = realistic(megabytes * 1e6);
const whole = measure(Buffer.from(text));
const openText = measure(Buffer.from(`Banner = "never closed ${text.replaceAll('"', '')}`));
const wrongClose = measure(Buffer.from(`Banner = "never closed ${text}`));
const openComment = measure(Buffer.from(`/* never closed ${text.replaceAll('*/', '')}`));
const result = {
  bench: 'parse-config',
  megabytes,
  realistic: whole.mbPerSecond,
  unterminatedString: openText.mbPerSecond,
  wronglyClosedString: wrongClose.mbPerSecond,
  unterminatedComment: openComment.mbPerSecond,
  problems: [whole, openText, wrongClose, openComment].map((measured) => measured.problems),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
