/**
 * What `domain X` says of TLSA records, for each thing that a cache may hold.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerPort } from '../operation.ts';
import { tlsaLines } from './domain-tls.ts';

/** A server whose second loop holds these answers. */
function holding(answers: Readonly<Record<string, unknown>>): ServerPort {
  const askLoops = (_question: string, args: unknown): Promise<unknown> =>
    Promise.resolve({
      answers: new Map([
        [0, undefined],
        [1, answers[(args as { name: string }).name]],
      ]),
      silent: [],
    });
  return { askLoops } as unknown as ServerPort;
}

test('section 5.1, domain: TLSA records as a sender would find them: signed, not signed, none, not to be had, under an alias; nothing where nothing is held', async () => {
  const record = { usage: 3, selector: 1, matching: 1, data: new Uint8Array([0xab, 0x01]) };
  const server = holding({
    '_25._tcp.mx.a.test': { kind: 'records', name: '', ttl: 60, records: [record], isAuthenticated: true },
    '_25._tcp.end.test': { kind: 'records', name: '', ttl: 61, records: Array.from({ length: 20 }, () => record), isAuthenticated: false },
    '_26._tcp.mx.a.test': { kind: 'nodata', ttl: 62, isAuthenticated: true },
    '_27._tcp.mx.a.test': { kind: 'failed', reason: 'no answer\x07' },
  });
  const lines = async (port: number, ...ends: string[]): Promise<string> => (await tlsaLines(server, { ends, port })).join('\n');
  assert.equal(await lines(25, 'mx.a.test', 'mx.a.test'), '\t1 TLSA of _25._tcp.mx.a.test (signed, for 60 s)\n\t  TLSA 3 1 1 ab01');
  assert.match(
    await lines(25, 'end.test', 'mx.a.test'),
    /^\t20 TLSA of _25\._tcp\.end\.test \(not signed, without effect, for 61 s\)\n(\t {2}TLSA 3 1 1 ab01\n){8}\t1 TLSA/,
  );
  assert.equal(await lines(26, 'mx.a.test'), '\tno TLSA of _26._tcp.mx.a.test (signed, for 62 s)');
  const failed = await lines(27, 'mx.a.test');
  assert.match(failed, /^\tTLSA of _27\._tcp\.mx\.a\.test cannot be known now: no answer.*; mail with DANE waits$/);
  assert.ok(!failed.includes('\x07'));
  assert.equal(await lines(28, 'mx.a.test'), '');
});
