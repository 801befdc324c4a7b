/**
 * The options of one `maildir` stanza, as the module uses them.
 *
 * The one rule: a stanza without a base directory cannot work and says so. Both spellings of an option count
 * (`createusers` and `create_users`, `domain` and `domains`); modes are octal whether or not a 0 stands in front (CFG-08).
 * Not here: their declaration (config). Truth: rule OUT-48 and the module's row of the module table.
 */

export interface MaildirSettings {
  readonly basedir: string;
  readonly allDomains: boolean;
  /** Lower case, A-labels. */
  readonly domains: ReadonlySet<string>;
  readonly createUsers: boolean;
  readonly domainInPath: boolean;
  readonly dirMode: number;
  readonly fileMode: number;
}

const DIR_MODE_DEFAULT = 0o700;
const FILE_MODE_DEFAULT = 0o600;

/** Reads the values of a stanza, by option key. Throws an Error that names the option to correct. */
export function maildirSettings(values: Readonly<Record<string, unknown>>): MaildirSettings {
  const basedir = values['basedir'];
  if (typeof basedir !== 'string' || !basedir.startsWith('/')) {
    throw new Error(`Cannot use "${String(basedir ?? '')}" as basedir of maildir: expected an absolute path`);
  }
  const domains = [...namesOf(values['domain']), ...namesOf(values['domains'])].map((name) => name.toLowerCase());
  return {
    basedir,
    allDomains: values['allDomains'] === true,
    domains: new Set(domains),
    createUsers: values['createusers'] === true || values['createUsers'] === true,
    domainInPath: values['domainInPath'] === true,
    dirMode: modeOf(values['dirmode'], DIR_MODE_DEFAULT),
    fileMode: modeOf(values['filemode'], FILE_MODE_DEFAULT),
  };
}

function namesOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function modeOf(value: unknown, standard: number): number {
  return typeof value === 'number' ? value & 0o777 : standard;
}
