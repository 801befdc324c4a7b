/**
 * The whole of testssl.sh against our STARTTLS: a few minutes, mostly simulated clients and every cipher there is.
 *
 * The one rule: nothing of severity HIGH or CRITICAL but the test certificate's chain. The quick form is in test/scenarios/clients-tls.test.ts.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeAuthority, makeCertificate } from '../kit/certificates.ts';
import { hasProgram, startServer } from '../kit/server.ts';
import { seriousFindings } from '../kit/testssl.ts';

test("all that testssl.sh knows finds nothing serious but the test certificate's chain (TLSI-01)", { timeout: 900_000 }, async (t) => {
  if (!hasProgram('testssl')) return t.skip('testssl.sh is not installed');
  const dir = mkdtempSync(join(tmpdir(), 'impetus-testssl-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  makeAuthority(dir);
  const { cert, key } = makeCertificate(dir, 'mx', { names: ['localhost'], key: 'rsa' });
  const server = await startServer(t, {
    conf: `
ESMTP_Listener {
  TLS_Certificate = "${cert}"
  TLS_Key = "${key}"
  SMTP_Extensions = ( "STARTTLS" )
  Listen "127.0.0.1:{port:smtp}" {}
}`,
  });
  assert.deepEqual(await seriousFindings(`127.0.0.1:${server.ports['smtp']!}`, dir, ['-9']), []);
  return undefined;
});
