// Measures the spool alone: durable commits a second with 1 and with 50 committers, 5 KB bodies, each settled after its commit.
//
// Usage: bin/node -C impetus-source bench/spool.ts [messages] [directory]. One JSON line a case. The directory must be on a real disk, not a tmpfs.
// It does not speak SMTP (bench/run.ts does): these figures are the ceiling of a loop.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '#base';
import type { Envelope } from '#mail';
import { claimSpool, Spool } from '#spool';

const total = Number(process.argv[2] ?? 20_000);
const base = process.argv[3] ?? tmpdir();
const body = Buffer.alloc(5120, 'x'.repeat(76) + '\r\n');

function envelopeOf(n: number): Envelope {
  const id = `${(n % 256).toString(16).toUpperCase().padStart(2, '0')}/${((n >> 8) % 256).toString(16).toUpperCase().padStart(2, '0')}-00001-${(n >> 16).toString(16).toUpperCase().padStart(8, '0')}`;
  const recipient = {
    id,
    address: 'someone@example.com',
    local: 'someone',
    domain: 'example.com',
    binding: 'default',
    bindingGroup: 'default',
  };
  const peer = { remoteIp: '127.0.0.1', remotePort: 40_000, protocol: 'esmtp', helo: 'client.example' } as const;
  const contexts = { contextConnection: {}, contextMessage: {} };
  return {
    batchId: id,
    connectionId: id,
    sender: 'me@example.org',
    recipients: [recipient],
    receivedAt: 1_700_000_000_000,
    size: 5120,
    ...peer,
    ...contexts,
  };
}

async function run(committers: number, messages: number): Promise<void> {
  const dir = mkdtempSync(join(base, 'spool-bench-'));
  const claim = await claimSpool({ dir, random: systemRandom });
  const spool = await Spool.open({ dir, loop: 0, clock: systemClock, durable: true, panic: (text) => console.error(text) });
  let started = 0;
  let finished = 0;
  const cpu = process.cpuUsage();
  const from = systemClock.mono();
  await new Promise<void>((resolve, reject) => {
    const one = (): void => {
      if (started === messages) return;
      const envelope = envelopeOf(started);
      started += 1;
      const draft = spool.openDraft();
      draft.append(body);
      draft.commit(envelope, (error) => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        spool.settled(envelope.batchId);
        finished += 1;
        if (finished === messages) resolve();
        else one();
      });
    };
    for (let i = 0; i < committers; i += 1) one();
  });
  const seconds = (systemClock.mono() - from) / 1000;
  const used = process.cpuUsage(cpu);
  const figures = {
    committers,
    messages,
    perSecond: Math.round(messages / seconds),
    batches: spool.batches,
    cpuPerThousand: (used.user + used.system) / 1e6 / (messages / 1000),
  };
  console.log(JSON.stringify({ bench: 'spool', ...figures }));
  await spool.close();
  claim.release();
  rmSync(dir, { recursive: true });
}

await run(50, Math.min(total, 5000));
await run(1, total / 4);
await run(50, total);
await run(200, total);
