/*
 * main: composition. Reads the site, starts threads, wires ports to rooms, keeps all of it in step with the configuration.
 *
 * The one rule: this is the only room that knows every other; it holds no behaviour that a room could own.
 * Not here: the commands a person types (cli).
 */
export { packageRoot } from './identity.ts';
export { runningPid } from './pid-file.ts';
export { reportSignerNotices } from './report-signer.ts';
export { runServer } from './run.ts';
export type { RunOptions } from './server.ts';
export { policyProblems } from './validation.ts';
export { checkSite, pidFileOf, type SiteOptions } from './site.ts';
