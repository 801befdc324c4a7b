/**
 * Messages of odd shapes, each a valid one to a signer: long lines, 8-bit, bare and folded headers, empty bodies, blanks everywhere.
 *
 * The one rule: one seed gives the same messages. Lines end with CRLF. Every message has one From.
 */
import type { Random } from '#base';

const pieces = ['a', 'Z9', ' ', '  ', '\t', '.', '\r\n', '\r\n\r\n', ' \r\n', '=', '\u00e9\u00a0', '--b', 'x'.repeat(300)];
const names = ['X-Odd', 'Received', 'Reply-To', 'List-Id', 'Cc', 'x-lower', 'Content-Type', 'MIME-Version'];

export function oddMessage(random: Random): Buffer {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.float() * from.length)]!;
  const value = (): string => {
    const words = Array.from({ length: Math.floor(random.float() * 6) }, () =>
      pick(['one', 'two ', '\tthree', ' ', '\u00fc', 'w'.repeat(70), ';', '|:=']),
    );
    return words.join(pick([' ', '  ', '\r\n ', '\r\n\t']));
  };
  const header = Array.from({ length: Math.floor(random.float() * 12) }, () => {
    const text = value();
    // A fold needs something on its first line only by good manners; a value of blanks alone is legal and odd.
    return `${pick(names)}${pick([':', ': ', ':\t'])}${text}\r\n`;
  });
  header.splice(
    Math.floor(random.float() * header.length),
    0,
    `${pick(['From', 'FROM', 'from'])}: ${pick(['a@a.test', '"O, D" <a@a.test>', 'x\r\n <a@a.test>'])}\r\n`,
  );
  header.push(`Subject:${pick(['', ' s', '  two  blanks ', ' \u00fc', ' folded\r\n  twice\r\n\there'])}\r\n`);
  const body = Array.from({ length: Math.floor(random.float() * 40) }, () => pick(pieces)).join('');
  return Buffer.from(`${header.join('')}\r\n${body === '' || body.endsWith('\r\n') ? body : `${body}\r\n`}`, 'latin1');
}
