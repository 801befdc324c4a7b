/*
 * Roles of the configuration: `Authorization { Role "name" { allow = ( "pattern" ... ) } }`.
 *
 * The one rule: nothing is allowed but what a pattern of a role of the user matches (AUTH-42), and patterns are matched in linear time, so that
 * none can hang the server; one that is not of that kind was refused with its configuration, and matches nothing here. They are unanchored and
 * tried in their order on the command as the server understands it: words of the command in lower case, single spaces between them (AUTH-41).
 */
import { childrenNamed, type CompileRegex, type Snapshot } from '#config';

interface Role {
  readonly name: string;
  readonly patterns: readonly ReturnType<CompileRegex>[];
}

export class RoleBook {
  readonly #roles: readonly Role[];

  constructor(snapshot: Snapshot, compile: CompileRegex) {
    this.#roles = childrenNamed(snapshot.root, 'Authorization')
      .flatMap((node) => childrenNamed(node, 'Role'))
      .map((node) => ({
        name: node.instance ?? '',
        patterns: allowed(node.options.get('allow')?.value).map((text) => compile(text, { caseless: false })),
      }));
  }

  get names(): string[] {
    return this.#roles.map((role) => role.name);
  }

  /** The first role among `names` that allows the command. */
  allowing(names: ReadonlySet<string>, command: string): string | undefined {
    return this.#roles.find((role) => names.has(role.name) && role.patterns.some((pattern) => pattern.ok && pattern.regex.test(command)))
      ?.name;
  }
}

function allowed(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'string' && value !== '' ? [value] : [];
}
