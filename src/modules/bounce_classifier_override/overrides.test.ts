/*
 * The override files as the configuration names them: which are read, what is told.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadOverrides, overrideSettings } from './index.ts';
import { manifest } from './manifest.ts';

const files: Record<string, string> = {
  '/u.smtp': 'a.test,99,one\n',
  '/u.mdn': '60,two\n',
  '/s.smtp': ',22,three\nrubbish\n',
  '/s.mdn': '80,four\n',
};
const read = (path: string): string => {
  const text = files[path];
  if (text === undefined) throw new Error('ENOENT');
  return text;
};
const named = {
  userSmtpClassificationOverride: 'u.smtp',
  userMdnClassificationOverride: 'u.mdn',
  systemSmtpClassificationOverride: '/s.smtp',
  systemMdnClassificationOverride: '/s.mdn',
  customClasses: new Map([
    ['99', 'profanity'],
    ['100', 'no'],
    ['22', 'taken'],
  ]),
};
const load = (options: Readonly<Record<string, unknown>>) => {
  const settings = overrideSettings(options, (path) => (path.startsWith('/') ? path : `/${path}`));
  return { settings, ...loadOverrides(settings, read) };
};
const texts = (rules: readonly { text: string }[]): string[] => rules.map(({ text }) => text);

test('BNC-10 the four files are read as user_smtp_, user_mdn_, system_smtp_ and system_mdn_classification_override name them', () => {
  const { overrides, problems } = load(named);
  assert.deepEqual([overrides.userReplies, overrides.userNotices, overrides.systemReplies, overrides.systemNotices].map(texts), [
    ['a.test,99,one'],
    ['60,two'],
    [',22,three'],
    ['80,four'],
  ]);
  assert.deepEqual([...overrides.names], [[99, 'profanity']]);
  assert.deepEqual(problems, [
    'custom_classes: "100" cannot be a class of your own: expected a whole number below 100 that is not taken',
    'custom_classes: "22" cannot be a class of your own: expected a whole number below 100 that is not taken',
    '/s.smtp:2: expected "domain,code,rule"',
  ]);
});

test('BNC-10 enable_system_updates = false leaves the system’s files out, enabled = false all of them', () => {
  const { overrides } = load({ ...named, enableSystemUpdates: false });
  assert.deepEqual([overrides.systemReplies, overrides.systemNotices, texts(overrides.userReplies)], [[], [], ['a.test,99,one']]);
  assert.deepEqual(load({ ...named, enabled: false }).settings.files, []);
});

test('BNC-10 a file that was named and is not there is told, the documented places are only looked at, a datasource is told', () => {
  assert.deepEqual(load({}).problems, []);
  assert.equal(load({}).settings.refreshSeconds, 300);
  assert.deepEqual(load({ userSmtpClassificationOverride: '/none' }).problems, ['cannot read /none: ENOENT']);
  assert.match(load({ userSmtpClassificationOverride: ':datasource:x:SELECT 1' }).problems[0] ?? '', /datasource/);
  assert.deepEqual([manifest.singleton, manifest.provides], [true, 'bounce-rules']);
});
