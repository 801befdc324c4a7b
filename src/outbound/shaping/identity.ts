/**
 * What a connection is, besides where it goes: with which face we opened it.
 *
 * The one rule: two queues may use the same connection only if they would have opened it alike: same source address, same name in EHLO, same
 * method, same demands of TLS (with the domain, where a certificate must name it), same credentials. When in doubt they differ.
 * Not here: who may take over which connection (siblings.ts). Truth: rules SHP-07, OUT-02, OUT-42, OUT-60 to OUT-63.
 */
import { createHash } from 'node:crypto';
import { contentOf } from '#config';
import type { DomainQueue, SendingOptions } from '#queue';
import { wantsPolicy } from '../session/policy.ts';

/** Keys of options that a connection shows to its server. A new option of that kind is found by its name. */
const shown =
  /^(?:tls|useDane|enableDane|useMtaSts|enableMtaSts|bindAddress|ehloHostname|deliveryMethod|remoteSmtpPort)|auth|xclient|credential|password|proxy|socks/i;

/** By the content of options: many queues have records of their own that say the same. */
const known = new WeakMap<object, string>();

/** @param ehloName the name as it is said, which for `__message__` is not in the options */
export function identityOf(options: SendingOptions, o: { readonly domain: string; readonly ehloName: string }): string {
  const text = faceOf(options);
  const isOfDomain = (options.tls !== 'no' && options.tlsVerify === 'host') || wantsPolicy(options);
  return isOfDomain ? `${text} ${o.ehloName} ${o.domain}` : `${text} ${o.ehloName}`;
}

/** The options' part of it: a connection is not used any more by a queue whose options show another face now (SD-63, SD-160, SD-233). */
export function faceOf(options: SendingOptions): string {
  const content = contentOf(options);
  let text = known.get(content);
  if (text === undefined) {
    const pairs: [string, unknown][] = [];
    // Options of a record are not its own properties.
    for (const key in options) {
      const value = options[key as keyof SendingOptions];
      if (shown.test(key) && value !== undefined) pairs.push([key, value]);
    }
    const whole = JSON.stringify(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
    // It is part of the names under which connections are looked for with each message: a short text is found faster than all the options.
    text = createHash('sha256').update(whole).digest('base64url');
    known.set(content, text);
  }
  return text;
}

/** OUT-42. The sender's domain is that of the mail which is next when the connection is opened. */
export function ehloNameOf(queue: DomainQueue, hostName: string): string {
  const { ehloHostname } = queue.options;
  if (ehloHostname === '__hostname__' || ehloHostname === '') return hostName;
  if (ehloHostname !== '__message__') return ehloHostname;
  const sender = queue.nextSender;
  const domain = sender === undefined ? '' : sender.slice(sender.lastIndexOf('@') + 1);
  return /^[\w.-]+$/.test(domain) ? domain : hostName;
}
