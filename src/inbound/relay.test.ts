/**
 * Who may send to whom.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codes, World, type WorldOptions } from '../../test/kit/inbound.ts';

async function answer(o: WorldOptions & { from?: string; sender?: string }, ...recipients: readonly string[]): Promise<string> {
  const client = await new World(o).connect(o.from ?? '192.0.2.7');
  client.lines('EHLO c.test', `MAIL FROM:<${o.sender ?? 'a@a.test'}>`);
  return codes(client.lines(...recipients.map((recipient) => `RCPT TO:${recipient}`)));
}

test('Mail goes to relay_domains and bounce_domains, in any case, and nowhere else (SMTP-06, SMTP-07)', async () => {
  const options = { relayDomains: ['here.test', '*.sub.test', '*tail.test'], bounceDomains: ['bounce.test'] };
  assert.equal(await answer({ options }, '<b@here.test>', '<b@HERE.Test>', '<b@bounce.test>', '<b@x.sub.test>'), '250 250 250 250');
  assert.equal(await answer({ options }, '<b@tail.test>', '<b@badtail.test>'), '250 250');
  assert.equal(await answer({ options }, '<b@sub.test>', '<b@a.here.test>', '<b@far.test>', '<b@bounce.test.far>'), '550 550 550 550');
});

test('relay_hosts open the relay to their networks, and set can_relay (SMTP-06, CTX-02)', async () => {
  const options = { relayHosts: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.9'] };
  for (const from of ['10.1.2.3', '2001:db8::1', '192.0.2.9']) assert.equal(await answer({ options, from }, '<b@far.test>'), '250', from);
  for (const from of ['11.1.2.3', '2001:db9::1', '192.0.2.8']) assert.equal(await answer({ options, from }, '<b@far.test>'), '550', from);
  const world = new World({ options });
  const client = await world.connect('10.1.2.3');
  assert.equal(client.session.context.connection.get('can_relay'), 'true');
  assert.equal((await world.connect('11.1.2.3')).session.context.connection.has('can_relay'), false);
});

test('Open_Relay, and Relay_For_Sending_Domains without a domain, open it to everybody (SMTP-06)', async () => {
  assert.equal(await answer({ options: { openRelay: true } }, '<b@far.test>'), '250');
  assert.equal(await answer({ options: { relayForSendingDomains: [] } }, '<b@far.test>'), '250');
  assert.equal(await answer({ options: { relayForSendingDomains: true } }, '<b@far.test>'), '250');
  assert.equal(await answer({ options: {} }, '<b@far.test>'), '550');
});

test('Relay_For_Sending_Domains relays for its senders only, and never for the null sender (SMTP-06)', async () => {
  const options = { relayForSendingDomains: ['*.foo.test', 'bar.test'] };
  assert.equal(await answer({ options, sender: 'a@x.foo.test' }, '<b@far.test>'), '250');
  assert.equal(await answer({ options, sender: 'a@BAR.test' }, '<b@far.test>'), '250');
  assert.equal(await answer({ options, sender: 'a@foo.test' }, '<b@far.test>'), '550');
  assert.equal(await answer({ options, sender: '' }, '<b@far.test>'), '550');
  assert.equal(await answer({ options: { relayForSendingDomains: ['*'] }, sender: '' }, '<b@far.test>'), '550');
});

test('The classic forms of open-relay tests are all refused (A33, SMTP-06)', async () => {
  const forms = [
    '<victim@far.test>',
    '<victim%far.test@here.test>',
    '<victim@far.test@here.test>',
    '<"victim@far.test"@here.test>',
    '<"victim%far.test"@here.test>',
    '<far.test!victim@here.test>',
    '<"far.test!victim"@here.test>',
    '<@here.test:victim@far.test>',
    '<@here.test,@far.test:victim@far.test>',
    '<@here.test:"victim@far.test"@here.test>',
    '<victim@[192.0.2.99]>',
    '<victim@[IPv6:2001:db8::99]>',
    '<victim%far.test@[192.0.2.1]>',
    '<"victim@far.test"@[192.0.2.1]>',
    '<victim@far.test.>',
    '<victim@here.test.>',
    '<victim@here.test.far.test>',
    '<victim@xhere.test>',
    '<"victim@far.test">',
    '<victim%far.test>',
    '<far.test!victim>',
    '<victim@far.test@>',
    '<victim@@far.test>',
    'victim@far.test',
    '<victim@far.test',
  ];
  for (const form of forms) {
    assert.match(await answer({ options: { relayDomains: ['here.test'] } }, form), /^5\d\d$/, form);
    assert.match(
      await answer({ options: { relayDomains: ['here.test'] }, sender: 'boss@here.test' }, form),
      /^5\d\d$/,
      `${form} from a local sender`,
    );
  }
  assert.equal(await answer({ options: { relayDomains: ['here.test'] } }, '<plain@here.test>', '<"plain"@here.test>'), '250 250');
});

test('Names such as __proto__ and constructor are only names (A32)', async () => {
  const options = { relayDomains: ['here.test'] };
  assert.match(
    await answer({ options }, '<__proto__@constructor>', '<__proto__@__proto__>', '<a@constructor>', '<a@tostring>'),
    /^(550|501)( (550|501)){3}$/,
  );
  assert.equal(await answer({ options }, '<__proto__@here.test>', '<constructor@here.test>'), '250 250');
});

test('A recipient of a blackholed domain is refused 551, and relaying is asked first (Q-16, SMTP-04)', async () => {
  const o = { options: { relayDomains: ['hole.test'] }, blackholed: ['hole.test', 'far.test'] };
  assert.equal(await answer(o, '<b@hole.test>', '<b@far.test>'), '551 550');
});
