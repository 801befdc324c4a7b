/* Tests of reception-timer.ts.
 * The one rule: receptions are timed only where all three modules are at work, which a new configuration may change at any time.
 * Facts: SMTP-22. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ManualClock } from '#base';
import { memoryFiles, readConfiguration, type Snapshot } from '#config';
import type { MailRecord } from '#observe';
import { timingNotices } from './catalog.ts';
import { receptionTimer } from './reception-timer.ts';

function of(text: string): Snapshot {
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(problems, []);
  return snapshot!;
}

const timing = 'reception_timing reception_timing1 { }\n';
const logger = 'reception_timing_logger reception_timing_logger1 { }\n';
const chunk = 'chunk_logger "chunk_logger" { destination = "/c" }\n';

test('SMTP-22: nothing is measured unless both modules and a chunk_logger are there and enabled; what is missing is said, and a reload counts at once', () => {
  const records: MailRecord[] = [];
  const clock = new ManualClock(1_356_769_421_500);
  const resolver = { version: 1, snapshot: of('') };
  const timer = receptionTimer(resolver, { clock, records: { record: (r) => void records.push(r) } });
  assert.equal(timer(), undefined);
  const off = chunk.replace('{', '{ Enabled = false');
  for (const [text, missing] of [
    ['', ''],
    [chunk, ''],
    [timing + chunk, 'reception_timing_logger'],
    [logger + chunk, 'reception_timing'],
    [timing + logger, 'chunk_logger'],
    [timing + logger + off, 'chunk_logger'],
    [timing, 'reception_timing_logger and chunk_logger'],
  ] as const) {
    resolver.snapshot = of(text);
    resolver.version += 1;
    assert.equal(timer(), undefined, text);
    const notice = `receptions are not timed: ${missing} must be loaded, too`;
    assert.deepEqual(timingNotices(resolver.snapshot), missing === '' ? [] : [notice]);
  }
  resolver.snapshot = of(timing + logger + logger.replace('logger1', 'logger2') + chunk);
  assert.equal(timer(), undefined, 'asked anew only when the version is another one');
  resolver.version += 1;
  assert.deepEqual(timingNotices(resolver.snapshot), []);
  const watch = timer()?.begin();
  clock.advance(40);
  const ends = {
    remoteIp: '2001:db8::1',
    remotePort: 37656,
    localIp: '127.0.0.1',
    localPort: 8710,
    pathway: 'default',
    messageIdField: '',
  };
  const ids = { messageIds: ['00/00-10012-D88AED05'], batchId: '00/00-10012-D88AED05' };
  watch?.tell({ outcome: 'received', size: 1005, phase: undefined, ...ends, ...ids });
  const text =
    'received after 0.040000 s (scanned in 0.000000 s) size=1005 src=[2001:db8::1]:37656 dst=127.0.0.1:8710 pathway=default ' +
    'ID=00/00-10012-D88AED05 batch-ID=00/00-10012-D88AED05 Message-ID=""';
  assert.deepEqual(records, [{ kind: 'C', at: 1_356_769_421_540, text }]);
});
