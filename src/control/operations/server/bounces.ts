/*
 * Commands of bounce_classifier_override: `reload` reads the rules now, `test` tells the class of a reply (BNC-10).
 *
 * `test "REPLY" [DOMAIN]`: the reply in quotation marks when it has blanks; the domain it would come from, which rules may ask for.
 */
import { answer, refusal, type Operation } from '../operation.ts';

const reload: Operation = {
  words: ['bounce_classifier_override', 'reload'],
  usage: 'bounce_classifier_override reload',
  about: 'read the rules of bounce classes from their files now',
  async run(server) {
    const problems = await server.reloadBounceRules();
    return problems.length === 0 ? answer('Rules reloaded.') : refusal(problems.join('\n'));
  },
};

const test: Operation = {
  words: ['bounce_classifier_override', 'test'],
  usage: 'bounce_classifier_override test "REPLY" [DOMAIN]',
  about: 'the class of a reply, and the rule that decided',
  examples: ['bounce_classifier_override test "550 5.1.1 user unknown" example.com'],
  async run(server, _args, { rest }) {
    const match = /^"([^"]*)"\s*(\S*)$/.exec(rest) ?? /^(.+)()$/.exec(rest);
    if (match === null) return refusal(`usage: ${test.usage}`);
    const said = await server.bounceClass(match[1] as string, match[2] as string);
    return said === undefined ? refusal('The log writer did not answer.') : answer(said);
  },
};

export const bounceOperations: readonly Operation[] = [reload, test];
