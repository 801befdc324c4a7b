/*
 * Roles of the configuration: `Authorization { Role "name" { allow = ( "pattern" ... ) } }`.
 *
 * The one rule: nothing is allowed but what a pattern of a role of the user matches (AUTH-42); a pattern that gives up at its limit matches
 * nothing, so no pattern can hang the server or open it. Patterns are PCRE, unanchored, tried in their order on the command as the server
 * understands it: words of the command in lower case, single spaces between them (AUTH-41).
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

  /** Gives native memory back. */
  close(): void {
    for (const { patterns } of this.#roles) for (const pattern of patterns) if (pattern.ok) pattern.regex.close?.();
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
