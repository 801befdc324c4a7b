/* Tests of listener-check.ts.
 * The one rule: what a listener lists and cannot offer is said, and what it needs and cannot have refuses it.
 * Facts: AUTH-01, AUTH-02, EXT-01, TLSI-01. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles, readConfiguration, type Resolver } from '#config';
import { dhParamsOf, listenerNotices, listenerProblem, offeredElsewhere } from './listener-check.ts';
import { resolverOf } from './site.ts';

function of(text: string): Resolver {
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(problems, []);
  return resolverOf(snapshot!);
}

test('AUTH without a back end and STARTTLS without a certificate are said, each once, with the listener (AUTH-02, TLSI-01)', () => {
  const notices = listenerNotices(
    of(`ESMTP_Listener {
      SMTP_Extensions = ( "STARTTLS" "AUTH LOGIN" "AUTH PLAIN" "AUTH XOAUTH2" )
      AuthPlainParameters = [ uri = "file:///p" ]
      Listen ":25" { }
      Listen ":26" { SMTP_Extensions = ( "AUTH LOGIN" "AUTH GSSAPI" ) }
    }`),
  );
  assert.deepEqual(notices, [
    '":25": "AUTH LOGIN" is not offered: AuthLoginParameters names no uri',
    '":25": "AUTH XOAUTH2" is not offered: no module verifies tokens',
    '":25": STARTTLS is not offered: TLS_Certificate names no file',
    '":26": "AUTH GSSAPI" is not offered: there is no such mechanism',
  ]);
  assert.deepEqual(listenerNotices(of('ESMTP_Listener { Listen ":25" { SMTP_Extensions = ( "XCLIENT" ) } }')), []);
});

test('a certificate that cannot be read, and a back end that nobody has, refuse the configuration (AUTH-01, TLSI-01)', () => {
  const text = 'ESMTP_Listener { TLS_Certificate = "/none.pem" Listen ":25" { } }';
  assert.match(listenerProblem(of(text)) ?? '', /^Cannot use TLS on ":25": TLS_Certificate "\/none\.pem" cannot be read/);
  assert.match(
    listenerProblem(of('ESMTP_Listener { Listen ":25" { AuthLoginParameters = [ uri = "ecauth://x" ] } }')) ?? '',
    /AuthLoginParameters: uri "ecauth:\/\/x" cannot be used/,
  );
});

test('an extension counts as offered to somebody by its name, without its argument, in the form of 2.x too (EXT-01, AUTH-02)', () => {
  const isOffered = offeredElsewhere(
    of(
      'ESMTP_Listener { Listen ":25" { Peer 10.0.0.0/8 { SMTP_Extensions = ( "futurerelease 60" ) } } Listen ":26" { Extension = AUTH } }',
    ),
  );
  assert.deepEqual(['FUTURERELEASE', 'AUTH', 'DELIVERBY'].map(isOffered), [true, true, false]);
});

test('TLS_Enable_DHE_Ciphers = false takes the parameters of TLS_DHParams_File away (TLSI-01)', () => {
  assert.equal(dhParamsOf(of('TLS_DHParams_File = "/dh.pem"')), '/dh.pem');
  assert.equal(dhParamsOf(of('TLS_DHParams_File = "/dh.pem" TLS_Enable_DHE_Ciphers = false')), undefined);
  assert.equal(dhParamsOf(of('')), undefined);
});
