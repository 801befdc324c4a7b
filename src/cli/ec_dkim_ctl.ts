/*
 * ec_dkim_ctl: keeps the small SQLite database of domains, selectors and key files, with the tables that Momentum's has.
 *
 * The one rule: the server signs by its configuration and does not read this database; so that what is kept here signs, --stanza prints
 * it as the stanza of opendkim for ecelerity.conf, and --dns the record that a domain must publish. Truth: CLI-07, MOD-03.
 * Exit status: 0 done, 1 refused with a reason, 64 wrong words.
 */
import { createPublicKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { quoteWord } from '#config';
import { visible } from './console/visible.ts';
import { wrongWords } from './wrong-words.ts';

const defaultDatabase = '/var/log/ecelerity/dkim_db';

const usage = `usage: ec_dkim_ctl [--database FILE] --add-dkim DOMAIN,SELECTOR,KEYFILE | --delete-dkim DOMAIN
                                   | --add-dk DOMAIN,SELECTOR,KEYFILE | --delete-dk DOMAIN | --list | --stanza | --dns DOMAIN
  --add-dkim     add a domain to the DKIM table, or change it; KEYFILE may be empty
  --delete-dkim  take a domain out of it
  --add-dk, --delete-dk   the same for the DomainKeys table
  --list         the domains of both tables
  --stanza       the DKIM table as a stanza for ecelerity.conf (ours): the server signs by its configuration, not by this database
  --dns DOMAIN   the TXT record that DOMAIN must publish, from its key file (ours)
  --database     default: ${defaultDatabase}; adding a domain creates it
  -V, --version; -h, --help
Exit status: 0 done, 1 refused with a reason, 64 wrong words.`;

class Refusal extends Error {}

interface Row {
  readonly domain: string;
  readonly selector: string;
  readonly keyfile: string;
}

type Table = 'ec_dkim_conf' | 'ec_dk_conf';

function open(path: string, isMade: boolean): DatabaseSync {
  if (!isMade && !existsSync(path)) throw new Refusal(`there is no database ${path}: adding a domain creates it`);
  try {
    const database = new DatabaseSync(path, { timeout: 5000 });
    for (const table of ['ec_dkim_conf', 'ec_dk_conf'])
      database.exec(
        `CREATE TABLE IF NOT EXISTS ${table} (domain varchar(255) PRIMARY KEY, selector varchar(255) NOT NULL, keyfile varchar(255))`,
      );
    return database;
  } catch (error) {
    throw new Refusal(`cannot use the database ${path}: ${(error as Error).message}`);
  }
}

function rows(database: DatabaseSync, table: Table): Row[] {
  return database
    .prepare(`SELECT domain, selector, keyfile FROM ${table} ORDER BY domain`)
    .all()
    .map(({ domain, selector, keyfile }) => ({ domain: String(domain), selector: String(selector), keyfile: String(keyfile ?? '') }));
}

const domainName = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

function add(database: DatabaseSync, table: Table, text: string): void {
  const [domain = '', selector = '', ...rest] = text.split(',');
  const keyfile = rest.join(',');
  if (!domainName.test(domain)) throw new Refusal(`"${domain}" is no domain: expected domain,selector,keyfile`);
  if (!domainName.test(selector)) throw new Refusal(`"${selector}" is no selector: expected domain,selector,keyfile`);
  database
    .prepare(`INSERT OR REPLACE INTO ${table} (domain, selector, keyfile) VALUES (?, ?, ?)`)
    .run(domain.toLowerCase(), selector, keyfile);
}

function remove(database: DatabaseSync, table: Table, domain: string): void {
  const { changes } = database.prepare(`DELETE FROM ${table} WHERE domain = ?`).run(domain.toLowerCase());
  if (Number(changes) === 0) throw new Refusal(`"${domain}" is not in the table ${table}`);
}

function listed(name: string, found: readonly Row[]): string {
  const lines = found.map(({ domain, selector, keyfile }) => `  ${domain} ${selector} ${keyfile}`.trimEnd());
  return visible(`${name} (${found.length})\n${lines.map((line) => `${line}\n`).join('')}`);
}

function stanza(found: readonly Row[]): string {
  const scopes = found.map(({ domain, selector, keyfile }) => {
    const key = keyfile === '' ? '' : `  key = ${quoteWord(keyfile)}`;
    return `  dkim_domain ${quoteWord(domain)} { selector = ${quoteWord(selector)}${key} }\n`;
  });
  return `opendkim "dkim_db" {\n${scopes.join('')}}\n`;
}

/** RFC 6376 section 3.6.1, RFC 8463: what a verifier needs, in strings of at most 255 octets. */
function record({ domain, selector, keyfile }: Row): string {
  let key;
  try {
    key = createPublicKey(readFileSync(keyfile));
  } catch (error) {
    throw new Refusal(`cannot read the key of ${domain} from "${keyfile}": ${(error as Error).message}`);
  }
  const type = key.asymmetricKeyType;
  if (type !== 'rsa' && type !== 'ed25519') throw new Refusal(`"${keyfile}" holds a key of type ${type}: expected RSA or Ed25519`);
  const p =
    type === 'rsa'
      ? key.export({ type: 'spki', format: 'der' }).toString('base64')
      : Buffer.from(String(key.export({ format: 'jwk' }).x), 'base64url').toString('base64');
  const strings = `v=DKIM1; k=${type}; p=${p}`.match(/.{1,255}/g) ?? [];
  return `${selector}._domainkey.${domain}. IN TXT ( ${strings.map((part) => `"${part}"`).join(' ')} )\n`;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string };
  return manifest.version;
}

