/*
 * `version`: the banner of the console (CON-02), and what a person should know about the Node.js it runs on.
 *
 * The shape is Momentum's; the words are ours.
 */
import { answer, type Operation } from '../operation.ts';

export const version: Operation = {
  words: ['version'],
  usage: 'version',
  about: 'what runs here',
  run(server) {
    const rule = '#'.repeat(46);
    const { product, version: number, revision } = server.identity;
    const lines = [
      rule,
      `# ecelerity version: ${number} r(${revision})`,
      `# ${product}`,
      rule,
      ...server.warnings().map((line) => `warning: ${line}`),
    ];
    return answer(lines.join('\n'));
  },
};
