/* One line makes one module option: modules.ts is a table and this is its shorthand.
 * The one rule: an option of a module that is not here yet is 'inert' of any type; the module itself says whether it guards.
 * It holds no values. */
import type { OptionDeclaration, ValueType } from '../declaration.ts';

/** An option of module `module`, legal in the module's own scope or in `scope` inside it. */
export function moduleOption(
  module: string,
  name: string,
  o: { type?: ValueType; default?: unknown; status?: 'works' | 'inert' | 'guards'; about?: string; scope?: string } = {},
): OptionDeclaration {
  const status = o.status ?? 'inert';
  return {
    name,
    key: name.toLowerCase().replace(/[_-]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
    type: o.type ?? { kind: 'any' },
    ...(o.default === undefined ? {} : { default: o.default }),
    scopes: [o.scope ?? module],
    effect: 'restart',
    since: '',
    status,
    implemented: status === 'works',
    category: 'module',
    about: o.about ?? `option of the module ${module}`,
  };
}
