/**
 * What a configuration uses without effect, as notices with the reason.
 *
 * The one rule: one line for each name, however often it is used, and none for what stands inside a scope that has no effect: the line of
 * that scope stands for all in it. The reason is what the table says behind the semicolon, else what is missing here as a whole.
 * Not here: guards, which stop the start (guards.ts). Truth: CFG-14.
 */
import { moduleKind } from '../catalogue.ts';
import type { ConfigNotice } from '../errors.ts';
import type { Use } from './check.ts';

/** Why nothing of a category has an effect, as far as that is one reason. */
const missing: Readonly<Record<string, string>> = {
  adaptive: 'there is no adaptive delivery yet, so limits stay as they are set',
  cluster: 'there is no cluster yet',
  http: 'nothing is sent over HTTP',
  push: 'there are no push notifications',
  snmp: 'there is no SNMP agent yet',
  xmpp: 'there is no XMPP',
};

/** The same for scopes and modules, by folded name. */
const missingScopes: Readonly<Record<string, string>> = {
  adaptive: missing['adaptive']!,
  adaptive_backstore_leveldb: missing['adaptive']!,
  adaptive_backstore_riak: missing['adaptive']!,
  adaptive_sweep_rule: missing['adaptive']!,
  cluster: missing['cluster']!,
  eccluster_listener: 'there is no cluster yet, so it is not opened',
  ecstream_listener: 'there is no ECStream yet, so it is not opened',
  http_listener: 'there is no HTTP yet, so it is not opened',
  msgcserver_listener: 'there is no message bus, so it is not opened',
  snmp: missing['snmp']!,
  snmp_traps: missing['snmp']!,
  threadpool: 'nothing here waits in thread pools',
  xmpp_listener: 'there is no XMPP, so it is not opened',
};

export function inertNotices(uses: readonly Use[]): ConfigNotice[] {
  const first = new Map<string, Use>();
  for (const use of uses) if (use.status === 'inert' && use.isWithoutEffect !== true && !first.has(use.name)) first.set(use.name, use);
  return [...first.values()].map((use) => ({ message: sentence(use), at: use.at }));
}

function sentence(use: Use): string {
  const what = use.what === 'option' ? use.name : `${use.what} ${use.name}, with all in it,`;
  const why = reason(use);
  return `${what} is accepted and has no effect here${why === undefined ? '' : `: ${why}`}`;
}

function reason(use: Use): string | undefined {
  if (use.what !== 'option') return missingScopes[use.name.toLowerCase()] ?? behind(moduleKind(use.name)?.about);
  // What works elsewhere says nothing of this place.
  if (use.declaration?.status !== 'inert') return undefined;
  return behind(use.declaration.about) ?? missing[use.declaration.category];
}

/** "most jobs that may wait; nothing waits here": what stands behind the semicolon. */
function behind(about: string | undefined): string | undefined {
  const at = about?.indexOf('; ') ?? -1;
  return at < 0 ? undefined : about?.slice(at + 2);
}
