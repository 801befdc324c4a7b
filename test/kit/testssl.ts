/**
 * Asks testssl.sh about a server that offers STARTTLS, and gives its findings of severity HIGH or CRITICAL.
 *
 * The one rule: only what follows from a certificate that a test made itself is left out: who signed it, how long it lives, where
 * it could be revoked. A run that broke off is an error and never a clean bill.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './server.ts';

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

const chain = /^cert_(?:trust|chain_of_trust|expirationStatus|notAfter|revocation|validityPeriod)/;

export async function seriousFindings(at: string, dir: string, checks: readonly string[]): Promise<string[]> {
  const file = join(dir, 'testssl.json');
  const words = ['--quiet', '--warnings', 'off', '--color', '0', '--nodns', 'none', '--jsonfile', file, '-t', 'smtp', ...checks, at];
  const { out, err } = await run('testssl', words);
  const findings = JSON.parse(readFileSync(file, 'utf8')) as Finding[];
  // Every kind of run looks at something of the protocol; a handful of lines is a run that could not connect.
  assert.ok(findings.length > 5, out + err);
  return findings
    .filter(({ id, severity }) => /^(?:HIGH|CRITICAL|FATAL)$/.test(severity) && !chain.test(id))
    .map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`);
}
