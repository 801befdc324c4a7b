/** The loggers that the writer makes are modules of the language, under the names of their declarations. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { moduleDeclarations } from '#config';
import { loggerModules } from './loggers.ts';

test('every logger that the writer can make is declared under that name, and every declared logger that works can be made', () => {
  const working = moduleDeclarations.filter(({ implemented }) => implemented).map(({ name }) => name.toLowerCase());
  for (const name of loggerModules) assert.ok(working.includes(name), name);
  // It writes through chunk_logger, from where mail is received.
  const loggers = working.filter((name) => name.endsWith('_logger') && name !== 'reception_timing_logger');
  assert.deepEqual(
    loggers.filter((name) => !loggerModules.includes(name)),
    [],
  );
});
