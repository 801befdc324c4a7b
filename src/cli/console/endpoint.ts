/*
 * Where a console is, in the forms of the manual: nothing, /path, host:port, [v6]:port, user@host:port, a bare port, ssh://...
 *
 * The one rule: a password is never part of an address, because addresses stand in process lists and histories; it is asked for.
 * Truth: CON-01.
 */
import { resolve } from 'node:path';

export const DEFAULT_ENDPOINT = '/tmp/2025';

export interface Endpoint {
  /** As it is shown in the prompt. */
  readonly shown: string;
  /** What to connect to, as the protocol's client takes it. */
  readonly address: string;
  readonly user: string | undefined;
  /** The way there: the ssh program's destination, and its port when it is not the usual one. */
  readonly ssh: { readonly destination: string; readonly port: string | undefined } | undefined;
}

/** Whether a first word names an endpoint rather than a command. */
export function isEndpoint(word: string | undefined): word is string {
  return word !== undefined && (/[/:]/.test(word) || /^\d+$/.test(word));
}

/** Throws an Error with a sentence. */
export function parseConsoleEndpoint(text: string): Endpoint {
  if (text.startsWith('ssh://')) return sshEndpoint(text);
  if (/^\d+$/.test(text)) return { shown: `ecelerity(${text})`, address: `127.0.0.1:${text}`, user: undefined, ssh: undefined };
  const [, user, host = ''] = /^(?:([^@/]+)@)?(.*)$/.exec(text) ?? [];
  const isTcp = /^(\[[0-9a-f:.]+\]|[^:/]+):\d+$/i.test(host);
  if (user !== undefined) {
    if (!isTcp) throw new Error(`"${text}" is no console endpoint: expected user@host:port`);
    if (user.includes(':')) throw new Error('a password does not belong into an endpoint: it is asked for');
    return { shown: text, address: host, user, ssh: undefined };
  }
  return { shown: text, address: isTcp ? host : resolve(text), user: undefined, ssh: undefined };
}

/** `ssh://sshuser@host[:port]/console_user@host_or_*:port`. */
function sshEndpoint(text: string): Endpoint {
  const form = 'expected ssh://sshuser@host/console_user@host:port, * for the host that ssh reaches';
  const [, sshUser, host = '', port, target = ''] = /^ssh:\/\/(?:([^@/]+)@)?([^/@:]+|\[[0-9a-f:]+\])(?::(\d+))?\/(.+)$/i.exec(text) ?? [];
  const [, user, at = '', consolePort] = /^(?:([^@/]+)@)?(\*|[^:/@]+|\[[0-9a-f:]+\]):(\d+)$/i.exec(target) ?? [];
  if (consolePort === undefined || host.startsWith('-'))
    throw new Error(`"${text}" is no console endpoint: ${form} (Unix sockets are not tunnelled)`);
  if (sshUser?.includes(':') === true || user?.includes(':') === true)
    throw new Error('a password does not belong into an endpoint: it is asked for');
  const address = `${at === '*' ? '127.0.0.1' : at}:${consolePort}`;
  const shown = `${user === undefined ? '' : `${user}@`}${at === '*' ? host : at}:${consolePort}`;
  return { shown, address, user, ssh: { destination: sshUser === undefined ? host : `${sshUser}@${host}`, port } };
}
