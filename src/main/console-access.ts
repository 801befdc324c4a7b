/*
 * Who may use the console, as the configuration in force says at each moment: the control room's questions, answered by the resolver.
 *
 * The one rule: nothing is kept from one configuration to the next but the counts of failed attempts.
 * Not here: the rules themselves (control/access). Truth: AUTH-07 to AUTH-10, AUTH-40.
 */
import { Authenticator } from '#auth';
import { parseIp, systemClock, systemRandom, type TimerWheel } from '#base';
import { childrenNamed, type Resolver, type Snapshot } from '#config';
import { accessProblem, accessRules, RoleBook, userName, type AccessPort, type AccountingEvent } from '#control';
import type { PanicLog } from '#observe';
import { compileLinear } from '#system';
import { controlStanzas, recordOf } from './stanzas.ts';

interface ConsoleAccessOptions {
  readonly resolver: () => Resolver;
  readonly wheel: TimerWheel;
  readonly panic: PanicLog;
  readonly hostname: string;
  readonly account: (event: AccountingEvent) => void;
}

/** A Unix socket's client counts as one of this machine (AUTH-09). */
const loopback = parseIp('127.0.0.1');

export function consoleAccess(o: ConsoleAccessOptions): AccessPort {
  let book: { readonly snapshot: Snapshot; readonly roles: RoleBook } | undefined;
  return {
    authenticator: new Authenticator({
      clock: systemClock,
      random: systemRandom,
      panic: o.panic,
      hostname: o.hostname,
      service: 'control',
    }),
    wheel: o.wheel,
    serverUid: process.getuid?.() ?? -1,
    account: o.account,
    rules({ listener, ip, uid }) {
      const record = o.resolver().listening({ listener: 'control_listener', listen: listener, ip: ip ?? loopback });
      return accessRules(record, ip === undefined ? { local: uid === undefined ? 'a local user' : userName(uid) } : { ip });
    },
    roles() {
      const { snapshot } = o.resolver();
      if (book?.snapshot !== snapshot) {
        book = { snapshot, roles: new RoleBook(snapshot, compileLinear) };
      }
      return book.roles;
    },
  };
}

/** Why a configuration's console cannot be opened as it is written. */
export function consoleProblem(resolver: Resolver): string | undefined {
  for (const { address, enable } of controlStanzas(resolver)) {
    const problem = enable ? accessProblem(recordOf(resolver, 'control_listener', address)) : undefined;
    if (problem !== undefined) return `Cannot open Control_Listener "${address}": ${problem}`;
  }
  return undefined;
}

/** Addresses over TCP where nobody can get in as it is written, a sentence each. Where Peers decide, nothing is said. */
export function consoleNotices(resolver: Resolver): string[] {
  const listeners = childrenNamed(resolver.snapshot.root, 'Control_Listener');
  const hasPeers = listeners.some((listener) =>
    [listener, ...childrenNamed(listener, 'Listen')].some((scope) => childrenNamed(scope, 'Peer').length > 0),
  );
  if (hasPeers) return [];
  return controlStanzas(resolver)
    .filter(({ address, enable }) => enable && !address.startsWith('/'))
    .flatMap(({ address }) => {
      const { refusal } = accessRules(recordOf(resolver, 'control_listener', address), { ip: loopback! });
      return refusal === undefined ? [] : [`Control_Listener "${address}" lets nobody in: ${refusal}`];
    });
}
