/*
 * Commands about the whole server, in the order of the alphabet.
 */
import type { Operation } from '../operation.ts';
import { absentOperations } from './absent.ts';
import { bounceOperations } from './bounces.ts';
import { cacheList, cacheStat, cacheStats } from './caches.ts';
import { counterOperations } from './counter.ts';
import { delayOperations } from './delays.ts';
import { dig, dnsLookup, dnsStats, dnsSubmit } from './dns.ts';
import { loggerOperations } from './logger.ts';
import { moduleHooks, moduleList } from './modules.ts';
import { paniclog, pid, reopenLogs, shutdown } from './process.ts';
import { count, showInbound } from './sessions.ts';
import { publishedPolicyOperations } from './published-policies.ts';
import { keyCacheOperations, signingStats, signingStatsReset } from './signing-stats.ts';
import { summary, summaryReset } from './summary.ts';
import { memory, sysinfo } from './system.ts';
import { threadsRestart } from './threads-restart.ts';
import { threads, threadsReset, threadsStats } from './threads.ts';
import { tlsReportOperations } from './tls-reports.ts';
import { tlsFlushCache, tlsRekey, tlsShowCache } from './tls.ts';
import { version } from './version.ts';

export const serverOperations: readonly Operation[] = [
  ...absentOperations,
  ...bounceOperations,
  cacheList,
  cacheStat,
  cacheStats,
  count,
  ...counterOperations,
  ...delayOperations,
  dig,
  dnsLookup,
  dnsStats,
  dnsSubmit,
  ...loggerOperations,
  memory,
  moduleHooks,
  moduleList,
  paniclog,
  pid,
  ...publishedPolicyOperations,
  reopenLogs,
  showInbound,
  shutdown,
  ...keyCacheOperations,
  signingStats,
  signingStatsReset,
  summary,
  summaryReset,
  sysinfo,
  threads,
  threadsReset,
  threadsRestart,
  threadsStats,
  ...tlsReportOperations,
  tlsFlushCache,
  tlsRekey,
  tlsShowCache,
  version,
];
