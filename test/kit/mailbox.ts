/**
 * What arrived: the files of a maildir, byte for byte, and what of them the client sent.
 *
 * The one rule: text here is latin1, one character an octet, so that nothing is changed by reading it.
 * The configuration must deliver into {dir}/mail (`maildir` below does).
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from './server.ts';

/** Every domain that may be relayed to ends in a maildir of the server's folder. */
export const maildir = `
maildir { basedir = "{dir}/mail" all_domains = true createusers = true }
`;

/** Headers which leave the server nothing to add but its trace. */
export const whole = 'Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@client.test>\r\n';

/** The names of all mailboxes. */
export function mailboxes(server: Server): string[] {
  return existsSync(server.path('mail')) ? readdirSync(server.path('mail')).sort() : [];
}

/** The messages of one mailbox, by file name. */
export function mailOf(server: Server, user: string): string[] {
  const folder = join(server.path('mail'), user, 'new');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), 'latin1'));
}

/** Files that are being written, or were left half written, in all mailboxes. */
export function drafts(server: Server): string[] {
  return mailboxes(server).flatMap((user) => {
    const folder = join(server.path('mail'), user, 'tmp');
    return existsSync(folder) ? readdirSync(folder).map((name) => `${user}/${name}`) : [];
  });
}

const trace = /^Return-Path: <[^\r\n]*>\r\nReceived: from [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/;

/** The message as the client sent it: without Return-Path and the one Received header that were put in front. */
export function withoutTrace(message: string): string {
  const found = trace.exec(message);
  assert.ok(found, `a message without its trace headers: ${JSON.stringify(message.slice(0, 200))}`);
  return message.slice(found[0].length);
}

/** The only message of a mailbox, as the client sent it. */
export function onlyMail(server: Server, user: string): string {
  const messages = mailOf(server, user);
  assert.equal(messages.length, 1, `messages for ${user}`);
  return withoutTrace(messages[0]!);
}
