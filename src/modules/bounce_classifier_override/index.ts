/**
 * The override files of bounce_classifier_override, read as rules.
 *
 * The one rule: a file that is not there is no trouble when nobody named it; a line that is no rule is told and the others count.
 * The user's files come before the system's (BNC-10 leaves the order open). Not here: when files are read again (main).
 * Truth: rule BNC-10.
 */
import { bounceClassName, parseOverrides, type BounceOverrides, type BounceRule } from '#mail';

const systemFolder = '/opt/msys/ecelerity/etc/updates';
/** A file that is larger is not read. */
const fileBytesMax = 16 * 1024 * 1024;

type Source = 'userSmtp' | 'userMdn' | 'systemSmtp' | 'systemMdn';

interface OverrideFile {
  readonly source: Source;
  readonly path: string;
  /** Named by the configuration: it is told when it cannot be read. */
  readonly isNamed: boolean;
}

export interface OverrideSettings {
  readonly files: readonly OverrideFile[];
  /** Seconds between looks at the files. */
  readonly refreshSeconds: number;
  readonly names: ReadonlyMap<number, string>;
  /** What of the configuration cannot be followed. */
  readonly problems: readonly string[];
}

/** @param resolvePath where a relative path of the configuration is */
export function overrideSettings(options: Readonly<Record<string, unknown>>, resolvePath: (path: string) => string): OverrideSettings {
  const problems: string[] = [];
  const files: OverrideFile[] = [];
  const isOn = options['enabled'] !== false;
  const add = (source: Source, key: string, otherwise: string): void => {
    const value = options[key];
    const isNamed = typeof value === 'string' && value !== '';
    const path = isNamed ? value : otherwise;
    if (path.startsWith(':datasource:')) problems.push(`${source} names a datasource, which does not work here; write a file instead`);
    else files.push({ source, path: resolvePath(path), isNamed });
  };
  if (isOn) {
    add('userSmtp', 'userSmtpClassificationOverride', '/opt/msys/ecelerity/etc/user_smtp_classification.ovr');
    add('userMdn', 'userMdnClassificationOverride', '/opt/msys/ecelerity/etc/user_mdn_classification.ovr');
  }
  if (isOn && options['enableSystemUpdates'] !== false) {
    add('systemSmtp', 'systemSmtpClassificationOverride', `${systemFolder}/smtp_classification.ovr`);
    add('systemMdn', 'systemMdnClassificationOverride', `${systemFolder}/mdn_classification.ovr`);
  }
  const refresh = options['refresh'];
  const refreshSeconds = typeof refresh === 'number' && refresh > 0 ? refresh : 300;
  return { files, refreshSeconds, names: customClasses(options['customClasses'], problems), problems };
}

function customClasses(value: unknown, problems: string[]): Map<number, string> {
  const names = new Map<number, string>();
  if (!(value instanceof Map)) return names;
  for (const [key, name] of value) {
    const code = Number(key);
    if (Number.isInteger(code) && code > 0 && code < 100 && bounceClassName(code) === undefined) names.set(code, String(name));
    else problems.push(`custom_classes: "${key}" cannot be a class of your own: expected a whole number below 100 that is not taken`);
  }
  return names;
}

interface Read {
  /** The text of a file; throws as fs does. */
  (path: string): string;
}

/** Reads all files anew. */
export function loadOverrides(settings: OverrideSettings, read: Read): { overrides: BounceOverrides; problems: string[] } {
  const problems = [...settings.problems];
  const isClass = (code: number): boolean => settings.names.has(code) || bounceClassName(code) !== undefined;
  const rules: Record<Source, BounceRule[]> = { userSmtp: [], userMdn: [], systemSmtp: [], systemMdn: [] };
  for (const { source, path, isNamed } of settings.files) {
    let text: string;
    try {
      text = read(path);
    } catch (error) {
      if (isNamed) problems.push(`cannot read ${path}: ${(error as Error).message}`);
      continue;
    }
    if (text.length > fileBytesMax) {
      problems.push(`${path} is not read: it is larger than ${fileBytesMax >> 20} MiB`);
      continue;
    }
    const parsed = parseOverrides(text, source.endsWith('Smtp') ? 'smtp' : 'mdn', isClass);
    rules[source] = parsed.rules;
    for (const { line, message } of parsed.problems.slice(0, 10)) problems.push(`${path}:${line}: ${message}`);
  }
  return {
    overrides: {
      userReplies: rules.userSmtp,
      systemReplies: rules.systemSmtp,
      userNotices: rules.userMdn,
      systemNotices: rules.systemMdn,
      names: settings.names,
    },
    problems,
  };
}
