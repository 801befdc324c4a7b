/**
 * Our sealer without a server: a message goes past it as in a loop, the key works at once.
 *
 * The one rule: settings are those of a stanza, read as the server reads them. Not here: the check of a chain (trust), the way through a server (scenarios).
 */
import type { KeyObject } from 'node:crypto';
import { systemClock } from '#base';
import { KeyCache, signature, Tally, type SigningFigures } from '#dkim';
import { ValidationContext } from '#hooks';
import { ArcSealer, openarcSettings } from '#modules/openarc';

export interface SealedMessage {
  /** The set, '' for none. */
  readonly fields: string;
  /** The whole, in latin1. */
  readonly text: string;
  readonly context: ReadonlyMap<string, string>;
  readonly logged: readonly string[];
  /** Of all messages so far, as signing_stats has them. */
  readonly counted: Pick<SigningFigures, 'processed' | 'signed' | 'failed'>;
}

interface MessageFacts {
  /** Signatures of ours. */
  readonly above?: string;
  readonly top?: string;
  readonly localName?: string;
  readonly bypass?: boolean;
}

/** @param key undefined: the file is not there */
export function testSealer(options: Readonly<Record<string, unknown>>, key: KeyObject | undefined) {
  const { sealing } = openarcSettings({ options: { keyfile: '/arc.key', ...options } });
  if (sealing === undefined) throw new Error('nothing is sealed');
  const logged: string[] = [];
  const keys = new KeyCache({
    size: 1,
    foundSeconds: 60,
    missingSeconds: 60,
    clock: systemClock,
    readFile: (_path, done) =>
      key === undefined
        ? done(new Error('there is no such file'))
        : done(undefined, key.export({ type: 'pkcs8', format: 'pem' }).toString()),
  });
  const thread = {
    sign: (input: string, algorithm: Parameters<typeof signature>[1], with_: KeyObject, done: (signed: string) => void) =>
      done(signature(input, algorithm, with_)),
  };
  const tally = new Tally();
  const sealer = new ArcSealer(sealing, { keys, thread, tally, clock: systemClock, log: (text) => logged.push(text) });
  return async (text: string, values: Readonly<Record<string, string>>, o: MessageFacts = {}): Promise<SealedMessage> => {
    const context = new ValidationContext();
    for (const [name, value] of Object.entries(values)) context.setMessage(name, value);
    if (o.bypass === true) context.setConnection('__bypass_openarc', 'true');
    const run = sealer.begin();
    const octets = Buffer.from(text, 'latin1');
    for (let at = 0; at < octets.length; at += 97) run.append(octets.subarray(at, at + 97));
    const { above = '', top = '', localName = 'mx.test' } = o;
    const view = {
      batchId: 'm',
      sender: 'a@a.test',
      context,
      recipients: [{ local: 'x', domain: 'x.test', binding: 'b', bindingGroup: '' }],
      localName,
      top: Buffer.from(top, 'latin1'),
    };
    const fields = await new Promise<string>((done) => run.finish(view, above, done));
    const { processed = 0, signed = 0, failed = 0 } = new Map(tally.rows).get(`both b ${sealing.domain}`) ?? {};
    return { fields, text: fields + above + top + text, context: context.message, logged, counted: { processed, signed, failed } };
  };
}
