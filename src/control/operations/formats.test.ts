import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatOf, inFormat } from './formats.ts';

test('CC-24 json and xml in front of a command give its answer for programs; anything else is no format', () => {
  assert.deepEqual(formatOf('XML config show'), { format: 'xml', command: 'config show' });
  assert.deepEqual(formatOf('  json   pid'), { format: 'json', command: 'pid' });
  for (const line of ['json', 'xmlish pid', 'pid json']) assert.equal(formatOf(line), undefined, line);
});

test('CC-24 data keeps its shape; text becomes its lines; refusals have the same form', () => {
  const data = { option: 'a&b', list: [1, 'x'], none: undefined, 'odd name': true };
  assert.deepEqual(JSON.parse(inFormat('json', { ok: true, text: '', data }).text), {
    ok: true,
    data: { option: 'a&b', list: [1, 'x'], 'odd name': true },
  });
  assert.equal(
    inFormat('xml', { ok: true, text: '', data }).text,
    '<reply ok="true"><data><option>a&#38;b</option><list><item>1</item><item>x</item></list><none></none><entry name="odd name">true</entry></data></reply>\n',
  );
  assert.deepEqual(JSON.parse(inFormat('json', { ok: false, text: 'one\ntwo\n' }).text), { ok: false, data: { lines: ['one', 'two'] } });
  assert.equal(
    inFormat('xml', { ok: false, text: '<\x1b]\n' }).text,
    '<reply ok="false"><data><lines><item>&#60;\\x1b]</item></lines></data></reply>\n',
  );
});
