/** What a message may demand of the server it is given to: REQUIRETLS, DELIVERBY, MT-PRIORITY, BINARYMIME. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeliveryTerms } from '#mail';
import type { Delivery, SendingOptions } from '#queue';
import { parseEhlo } from '#smtp';
import { mailCommand, refusal } from './envelope.ts';

const NOW = 1_000_000;

function delivery(terms: DeliveryTerms): Delivery {
  const batch = { id: 'b', sender: 'a@b.test', size: 9, bodyType: undefined, smtpUtf8: false, ret: undefined, envid: undefined, terms };
  return { batch, recipients: [{ address: 'c@d.test' }] } as unknown as Delivery;
}

function road(o: { words?: readonly string[]; tls?: SendingOptions['tls']; isTls?: boolean; isProven?: boolean } = {}) {
  const options = { tls: o.tls ?? 'ifavailable', send8bitmime: 'no' } as SendingOptions;
  return { capabilities: parseEhlo(['mx', ...(o.words ?? [])]), options, isTls: o.isTls === true, isProven: o.isProven === true };
}

const strict = delivery({ requireTls: true });

test('a message with REQUIRETLS goes out over proven TLS to a server that offers REQUIRETLS, and nowhere else (EXT-01)', () => {
  assert.equal(refusal(strict, road({ words: ['REQUIRETLS'], isTls: true, isProven: true })), undefined);
  assert.match(refusal(strict, road({ isTls: true, isProven: true }))?.reply ?? '', /^550 5\.7\.30 /);
  assert.equal(refusal(strict, road({ words: ['REQUIRETLS'], isTls: true }))?.kind, 'transient');
  assert.equal(refusal(strict, road({ words: ['REQUIRETLS'] }))?.kind, 'permanent');
  assert.equal(refusal(strict, road({ words: ['STARTTLS'] }))?.kind, 'transient', 'the handshake failed this time');
  assert.match(refusal(strict, road({ words: ['STARTTLS'], tls: 'no' }))?.reply ?? '', /^550 5\.7\.10 /);
  assert.equal(refusal(delivery({ mtPriority: 4 }), road()), undefined);
});

test('a deadline with return is only handed to a server that keeps deadlines; one with notice goes anywhere', () => {
  const by = (mode: 'return' | 'notify') => delivery({ deliverBy: { at: NOW + 60_000, mode, trace: false } });
  assert.match(refusal(by('return'), road())?.reply ?? '', /^554 5\.3\.3 /);
  assert.equal(refusal(by('return'), road({ words: ['DELIVERBY'] })), undefined);
  assert.equal(refusal(by('notify'), road()), undefined);
});

test('what was asked for is asked of the next server where it is offered, a deadline with the time that is left', () => {
  const all = delivery({ requireTls: true, mtPriority: -2, deliverBy: { at: NOW + 61_400, mode: 'return', trace: true }, notBefore: 5 });
  const place = { ...road({ words: ['REQUIRETLS', 'DELIVERBY 10', 'MT-PRIORITY MIXER'] }), now: NOW };
  assert.equal(mailCommand(all, place), 'MAIL FROM:<a@b.test> REQUIRETLS BY=61;RT MT-PRIORITY=-2\r\n');
  assert.equal(mailCommand(all, { ...road(), now: NOW }), 'MAIL FROM:<a@b.test>\r\n');
  const late = delivery({ deliverBy: { at: 1, mode: 'notify', trace: false } });
  assert.equal(mailCommand(late, { ...place, now: 11_001 }), 'MAIL FROM:<a@b.test> BY=-11;N\r\n');
});
