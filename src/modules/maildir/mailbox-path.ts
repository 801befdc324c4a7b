/**
 * From a recipient to a directory.
 *
 * The one rule: a path part comes from a peer, so only plain names pass: no slash, no NUL or other control character, no
 * leading dot, at most 255 bytes. Anything else has no mailbox, and never can have.
 * Local parts are compared in lower case, as nearly every mail store does. Truth: rule OUT-48, attack A32.
 */
import { join } from 'node:path';
import type { MaildirSettings } from './settings.ts';

/** Longest name of a directory entry on the usual file systems, in bytes. */
const NAME_BYTES_MAX = 255;

// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\x00-\x1f\x7f/\\]/;

/** The mailbox directory, which holds tmp, new and cur; undefined when the name is not safe as a path. */
export function mailboxPath(settings: MaildirSettings, local: string, domain: string): string | undefined {
  const user = local.toLowerCase();
  if (!isPlainName(user)) return undefined;
  if (!settings.domainInPath) return join(settings.basedir, user);
  return isPlainName(domain) ? join(settings.basedir, domain.toLowerCase(), user) : undefined;
}

function isPlainName(name: string): boolean {
  return name !== '' && !name.startsWith('.') && !UNSAFE.test(name) && Buffer.byteLength(name) <= NAME_BYTES_MAX;
}
