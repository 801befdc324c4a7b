/**
 * What concerns several statements at once: order, references, patterns.
 *
 * The one rule: only what would silently do something else than was meant is a problem; what is merely without effect is a notice.
 * Truth: CFG-15 (order of the ecstream module), FB-09 (patterns), FB-13 (match cache), FB-21 (pathways), OUT-02, OUT-21, EXT-01,
 * SHP-11 (file descriptors), Q-15 (patterns of replies), AUTH-41 (patterns of roles).
 */
import { parseHostPort, parseIp } from '#base';
import { parseDebugFlags, subsystems } from '#observe';
import type { Place } from '#syntax';
import { fold } from '../catalogue.ts';
import type { ConfigNotice, ConfigProblem } from '../errors.ts';
import type { MergeState } from '../scopes/merge.ts';
import { patternOf } from '../scopes/scope-path.ts';
import { childrenNamed, type ScopeNode } from '../snapshot/scope-node.ts';
import type { CompileRegex } from '../resolver/patterns.ts';
import type { CheckedTree, Use } from './check.ts';

export function crossCheck(
  checked: CheckedTree,
  state: MergeState,
  compileRegex: CompileRegex | undefined,
): { problems: ConfigProblem[]; notices: ConfigNotice[] } {
  const problems = [...orderOfEcstream(state), ...matchCache(checked.uses), ...pathways(checked), ...addresses(checked.uses)];
  const notices = [...extensions(checked.uses), ...eventLoops(checked.uses), ...subsystemNames(checked.uses), ...descriptors(checked.uses)];
  return { problems: compileRegex === undefined ? problems : [...problems, ...patterns(checked.uses, compileRegex)], notices };
}

/** OUT-02, OUT-21: a value that leads nowhere would leave all mail of its scope undelivered. */
function addresses(uses: readonly Use[]): ConfigProblem[] {
  return uses.flatMap((use) => {
    if (use.what !== 'option' || typeof use.value !== 'string' || use.value === '') return [];
    const expected = expectedAddress(use.name, use.value);
    if (expected === undefined) return [];
    const message = `Cannot set "${use.name}" to "${use.value}": expected ${expected}`;
    return [{ code: 'wrong-type', manual: `Invalid value for option '${use.name}'`, message, at: use.at }];
  });
}

