/*
 * What ec_rotate is asked to do: its words, and the lines of ec_rotate.conf.
 *
 * The one rule: a word or a key that is not known is refused with its place; the keys of programs that are not here (rt_stats_*,
 * adaptive_loader_*, rollup_*) are known and mean nothing. The command line goes before the file.
 * Truth: ROT-01, CLI-06, LOG-24.
 */
export interface RotatePlan {
  readonly isEnabled: boolean;
  readonly logfiles: readonly string[];
  /** Folders whose files `*.log` are rotated, too. */
  readonly logdirs: readonly string[];
  /** So many old ones are kept. */
  readonly retention: number;
  /** '' compresses nothing. */
  readonly compressor: string;
  readonly socket: string | undefined;
}

export interface RotateWords {
  readonly conf: string | undefined;
  readonly isHelp: boolean;
  readonly isVerbose: boolean;
  readonly given: Partial<RotatePlan>;
}

export const defaultConf = '/opt/msys/ecelerity/etc/ec_rotate.conf';
export const retentionMax = 9999;

const folder = '/var/log/ecelerity';

/** Of an installation that says nothing. httplog belongs to a newer Momentum; what is not there is left out. */
export const defaults: RotatePlan = {
  isEnabled: true,
  logfiles: ['mainlog', 'paniclog', 'rejectlog', 'bouncelog', 'acctlog', 'smpplog', 'httplog'].map((name) => `${folder}/${name}.ec`),
  logdirs: [`${folder}/adaptive`],
  retention: 7,
  compressor: '/usr/bin/bzip2',
  socket: undefined,
};

const withValue = new Set(['conf', 'c', 'compress', 'l', 'logfile', 'logdir', 's', 'socket', 'r', 'retention']);

/** The words of the command line, or what is wrong with them. */
export function parseRotateWords(words: readonly string[]): RotateWords | string {
  const given: { -readonly [K in keyof RotatePlan]?: RotatePlan[K] } = {};
  let conf: string | undefined;
  let isVerbose = false;
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const name = word.replace(/^--?/, '');
    if (!word.startsWith('-')) return `"${word}" is no option; log files are named with -l`;
    if (['h', 'help'].includes(name)) return { conf, isHelp: true, isVerbose, given };
    if (name === 'v') isVerbose = true;
    else if (['n', 'nocompress'].includes(name)) given.compressor = '';
    else if (['d', 'default'].includes(name)) conf = defaultConf;
    else {
      if (!withValue.has(name)) return `"${word}" is no option`;
      const value = rest.shift();
      if (value === undefined || value === '') return `"${word}" needs a value`;
      if (name === 'conf') conf = value;
      else if (['c', 'compress'].includes(name)) given.compressor = value;
      else if (['l', 'logfile'].includes(name)) given.logfiles = [...(given.logfiles ?? []), value];
      else if (name === 'logdir') given.logdirs = [...(given.logdirs ?? []), value];
      else if (['s', 'socket'].includes(name)) given.socket = value;
      else {
        const days = retentionOf(value);
        if (days === undefined) return `"${word} ${value}": expected a whole number from 1 to ${retentionMax}`;
        given.retention = days;
      }
    }
  }
  return { conf, isHelp: false, isVerbose, given };
}

function retentionOf(text: string): number | undefined {
  return /^\d{1,4}$/.test(text) && Number(text) >= 1 ? Number(text) : undefined;
}

/** The settings of a file, or what is wrong, by file and line. A line that ends in a backslash goes on in the next. */
export function parseRotateConf(text: string, path: string): Partial<RotatePlan> | string {
  const settings: { -readonly [K in keyof RotatePlan]?: RotatePlan[K] } = {};
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const at = `${path}:${i + 1}`;
    let line = (lines[i] as string).replace(/#.*/, '').trim();
    while (line.endsWith('\\') && i + 1 < lines.length) line = `${line.slice(0, -1)} ${(lines[++i] as string).replace(/#.*/, '').trim()}`;
    if (line === '') continue;
    const [, key = '', value = ''] = /^(\w+)\s*=\s*(.*)$/.exec(line) ?? [];
    const words = value.split(/[\s,]+/).filter((word) => word !== '');
    if (key === 'enabled') {
      if (!/^(yes|no|true|false|on|off|1|0)$/i.test(value)) return `${at}: enabled = ${value}: expected yes or no`;
      settings.isEnabled = /^(yes|true|on|1)$/i.test(value);
    } else if (key === 'logfiles') settings.logfiles = words;
    else if (key === 'logdirs') settings.logdirs = words;
    else if (key === 'control_socket') settings.socket = value;
    else if (key === 'path_to_bzip') settings.compressor = value;
    else if (key === 'retention') {
      const days = retentionOf(value);
      if (days === undefined) return `${at}: retention = ${value}: expected a whole number from 1 to ${retentionMax}`;
      settings.retention = days;
    } else if (!/^(rt_stats|adaptive_loader|rollup)_\w+$/.test(key)) {
      return `${at}: "${line}" is none of enabled, logfiles, logdirs, retention, control_socket, path_to_bzip`;
    }
  }
  return settings;
}
