/**
 * The notice that TLS reports would leave without a signature.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles, readConfiguration } from '#config';
import { reportSignerNotices } from './report-signer.ts';

function notices(text: string): string[] {
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(problems, []);
  return reportSignerNotices(snapshot!);
}

const reports = 'tls_rpt { Report_From = "tls@Us.test" }\n';
const signer = (inside: string): string => `${reports}opendkim { ${inside} }`;

test('RFC 8460 3: where tls_rpt sends reports and nothing signs for the domain of Report_From, that is said with what to do', () => {
  assert.deepEqual(notices(''), []);
  for (const text of [
    reports,
    signer('key = "/k/%{d}"'),
    signer('key = "/k" selector = "s"'),
    signer('key = "/k/%{d}" dkim_domain "other.test" { selector = "s" }'),
    signer('key = "/k/%{d}" selector = "s" sign_condition = "auth_user"'),
    signer('Enabled = false key = "/k/%{d}" selector = "s"'),
  ])
    assert.match(
      notices(text).join('|'),
      /^tls_rpt: nothing signs mail from us\.test \(Report_From "tls@Us\.test"\).*give opendkim or dkim_sign a scope for us\.test[^|]*$/,
      text,
    );
  for (const text of [
    signer('key = "/k/%{d}" selector = "s"'),
    signer('dkim_domain "US.test" { key = "/k" selector = "s" }'),
    `${reports}dkim_sign { headerlist = "From" dk_domain "us.test" { key = "/k" selector = "s" } }`,
  ])
    assert.deepEqual(notices(text), [], text);
});
