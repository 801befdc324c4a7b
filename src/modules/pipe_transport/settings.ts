/**
 * The options of one `pipe_transport` stanza, as the module uses them.
 *
 * The one rule: what cannot work says so when the configuration is read: a program that is no absolute path, a code that maps to no reply.
 * Not here: their declaration (config). Truth: rule OUT-48 and the module's page.
 */
import type { Reply } from '#hooks';

export interface PipeSettings {
  readonly program: string;
  /** Lower case, A-labels. */
  readonly domains: ReadonlySet<string>;
  readonly outputFile: string;
  readonly errorFile: string;
  /** By exit status. */
  readonly replies: ReadonlyMap<number, Reply>;
}

/** Reads the values of a stanza, by option key. Throws an Error that names the option to correct. */
export function pipeSettings(values: Readonly<Record<string, unknown>>): PipeSettings {
  const { programName, code, domain } = values;
  if (typeof programName !== 'string' || !programName.startsWith('/'))
    throw new Error(`Cannot use "${String(programName ?? '')}" as program_name of pipe_transport: expected an absolute path`);
  const replies = new Map<number, Reply>();
  if (code instanceof Map) for (const [status, text] of code) replies.set(statusOf(String(status)), replyOf(String(status), String(text)));
  const domains = typeof domain === 'string' ? [domain] : Array.isArray(domain) ? domain.filter((name) => typeof name === 'string') : [];
  return {
    program: programName,
    domains: new Set(domains.map((name) => name.toLowerCase())),
    outputFile: fileOf(values['outputFile']),
    errorFile: fileOf(values['errorFile']),
    replies,
  };
}

function fileOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : '/dev/null';
}

function statusOf(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) <= 255) return Number(text);
  throw new Error(`Cannot use "${text}" in code of pipe_transport: expected an exit status from 0 to 255`);
}

function replyOf(status: string, text: string): Reply {
  const [, code, enhanced, words = ''] = /^([245]\d\d)(?: ([245]\.\d{1,3}\.\d{1,3}))?(?: ([\x20-\x7e]*))?$/.exec(text) ?? [];
  if (code === undefined)
    throw new Error(
      `Cannot use "${text}" for exit status ${status} in code of pipe_transport: expected a reply such as "450 try again later"`,
    );
  return { code: Number(code), ...(enhanced === undefined ? {} : { enhanced }), text: words };
}
