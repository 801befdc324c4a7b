/**
 * Whether the name after a scope is there, or absent, and of the right form.
 *
 * The one rule: a name that would never match anything is a problem now, not a silent nothing later.
 * It compiles no patterns (cross-checks.ts does). Truth: CFG-05, LSN-02, LSN-03, FB-09, FB-12.
 */
import { parseCidr, parseEndpoint } from '#base';
import type { ScopeKind } from '../catalogue.ts';
import { describePath, patternOf, type ScopePath } from '../scopes/scope-path.ts';

/** What is wrong with the name, or undefined. */
export function instanceProblem(
  kind: ScopeKind,
  instance: string | undefined,
  path: ScopePath,
): { message: string; hint: string } | undefined {
  if (instance === undefined) {
    if (kind.instance !== 'required') return undefined;
    return {
      message: `Scope "${kind.name}" needs a name in ${describePath(path.slice(0, -1))}`,
      hint: `write ${kind.name} "name" { ... }`,
    };
  }
  if (kind.instance === 'none') {
    return { message: `Scope "${kind.name}" takes no name, but "${instance}" was given`, hint: `write ${kind.name} { ... }` };
  }
  if (instance === '') return { message: `Scope "${kind.name}" has an empty name`, hint: `write ${kind.name} "name" { ... }` };
  return formProblem(kind.name, instance);
}

function formProblem(scope: string, instance: string): { message: string; hint: string } | undefined {
  const quoted = `${scope} "${instance}"`;
  switch (scope) {
    case 'Binding':
    case 'Binding_Group':
      if (!/[\s:]/.test(instance)) return undefined;
      return { message: `${quoted}: names of bindings and groups hold no spaces and no colons`, hint: 'take another name' };
    case 'Listen':
      if (parseEndpoint(instance) !== undefined) return undefined;
      return {
        message: `${quoted} is no address to listen on`,
        hint: 'write ":25", "192.0.2.1:25", "[2001:db8::1]:25", "[*]:25" or a whole path, "/path/of/socket"',
      };
    case 'Peer':
      // V6-01: brackets belong where a port may follow.
      if (!instance.startsWith('[') && parseCidr(instance) !== undefined) return undefined;
      return {
        message: `${quoted} is neither an address nor a network`,
        hint: 'write "192.0.2.1", "198.51.100.0/24" or "2001:db8::/32", without brackets',
      };
    case 'Domain':
    case 'Host':
      return nameProblem(scope, instance);
    default:
      return undefined;
  }
}

function nameProblem(scope: string, instance: string): { message: string; hint: string } | undefined {
  if (patternOf(instance) !== undefined) return undefined;
  const quoted = `${scope} "${instance}"`;
  if (/\s/.test(instance)) return { message: `${quoted}: a name holds no spaces`, hint: 'take the spaces out' };
  if (!instance.includes('*')) return undefined;
  return {
    message: `${quoted}: there are no wildcards here`,
    hint: `use a pattern: ${scope} "/${instance.replaceAll('.', '\\.').replaceAll('*', '.*')}$/"`,
  };
}
