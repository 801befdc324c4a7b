import assert from 'node:assert/strict';
import test from 'node:test';
import type { ConsoleClient } from '#control';
import { Link } from './link.ts';

/** A connection that answers with its own name and what was said. */
function connection(name: string) {
  return {
    isClosed: false,
    run: (line: string) => Promise.resolve({ ok: true, text: `${name}: ${line}\n` }),
    complete: () => Promise.resolve([name]),
    close() {
      this.isClosed = true;
    },
  };
}

test('CON-08 a prompt whose idle connection was closed connects again, and says that a transaction was lost', async () => {
  const all = [connection('one'), connection('two'), connection('three')];
  const [first] = all;
  let opened = 1;
  const link = new Link({
    first: first as unknown as ConsoleClient,
    open: () => Promise.resolve(all[opened++] as unknown as ConsoleClient),
    within: (work) => work,
  });
  assert.equal((await link.run('config begin')).text, 'one: config begin\n');
  first?.close();
  assert.deepEqual(await link.complete('x'), [], 'completion opens nothing');
  assert.equal((await link.run('pid')).text, '(connected again; the open transaction was lost with the old connection)\ntwo: pid\n');
  all[1]?.close();
  assert.equal((await link.run('pid')).text, 'three: pid\n', 'nothing was lost: nothing is said');
  assert.equal(opened, 3);
});