/** What would be right, or undefined when it is. */
function expectedAddress(option: string, value: string): string | undefined {
  if (option === 'Bind_Address' && value !== '*' && parseIp(value.replace(/^\[(.*)\]$/, '$1')) === undefined) {
    // OUT-02: the name of a host is looked up when mail is sent.
    if (!/^(?=.*[a-z])[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?$/i.test(value)) return 'an address of this machine, the name of a host, or *';
  }
  if (option === 'Gateway' && parseHostPort(value) === undefined && !/^(?:unix:)?\//i.test(value))
    return 'a host name or an address, IPv6 in brackets, with or without :port, or unix:/path';
  return undefined;
}

const offeredWords = new Set([
  'PIPELINING',
  '8BITMIME',
  'SIZE',
  'CHUNKING',
  'SMTPUTF8',
  'DSN',
  'ENHANCEDSTATUSCODES',
  'ENHANCEDSTATUSCODE',
  'STARTTLS',
  'XCLIENT',
  'XREMOTEIP',
  'XSETCONTEXT',
  'XDUMPCONTEXT',
  'AUTH LOGIN',
  'AUTH PLAIN',
  'AUTH CRAM-MD5',
  'AUTH DIGEST-MD5',
  'AUTH SCRAM-SHA-256',
]);
const removableWords = new Set(['-CHUNKING', '-SMTPUTF8', '-DSN']);

/** EXT-01: to offer something is no protection, so a word that is not offered yet does not stop the start. */
function extensions(uses: readonly Use[]): ConfigNotice[] {
  const told = new Set<string>();
  return uses.flatMap((use) => {
    if (use.what !== 'option' || use.name !== 'SMTP_Extensions' || use.status !== 'works' || !Array.isArray(use.value)) return [];
    return (use.value as readonly string[]).flatMap((word) => {
      const upper = word.trim().toUpperCase();
      if (offeredWords.has(upper) || removableWords.has(upper) || told.has(upper)) return [];
      told.add(upper);
      const what = upper.startsWith('-') ? 'removes nothing: only -CHUNKING, -SMTPUTF8 and -DSN do' : 'is not offered yet';
      return [{ message: `"${word}" of SMTP_Extensions ${what}`, at: use.at }];
    });
  });
}

/** RT-06. */
function subsystemNames(uses: readonly Use[]): ConfigNotice[] {
  return uses.flatMap((use) => {
    if (use.what !== 'option' || use.path.at(-1)?.scope !== 'Debug_Flags' || !Array.isArray(use.value)) return [];
    const { unknown } = parseDebugFlags({ DEBUG: use.value as readonly string[] });
    return unknown.map((word) => ({
      message: `"${word}" of Debug_Flags is no subsystem: they are ALL, ${subsystems.join(', ')}`,
      at: use.at,
    }));
  });
}

/** SHP-11: a connection may need a file of its message beside its socket, and there are listeners, logs and segments. */
function descriptors(uses: readonly Use[]): ConfigNotice[] {
  const find = (name: string) => uses.find((use) => use.what === 'option' && use.name === name && use.path.length === 0);
  const [files, connections] = [find('Server_Max_File_Descriptors'), find('Server_Max_Outbound_Connections')];
  const least = 4 * (typeof connections?.value === 'number' ? connections.value : 20_000);
  if (files === undefined || typeof files.value !== 'number' || files.value >= least) return [];
  const message = `Server_Max_File_Descriptors is ${files.value}: expected at least ${least}, four for each of Server_Max_Outbound_Connections`;
  return [{ message, at: files.at }];
}

/** One pool serves all: the first. */
function eventLoops(uses: readonly Use[]): ConfigNotice[] {
  const [, ...others] = uses.filter((use) => use.what === 'scope' && use.name === 'EventLoop');
  return others.map((use) => ({ message: 'A second EventLoop has no effect: the first one serves everything', at: use.at }));
}

/** CFG-15: the module's stanza may be absent (it loads by itself, CFG-13), but may not come after the listener. */
function orderOfEcstream(state: MergeState): ConfigProblem[] {
  const position = (name: string): number => state.openings.findIndex((opening) => fold(opening.name) === name);
  const module = position('ecstream');
  const listener = position('ecstream_listener');
  const at = state.openings[listener]?.at;
  if (module < 0 || listener < 0 || module < listener || at === undefined) return [];
  const hint = 'move the stanza ecstream { } above ECStream_Listener';
  return [
    {
      code: 'wrong-order',
      manual: 'Global configuration error.',
      message: 'ECStream_Listener stands before the module ecstream',
      at,
      hint,
    },
  ];
}

/** FB-13: a size of 0 must not be used. */
function matchCache(uses: readonly Use[]): ConfigProblem[] {
  const use = uses.find((entry) => entry.what === 'option' && entry.name === 'Match_Cache_Size');
  if (use === undefined || use.value !== 0) return [];
  const message = 'Cannot set "Match_Cache_Size" to "0": expected a whole number from 1';
  return [{ code: 'wrong-type', manual: "Invalid value for option 'Match_Cache_Size' in scope 'Global'", message, at: use.at }];
}

/** FB-21: listeners name pathways, never groups; a name that leads nowhere would leave out whatever the pathway restricts. */
function pathways(checked: CheckedTree): ConfigProblem[] {
  const groups = childrenNamed(checked.root, 'Pathway_Group');
  const known = new Set(['default']);
  for (const node of [checked.root, ...groups]) for (const pathway of childrenNamed(node, 'Pathway')) known.add(pathway.instance ?? '');
  const problems: ConfigProblem[] = [];
  for (const use of checked.uses) {
    if (use.what !== 'option' || use.name !== 'Pathway' || typeof use.value !== 'string' || known.has(use.value)) continue;
    const isGroup = groups.some((group) => group.instance === use.value);
    const message = isGroup ? `"${use.value}" is a Pathway_Group: a listener names a Pathway` : `There is no Pathway "${use.value}"`;
    const hint = isGroup ? 'name one of the pathways inside the group' : `add: Pathway "${use.value}" { ... }`;
    problems.push({ code: 'unknown-reference', manual: 'Global configuration error.', message, at: use.at, hint });
  }
  return problems;
}

function patterns(uses: readonly Use[], compileRegex: CompileRegex): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const check = (pattern: string, at: Place, whose: string, flags: Parameters<CompileRegex>[1] = { caseless: true }): void => {
    const compiled = compileRegex(pattern, flags);
    if (compiled.ok) {
      compiled.regex.close?.();
      return;
    }
    const message = `Cannot compile the pattern "${pattern}" of ${whose}: ${compiled.message} (at character ${compiled.offset + 1})`;
    problems.push({ code: 'wrong-pattern', manual: 'Global configuration error.', message, at });
  };
  for (const use of uses) {
    const last = use.path.at(-1);
    if (use.what === 'scope' && (last?.scope === 'Domain' || last?.scope === 'Host')) {
      const pattern = last.instance === undefined ? undefined : patternOf(last.instance);
      if (pattern !== undefined) check(pattern, use.at, `${last.scope} "${last.instance}"`);
    } else if (
      use.what === 'option' &&
      (use.name === 'Response_Transcode_Pattern' || use.name === 'Bounce_Pattern') &&
      typeof use.value === 'string'
    ) {
      check(use.value, use.at, use.name, { caseless: false });
    } else if (use.declaration?.type.kind === 'array' && use.declaration.type.of === 'regex' && Array.isArray(use.value)) {
      // AUTH-41: roles are asked about every command, so no pattern of theirs may take long.
      const isLinear = last?.scope === 'Role';
      for (const pattern of use.value as readonly string[]) check(pattern, use.at, use.name, { caseless: !isLinear, isLinear });
    }
  }
  return problems;
}

/** CFG-13: modules that load because something of theirs is used: their stanza, or an option that only they read. */
export function modulesInUse(root: ScopeNode, uses: readonly Use[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const use of uses) {
    if (use.what === 'module' && use.module !== undefined) found.add(fold(use.module));
    const implied = use.what === 'option' ? moduleOfOption.get(fold(use.name)) : undefined;
    if (implied !== undefined) found.add(implied);
  }
  for (const listener of ['ecstream_listener', 'xmpp_listener', 'http_listener']) {
    if (root.children.has(listener)) found.add(listener.replace('_listener', '').replace('http', 'httpsrv'));
  }
  return found;
}

const moduleOfOption = new Map([
  ['alias_schemes', 'alias'],
  ['bind_address_secondary', 'bind_address_secondary'],
  ['dkim', 'dkim_sign'],
  ['domainkeys', 'dk_sign'],
  ['enable_fbl_header_insertion', 'fbl'],
  ['opendkim_sign', 'opendkim'],
  ['outbound_smtp_auth_key', 'outbound_smtp_auth'],
  ['outbound_smtp_auth_pass', 'outbound_smtp_auth'],
  ['outbound_smtp_auth_type', 'outbound_smtp_auth'],
  ['outbound_smtp_auth_user', 'outbound_smtp_auth'],
  ['response_transcode_pattern', 'response_transcode'],
  ['response_transcode_replace', 'response_transcode'],
]);
