/**
 * A console connection of a scenario: one line, one answer.
 *
 * The one rule: a connection is a session; what has a transaction in it is opened and closed by the test that needs it.
 */
import assert from 'node:assert/strict';
import { ConsoleClient, type ConsoleAnswer } from '#control';
import type { Server } from './server.ts';

export class ConsoleUser {
  readonly #client: ConsoleClient;

  private constructor(client: ConsoleClient) {
    this.#client = client;
  }

  static async open(server: Server): Promise<ConsoleUser> {
    return new ConsoleUser(await ConsoleClient.open(server.path('control')));
  }

  ask(line: string): Promise<ConsoleAnswer> {
    return this.#client.run(line);
  }

  /** The answer of a command that must succeed, without its last line break. */
  async run(line: string): Promise<string> {
    const { ok, text } = await this.ask(line);
    assert.ok(ok, `${line}: ${text}`);
    return text.replace(/\n$/, '');
  }

  /** The answer of a command that must be refused. */
  async refused(line: string): Promise<string> {
    const { ok, text } = await this.ask(line);
    assert.ok(!ok, `"${line}" was not refused: ${text}`);
    return text.replace(/\n$/, '');
  }

  close(): void {
    this.#client.close();
  }
}

/** `rounds` times two users change the same option in transactions of their own and commit at once; exactly one must win. */
export async function raceCommits(server: Server, rounds: number): Promise<number> {
  const users = await Promise.all([ConsoleUser.open(server), ConsoleUser.open(server)]);
  let last = 0;
  for (let round = 0; round < rounds; round++) {
    const values = users.map((_, index) => 1000 + round * 2 + index);
    for (const [index, user] of users.entries()) {
      await user.run('config begin');
      await user.run(`config set Max_Retries ${values[index]}`);
    }
    const answers = await Promise.all(users.map((user) => user.ask('config commit')));
    const winners = answers.flatMap((answer, index) => (answer.ok ? [index] : []));
    assert.equal(winners.length, 1, answers.map((answer) => answer.text).join('\n'));
    const [winner = 0] = winners;
    last = values[winner] ?? 0;
    const loser = users[1 - winner];
    assert.match(answers[1 - winner]?.text ?? '', /^Cannot commit: conflict/);
    await loser?.run('config rollback');
    for (const user of users) assert.equal(await user.run('config get Max_Retries'), `Max_Retries = ${last}`);
  }
  await users[0].run('config writeback');
  const inForce = await users[0].run('config showrecurse');
  await users[0].run('config reload');
  assert.equal(await users[0].run('config showrecurse'), inForce, 'what was saved is what was in force');
  assert.equal(await users[0].run('config diff'), 'No differences.');
  for (const user of users) user.close();
  return last;
}
