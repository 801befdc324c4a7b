/*
 * `counter add|increment|list|reset|unlink|help`: the site's own counters (named-counters.ts).
 */
import { answer, refusal, type Answer, type Operation } from '../operation.ts';
import { table } from './table.ts';

function done(problem: string | undefined, text: string): Answer {
  return problem === undefined ? answer(text) : refusal(problem);
}

const add: Operation = {
  words: ['counter', 'add'],
  usage: 'counter add <name> <delta>',
  about: 'add to a named counter, which begins at zero',
  run(server, [name = '', delta = '', ...more]) {
    if (more.length > 0 || !/^-?\d{1,15}$/.test(delta)) return refusal(`Cannot add "${delta}": expected a name and a whole number`);
    return done(server.namedCounters.add(name, Number(delta)), `${name} added.`);
  },
};

const increment: Operation = {
  words: ['counter', 'increment'],
  usage: 'counter increment <name>',
  about: 'add one to a named counter',
  run: (server, [name = '']) => done(server.namedCounters.add(name, 1), `${name} incremented.`),
};

const list: Operation = {
  words: ['counter', 'list'],
  usage: 'counter list',
  about: 'all named counters',
  run(server) {
    const counters = server.namedCounters.list();
    const rows = counters.map(({ name, value, resetAt }) => [value, new Date(resetAt).toISOString(), 'strict', name]);
    const lines = table(['VALUE', 'RESET_TIME', 'SEMANTICS', 'COUNTER'], rows);
    return { ...answer([...lines, `${counters.length} counters listed.`].join('\n')), data: { counters } };
  },
};

const reset: Operation = {
  words: ['counter', 'reset'],
  usage: 'counter reset <name>',
  about: 'set a named counter to zero',
  run: (server, [name = '']) => (server.namedCounters.reset(name) ? answer(`${name} reset.`) : refusal(`There is no counter "${name}"`)),
};

const unlink: Operation = {
  words: ['counter', 'unlink'],
  usage: 'counter unlink <name>',
  about: 'delete a named counter',
  run: (server, [name = '']) =>
    server.namedCounters.unlink(name) ? answer(`${name} unlinked.`) : refusal(`There is no counter "${name}"`),
};

const help: Operation = {
  words: ['counter', 'help'],
  usage: 'counter help',
  about: 'the counter commands',
  run: () => answer([add, increment, list, reset, unlink].map(({ usage, about }) => `${usage.padEnd(28)}${about}`).join('\n')),
};

export const counterOperations: readonly Operation[] = [add, help, increment, list, reset, unlink];
