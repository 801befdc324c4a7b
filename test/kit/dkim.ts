/**
 * Our signer without a server: a message goes past it as in a loop, the key works at once.
 *
 * The one rule: settings are those of a stanza of opendkim, read as the server reads them. Not here: signatures of others (contracts), the way through a server (scenarios).
 */
import type { KeyObject } from 'node:crypto';
import { systemClock } from '#base';
import { DkimSigner, KeyCache, signature } from '#dkim';
import { opendkimSettings } from '#modules/opendkim';

/** @returns the field for a message in latin1, and what was logged */
export function testSigner(
  options: Readonly<Record<string, unknown>>,
  key: KeyObject,
  domains: readonly { domain: string; options: Readonly<Record<string, unknown>> }[] = [],
) {
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const settings = opendkimSettings({ name: 'opendkim', options: { key: '/%{d}.key', selector: 's', ...options }, domains });
  const tally = { processed: () => undefined, signed: () => undefined, failed: () => undefined };
  const signer = new DkimSigner(settings, {
    keys: new KeyCache({
      size: 9,
      foundSeconds: 60,
      missingSeconds: 60,
      clock: systemClock,
      readFile: (_path, done) => done(undefined, pem),
    }),
    thread: { sign: (input, algorithm, with_, done) => done(signature(input, algorithm, with_)) },
    clock: systemClock,
    tally,
    log: () => undefined,
  });
  /** @param top what policy put on it after it was hashed */
  return (text: string, top = ''): string => {
    const run = signer.begin();
    const octets = Buffer.from(text, 'latin1');
    for (let at = 0; at < octets.length; at += 97) run.append(octets.subarray(at, at + 97));
    let field = '';
    run.finish({ context: { get: () => undefined }, isOn: true, binding: 'b', top: Buffer.from(top, 'latin1') }, (made) => (field = made));
    return field;
  };
}
