/* The whole table of declared options, scopes and modules: one import for whoever reads declarations.
 * Each category is a file of its own; this one only joins them. It holds no behaviour.
 * The order is the manual's order of categories and means nothing. */
import { listenerOptions } from './listener.ts';
import { snmpOptions } from './snmp.ts';
import { adaptiveOptions } from './adaptive.ts';
import { resourceOptions } from './resource.ts';
import { virtualOptions } from './virtual.ts';
import { securityOptions } from './security.ts';
import { routingOptions } from './routing.ts';
import { rfcOptions } from './rfc.ts';
import { pushOptions } from './push.ts';
import { clusterOptions } from './cluster.ts';
import { bounceOptions } from './bounce.ts';
import { timeoutOptions } from './timeout.ts';
import { shapingOptions } from './shaping.ts';
import { eventLoopsOptions } from './event-loops.ts';
import { loggingOptions } from './logging.ts';
import { tlsOptions } from './tls.ts';
import { miscOptions } from './misc.ts';
import { httpOptions } from './http.ts';
import { moduleOptions } from './module.ts';
import { xmppOptions } from './xmpp.ts';
import { momentum4Options } from './momentum4.ts';
import { moduleDeclarations as modules } from './modules.ts';
import { momentum4Modules } from './modules4.ts';
import type { ModuleDeclaration } from '../declaration.ts';
export { scopeDeclarations } from './scopes.ts';

export const declaredOptions = [
  ...listenerOptions,
  ...snmpOptions,
  ...adaptiveOptions,
  ...resourceOptions,
  ...virtualOptions,
  ...securityOptions,
  ...routingOptions,
  ...rfcOptions,
  ...pushOptions,
  ...clusterOptions,
  ...bounceOptions,
  ...timeoutOptions,
  ...shapingOptions,
  ...eventLoopsOptions,
  ...loggingOptions,
  ...tlsOptions,
  ...miscOptions,
  ...httpOptions,
  ...moduleOptions,
  ...xmppOptions,
  ...momentum4Options,
] as const;

export const moduleDeclarations: readonly ModuleDeclaration[] = [...modules, ...momentum4Modules];
