import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tlsReportSettings } from './index.ts';

const isBinding = (name: string): boolean => name === 'plain';

test('tls_rpt: Report_From must be an address and stands in for Contact_Info; Organization_Name, Report_Binding, which must exist, Report_Delay_Max and Store_File', () => {
  const least = tlsReportSettings({ reportFrom: 'tls@us.test' }, isBinding);
  assert.deepEqual(least, {
    organization: undefined,
    contact: 'tls@us.test',
    from: 'tls@us.test',
    fromDomain: 'us.test',
    binding: undefined,
    delayMaxMs: 14_400_000,
    storeFile: 'tls_rpt.json',
  });
  const all = { organizationName: 'Us', contactInfo: 'x@us.test', reportBinding: 'plain', reportDelayMax: 5, storeFile: '/s/t.json' };
  const { organization, contact, binding, delayMaxMs, storeFile } = tlsReportSettings({ ...all, reportFrom: 'tls@us.test' }, isBinding);
  assert.deepEqual([organization, contact, binding, delayMaxMs, storeFile], ['Us', 'x@us.test', 'plain', 5000, '/s/t.json']);
  for (const reportFrom of [undefined, '', 'nobody', 'a@b@c', 'a@b.test\r\nBcc: x'])
    assert.throws(() => tlsReportSettings({ reportFrom }, isBinding), /tls_rpt: Report_From ".*" is no address/s);
  assert.throws(
    () => tlsReportSettings({ ...all, reportFrom: 'tls@us.test', reportBinding: 'plian' }, isBinding),
    /Report_Binding "plian" is no Binding/,
  );
  assert.equal(tlsReportSettings({ reportFrom: 'tls@us.test', reportDelayMax: 1e9 }, isBinding).delayMaxMs, 72_000_000);
});
