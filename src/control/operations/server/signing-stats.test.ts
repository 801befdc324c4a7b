/**
 * The page of signing_stats, as loops answer: signatures, and seals beside them where there are any.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerPort } from '../operation.ts';
import { signingStats } from './signing-stats.ts';

const figures = (signed: number, failed = 0) => ({ accumulatedMs: 1500 * signed, signed, failed, processed: signed + failed });

async function page(answers: Readonly<Record<string, readonly unknown[]>>): Promise<string> {
  const askLoops = (question: string) =>
    Promise.resolve({ answers: new Map((answers[question] ?? []).map((rows, i) => [i, rows])), silent: ['loop 2: no answer'] });
  const { text } = await signingStats.run({ askLoops } as unknown as ServerPort, [] as never, {} as never);
  return text.trimEnd().replaceAll(/ +/g, ' ');
}

const dkim = 'DKIM\n\tAccumulatedSigningTime 4.5000\n\tTotalMessagesSigned 3\n\tFailedSigningAttempts 1\n\tTotalMessagesProcessed 4';

test('MOD-03 signing_stats adds up the loops; without seals the page is that of the manual', async () => {
  const rows = (n: number, failed: number) => [['', figures(n, failed)], ['domain a.test', figures(n, failed)]]; // prettier-ignore
  const indented = dkim.replace(/^/gm, '\t');
  assert.equal(
    await page({ 'signing.figures': [rows(1, 0), rows(2, 1)] }),
    `Signing Statistics\n\nGlobal\n${indented}\nPer Domain\n\tDomainName a.test\n${indented}\nloop 2: no answer`,
  );
  assert.match(await page({}), /^Signing Statistics\n\nGlobal\n\tDKIM\n\t\tAccumulatedSigningTime 0\.0000\n/);
});

test('signing_stats shows the sets of ARC in the same words beside signatures, also of a domain that only seals', async () => {
  const text = await page({
    'signing.figures': [[['', figures(3, 1)], ['domain a.test', figures(3, 1)]]], // prettier-ignore
    'signing.seals': [[['', figures(3, 1)], ['domain a.test', figures(3, 1)], ['domain lists.test', figures(3, 1)], ['both b lists.test', figures(3, 1)]]], // prettier-ignore
  });
  const both = [dkim, dkim.replace('DKIM', 'ARC')].join('\n').replace(/^/gm, '\t');
  const arc = dkim.replace('DKIM', 'ARC').replace(/^/gm, '\t');
  assert.equal(
    text,
    `Signing Statistics\n\nGlobal\n${both}\nPer Domain\n\tDomainName a.test\n${both}\n\tDomainName lists.test\n${arc}\nPer Binding Per Domain\n\tbinding_name, DomainName b lists.test\n${arc}\nloop 2: no answer`,
  );
});
