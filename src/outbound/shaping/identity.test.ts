import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SendingOptions } from '#queue';
import { identityOf } from './identity.ts';

const o = { domain: 'a.test', ehloName: 'mx' };
const identity = (options: object, more = o): string => identityOf({ tls: 'no', ...options } as SendingOptions, more);

test('SHP-07 OUT-60: what a server sees or is asked for makes a difference: address, name, method, TLS, credentials', () => {
  const plain = identity({ bindAddress: '192.0.2.1', retryInterval: 5 });
  assert.equal(identity({ bindAddress: '192.0.2.1', retryInterval: 9, maxOutboundConnections: 3 }), plain);
  const others = [
    identity({ bindAddress: '192.0.2.2' }),
    identity({ bindAddress: '192.0.2.1' }, { ...o, ehloName: 'other' }),
    identity({ bindAddress: '192.0.2.1', tls: 'ifavailable' }),
    identity({ bindAddress: '192.0.2.1', deliveryMethod: 'LMTP' }),
    identity({ bindAddress: '192.0.2.1', outboundSmtpAuthUser: 'me' }),
    identity({ bindAddress: '192.0.2.1', xclient: true }),
  ];
  assert.equal(new Set([plain, ...others]).size, 7);
});

test('OUT-61: where the certificate must name the domain, each domain has connections of its own', () => {
  const strict = { tls: 'required', tlsVerify: 'host' };
  assert.notEqual(identity(strict), identity(strict, { ...o, domain: 'b.test' }));
  assert.equal(identity({ tls: 'required', tlsVerify: 'ca' }), identity({ tls: 'required', tlsVerify: 'ca' }, { ...o, domain: 'b.test' }));
});
