/* Every module of the manual as a legal scope with its options, as data. Modules whose behaviour is here are 'works'; of the
 * others, those that validate, route or restrict are guards and stop the start, the rest is accepted without effect.
 * It holds no behaviour: that is in src/modules/<name>. Facts: the manual's module reference. */
import type { ModuleDeclaration } from '../declaration.ts';
import { filtersModules } from './modules-filters.ts';
import { loggingModules } from './modules-logging.ts';
import { mailModules } from './modules-mail.ts';
import { platformModules } from './modules-platform.ts';
import { trustModules } from './modules-trust.ts';

/** All families in one alphabet, which is the order of the manual. */
export const moduleDeclarations: readonly ModuleDeclaration[] = [
  ...filtersModules,
  ...loggingModules,
  ...mailModules,
  ...platformModules,
  ...trustModules,
].sort((a, b) => (a.name < b.name ? -1 : 1));
