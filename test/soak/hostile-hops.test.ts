/**
 * A long campaign against the sender: a next hop that is as hostile as chance makes it, and a judge who holds the log against what it did.
 *
 * The one rule: every recipient ends in exactly one line, D only where the next hop took it (or said so strangely that nobody can know), P only where it
 * did not; a second copy comes only where the sender could not know of the first; at last nothing waits. HOPS_MESSAGES and SEED may be set. Not part of `npm test`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { seededRandom } from '#base';
import { makeAuthority, makeCertificate, makeSelfSigned } from '../kit/certificates.ts';
import { HostileHop } from '../kit/hostile-hop.ts';
import { mainRecords, panicTexts } from '../kit/log-lines.ts';
import { handIn } from '../kit/outgoing.ts';
import { command, startServer, until } from '../kit/server.ts';

const count = Number(process.env['HOPS_MESSAGES'] ?? 1500);
const SEED = Number(process.env['SEED'] ?? 1);

const courses = [
  { name: 'in clear', conf: '', isTls: false },
  { name: 'with TLS where it works', conf: 'TLS = ifavailable\nTLS_Ifavailable_Fallback = true', isTls: true },
  {
    name: 'with TLS or not at all, of a host that is proven',
    conf: 'TLS = required\nTLS_Verify = host\nTLS_CA = "{dir}/../ca.pem"',
    isTls: true,
  },
];

for (const { name, conf, isTls } of courses) {
  test(`${count} messages to a hostile next hop ${name} end in true lines (A36, A50, Q-12, Q-13)`, { timeout: 1_200_000 }, async (t) => {
    const random = seededRandom(SEED);
    const dir = mkdtempSync(join(tmpdir(), 'impetus-hops-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    makeAuthority(dir);
    const pairs = [
      makeCertificate(dir, 'one', { names: ['hop.test', 'IP:127.0.0.1'] }),
      makeCertificate(dir, 'two', { names: ['hop.test', 'IP:127.0.0.1'] }),
      makeSelfSigned(dir, 'three'),
    ];
    const contexts = pairs.map(({ cert, key }) => createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) }));
    const hop = new HostileHop({ random, badness: 12, ...(isTls ? { contexts } : {}) });
    await hop.listen();
    t.after(() => hop.close());
    const server = await startServer(t, {
      conf: `
Relay_Hosts = ( 127.0.0.0/8 )
Generate_Bounces = false
EventLoop "pool" { Concurrency = 2 }
Retry_Interval = 1
Max_Retry_Interval = 1
Host_Failure_Retry = 0
MailFrom_Timeout = 2
RcptTo_Timeout = 2
Body_Timeout = 2
EHLO_Timeout = 2
Connect_Timeout = 2
RSET_Timeout = 2
Max_Outbound_Connections = 5
${conf.replace('{dir}/..', dir)}
Gateway = "127.0.0.1:${hop.port}"
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }`,
    });
    const addresses: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const to = Array.from({ length: 1 + (random.int(4) === 0 ? random.int(5) : 0) }, (_, n) => `u${i}-${n}@d${i % 7}.test`);
      const size = random.int(50) === 0 ? 300_000 : random.int(3000);
      const text = `Subject: ${i}\r\n\r\n${random.int(3) === 0 ? 'v\xe4' : ''}${'text \r\n'.repeat(size / 7)}..end`;
      assert.match(await handIn(server, to, { text }), /^250/);
      addresses.push(...to);
    }
    const ended = (): Map<string, string[]> => {
      const by = new Map<string, string[]>();
      for (const { kind, messageId, fields } of mainRecords(server)) {
        if (kind !== 'D' && kind !== 'P') continue;
        const list = by.get(messageId) ?? [];
        by.set(messageId, list);
        list.push(`${kind} ${fields.join(' ')}`);
      }
      return by;
    };
    const isEmpty = async (): Promise<boolean> =>
      /Total Queue Size:\s+0$/m.test((await command('ec_console', [server.path('control'), 'summary'])).out);
    let late = 0;
    await until(
      async () => {
        // At last it is a good hop, or chance might never let a message through.
        if ((late += 1) === 600) hop.o.badness = 0;
        return isEmpty();
      },
      () => `the queues to be empty; ${ended().size} of ${addresses.length} ended`,
      900,
    );
    const problems: string[] = [];
    const seen = new Map<string, number>();
    const addressOf = new Map(
      mainRecords(server, 'R').map(({ messageId, fields }) => [
        messageId,
        ['^u\\d+-\\d+$', '^d\\d\\.test$'].map((form) => fields.find((field) => new RegExp(form).test(field))).join('@'),
      ]),
    );
    const lost = mainRecords(server, 'T').filter(({ fields }) => fields.at(-1)?.includes('[internal]') === true);
    for (const [id, lines] of ended()) {
      const address = addressOf.get(id) ?? '?';
      seen.set(address, (seen.get(address) ?? 0) + 1);
      if (lines.length !== 1) problems.push(`${id} ${address}: ${lines.join(' | ')}`);
      const { taken, perhaps } = hop.of(address);
      if (lines[0]?.startsWith('D') === true && taken + perhaps === 0)
        problems.push(`logged as delivered, never taken: ${address} ${lines[0]}`);
      // A busy machine answers late, too: each copy but the last has a line that says that no answer was heard.
      const unheard = lost.filter(({ messageId }) => messageId === id);
      if (taken > 1 + unheard.length) problems.push(`${address}: taken ${taken} times, ${unheard.length} times not heard of`);
      if (lines[0]?.startsWith('P') === true && taken > 0) problems.push(`failed, and taken: ${address} ${lines[0]}`);
    }
    for (const address of addresses) if (seen.get(address) !== 1) problems.push(`${address} ended ${seen.get(address) ?? 0} times`);
    problems.push(...panicTexts(server).filter((text) => /defect|CRITICAL|threw|died/.test(text)));
    t.diagnostic(`${hop.sessions} sessions, ${[...hop.steps.values()].reduce((a, b) => a + b, 0)} bad steps of ${hop.steps.size} kinds`);
    assert.deepEqual(problems.slice(0, 20), []);
  });
}
