/*
 * Where the value of an option that sends mail stands: for `explain`, which says what would have to be changed.
 *
 * The one rule: it asks the same resolver that gives the queues their options, on the configuration in force (FB-17).
 */
import { declaredOptions, describePath, formatValue, quoteWord, type Asked, type ConfigDesk, type Resolver, type ScopePath } from '#config';
import type { WhereAsked, WhereSet } from '#control';

const kinds: Readonly<Record<string, string>> = { domain: 'Domain', host: 'Host', binding: 'Binding', group: 'Binding_Group' };

/** @param desk knows what is saved; without one everything is taken to be */
export function whereSet(
  resolver: Resolver,
  { group, binding, domain, host, option, scope }: WhereAsked,
  desk?: Pick<ConfigDesk, 'isSaved'>,
): WhereSet | undefined {
  const name = declaredOptions.find(({ key }) => key === option)?.name;
  if (name === undefined) return undefined;
  const path: ScopePath = [
    ...(group === undefined || group === '' || group === 'default' ? [] : [{ scope: 'Binding_Group', instance: group }]),
    ...(binding === undefined ? [] : [{ scope: 'Binding', instance: binding }]),
    ...(host !== undefined ? [{ scope: 'Host', instance: host }] : domain === undefined ? [] : [{ scope: 'Domain', instance: domain }]),
  ];
  const explained = resolver.explain({ path: scope === 'global' ? [] : path, option: name });
  if (explained === undefined) return undefined;
  // Of several that speak it may be a wider one that binds.
  const wanted = scope === undefined ? undefined : kinds[scope];
  const spoke = explained.asked.filter((asked) => asked.at !== undefined);
  const used = spoke.find((asked) => wanted !== undefined && lastScope(asked) === wanted) ?? spoke.find((asked) => asked.isUsed);
  const at = used?.at;
  const given = used === undefined ? explained.value : used.value;
  return {
    option: explained.option,
    value: typeof given === 'boolean' ? String(given) : formatValue(given),
    scope: used === undefined ? 'the default' : describePath(used.path),
    words: (used?.path ?? path)
      .map((step) => `${step.scope.toLowerCase()}${step.instance === undefined ? '' : ` ${quoteWord(step.instance)}`} `)
      .join(''),
    file: at?.file,
    line: at?.line,
    isUnsaved: used !== undefined && desk?.isSaved(used.path, explained.option, used.value) === false,
  };
}

function lastScope({ path }: Asked): string | undefined {
  return path.at(-1)?.scope;
}
