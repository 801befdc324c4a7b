/*
 * Words into options, as eccfg takes them: one or two hyphens, names shortened while they are unique, `--name value` or `--name=value`.
 *
 * The one rule: a word that could mean two options is an error that names both; nothing is guessed. After `--` everything is a name.
 * Truth: ECC-04.
 */
export interface OptionForm {
  readonly name: string;
  /** Other full names of the same option. */
  readonly also?: readonly string[];
  readonly takes?: 'value' | 'number';
}

export interface ParsedWords {
  readonly options: ReadonlyMap<string, string>;
  readonly names: readonly string[];
}

/** Options have the value 'true' unless they take one. Throws an Error with a sentence. */
export function parseWords(words: readonly string[], forms: readonly OptionForm[]): ParsedWords {
  const options = new Map<string, string>();
  const names: string[] = [];
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (word === '--') {
      names.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      names.push(word);
      continue;
    }
    const [, typed = '', , inline] = /^--?([^=]*)(=(.*))?$/s.exec(word) ?? [];
    const form = formOf(typed, word, forms);
    if (form.takes === undefined) {
      if (inline !== undefined) throw new Error(`${word}: --${form.name} takes no value`);
      options.set(form.name, 'true');
      continue;
    }
    const value = inline ?? words[(i += 1)];
    if (value === undefined) throw new Error(`${word}: --${form.name} wants a value`);
    if (form.takes === 'number' && !/^\d+$/.test(value)) throw new Error(`${word} ${value}: expected a whole number`);
    options.set(form.name, value);
  }
  return { options, names };
}

function formOf(typed: string, word: string, forms: readonly OptionForm[]): OptionForm {
  const spelt = (form: OptionForm) => [form.name, ...(form.also ?? [])];
  const exact = forms.find((form) => spelt(form).includes(typed));
  if (exact !== undefined) return exact;
  const found = typed === '' ? [] : forms.filter((form) => spelt(form).some((name) => name.startsWith(typed)));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (found.length === 0) throw new Error(`There is no option ${word} here: ${forms.map((form) => `--${form.name}`).join(' ')}`);
  throw new Error(`${word} may mean ${found.map((form) => `--${form.name}`).join(' or ')}`);
}
