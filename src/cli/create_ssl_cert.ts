/*
 * create_ssl_cert: a key and a self-signed certificate for a service, valid for one year.
 *
 * The one rule: nothing is replaced. Where a key or a certificate stands already it refuses and names it, as the manual wants the old
 * one removed first. The key is its owner's alone. The certificate is made by the program openssl. Truth: CLI-07.
 * Exit status: 0 done, 1 refused with a reason, 64 wrong words.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { visible } from './console/visible.ts';

const usage = `usage: create_ssl_cert SERVICE HOSTNAME PREFIX [USER]
  SERVICE   msyspg: server.key and server.crt, as PostgreSQL names them; any other name (ours): NAME.key and NAME.crt
  HOSTNAME  the name (or address) that clients connect to
  PREFIX    the folder for both files
  USER      whose they are, when this is run by root (default: ecuser, if there is such a user)
The files serve as tls_key and tls_certificate of ecelerity.conf, too. Files that are there are not replaced: remove them first.
Exit status: 0 done, 1 refused with a reason, 64 wrong words.`;

const days = '365';

class Refusal extends Error {}

function run(program: string, args: readonly string[]): { ok: boolean; text: string } {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw new Refusal(`cannot run ${program}: ${error.message}`);
  return { ok: status === 0, text: status === 0 ? stdout : stderr.trim() };
}

/** Whom the files are given to; undefined: they stay whose they are. */
function ownerOf(user: string | undefined): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) {
    if (user !== undefined) throw new Refusal(`only root can give files to "${user}": leave USER out`);
    return undefined;
  }
  const name = user ?? 'ecuser';
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) throw new Refusal(`"${name}" is no user`);
  const found = run('id', ['-u', '--', name]);
  if (!found.ok) {
    if (user === undefined) return undefined;
    throw new Refusal(`there is no user "${name}"`);
  }
  return { uid: Number(found.text), gid: Number(run('id', ['-g', '--', name]).text) };
}

function make(service: string, host: string, prefix: string, user: string | undefined): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(service))
    throw new Refusal(`"${service}" is no service: expected msyspg or a name for the files`);
  const isAddress = isIP(host) !== 0;
  if (
    !isAddress &&
    !/^(?=.{1,253}$)(?:\*\.)?(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(host)
  )
    throw new Refusal(`"${host}" is no host name`);
  if (statSync(prefix, { throwIfNoEntry: false })?.isDirectory() !== true) throw new Refusal(`${prefix} is no folder`);
  const name = service === 'msyspg' ? 'server' : service;
  const [key, certificate] = [join(prefix, `${name}.key`), join(prefix, `${name}.crt`)];
  for (const path of [key, certificate])
    if (existsSync(path)) throw new Refusal(`${path} is there already: stop the service and remove it first`);
  const owner = ownerOf(user);
  const old = process.umask(0o077);
  try {
    // A common name has 64 characters at most; the name that counts is the alternative one.
    const names = ['-subj', `/CN=${host.slice(0, 64)}`, '-addext', `subjectAltName=${isAddress ? 'IP' : 'DNS'}:${host}`];
    const made = run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-sha256',
      '-days',
      days,
      ...names,
      '-keyout',
      key,
      '-out',
      certificate,
    ]);
    if (!made.ok) {
      for (const path of [key, certificate]) rmSync(path, { force: true });
      throw new Refusal(`openssl made no certificate: ${made.text}`);
    }
  } finally {
    process.umask(old);
  }
  chmodSync(certificate, 0o644);
  if (owner !== undefined) {
    const given = run('chown', ['--', `${owner.uid}:${owner.gid}`, key, certificate]);
    if (!given.ok) throw new Refusal(given.text);
  }
  return `${certificate} and ${key} for ${host}, valid for ${days} days\n`;
}

function main(): number {
  const words = process.argv.slice(2);
  if (words.includes('-h') || words.includes('--help')) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const [service, host, prefix, user] = words;
  const isWrong = words.length > 4 || words.some((word) => word === '' || word.startsWith('-'));
  if (isWrong || service === undefined || host === undefined || prefix === undefined) {
    process.stderr.write(`create_ssl_cert: expected a service, a host name and a folder\n${usage}\n`);
    return 64;
  }
  try {
    process.stdout.write(make(service, host, prefix, user));
    return 0;
  } catch (error) {
    process.stderr.write(`create_ssl_cert: ${visible((error as Error).message)}\n`);
    return 1;
  }
}

process.exitCode = main();