function options() {
  const text = { type: 'string' } as const;
  const flag = (short: string) => ({ type: 'boolean', short }) as const;
  return parseArgs({
    options: {
      database: { type: 'string', default: defaultDatabase },
      'add-dkim': text,
      'add-dk': text,
      'delete-dkim': text,
      'delete-dk': text,
      dns: text,
      list: { type: 'boolean' },
      stanza: { type: 'boolean' },
      version: flag('V'),
      help: flag('h'),
    },
  });
}

function perform(values: ReturnType<typeof options>['values']): string {
  const { list, stanza: isStanza, dns } = values;
  const adds = values['add-dkim'] !== undefined || values['add-dk'] !== undefined;
  const database = open(values.database, adds);
  try {
    if (values['add-dkim'] !== undefined) add(database, 'ec_dkim_conf', values['add-dkim']);
    if (values['add-dk'] !== undefined) add(database, 'ec_dk_conf', values['add-dk']);
    if (values['delete-dkim'] !== undefined) remove(database, 'ec_dkim_conf', values['delete-dkim']);
    if (values['delete-dk'] !== undefined) remove(database, 'ec_dk_conf', values['delete-dk']);
    const dkim = rows(database, 'ec_dkim_conf');
    const found = dns === undefined ? undefined : dkim.find(({ domain }) => domain === dns.toLowerCase());
    if (dns !== undefined && found === undefined) throw new Refusal(`"${dns}" is not in the table ec_dkim_conf`);
    return [
      list === true ? listed('DKIM', dkim) + listed('DomainKeys', rows(database, 'ec_dk_conf')) : '',
      isStanza === true ? stanza(dkim) : '',
      found === undefined ? '' : record(found),
    ].join('');
  } finally {
    database.close();
  }
}

function complain(status: number, text: string): number {
  process.stderr.write(`ec_dkim_ctl: ${visible(text)}\n`);
  return status;
}

function main(): number {
  let values: ReturnType<typeof options>['values'];
  try {
    values = options().values;
  } catch (error) {
    return complain(64, `${wrongWords(error)}\n${usage}`);
  }
  if (values.help === true) process.stdout.write(`${usage}\n`);
  else if (values.version === true) process.stdout.write(`impetus ${version()}\n`);
  else if (Object.keys(values).length === 1) return complain(64, `nothing is asked for\n${usage}`);
  else {
    try {
      process.stdout.write(perform(values));
    } catch (error) {
      return complain(1, (error as Error).message);
    }
  }
  return 0;
}

process.exitCode = main();
