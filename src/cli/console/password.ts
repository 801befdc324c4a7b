/*
 * A password from a person, without echo, or from where a script put it.
 *
 * The one rule: it never stands on a command line. EC_CONSOLE_PASSWORD_FILE names a file whose first line it is. Truth: CON-06.
 */
import { readFileSync } from 'node:fs';

export function passwordOf(user: string): Promise<string> {
  const file = process.env['EC_CONSOLE_PASSWORD_FILE'];
  if (file !== undefined && file !== '') return Promise.resolve(readFileSync(file, 'utf8').split(/\r?\n/)[0] ?? '');
  if (process.stdin.isTTY !== true)
    return Promise.reject(new Error(`no terminal to ask for the password of ${user}: EC_CONSOLE_PASSWORD_FILE names a file with it`));
  return typed('Authorization required for console session\nPassword: ');
}

/** A new password, typed twice; one line of standard input where there is no terminal. */
export async function askTwice(user: string): Promise<string> {
  if (process.stdin.isTTY !== true) return readFileSync(0, 'utf8').split(/\r?\n/)[0] ?? '';
  const first = await typed(`Password for ${user}: `);
  if (first !== (await typed('Again: '))) throw new Error('the two passwords are not the same: nothing was done');
  return first;
}

function typed(question: string): Promise<string> {
  const { stdin, stdout } = process;
  stdout.write(question);
  stdin.setRawMode(true);
  stdin.resume();
  let text = '';
  return new Promise((done, fail) => {
    const end = () => {
      stdin.setRawMode(false);
      stdin.off('data', hear);
      stdin.pause();
      stdout.write('\n');
    };
    const hear = (bytes: Buffer): void => {
      for (const character of bytes.toString('utf8')) {
        if (character === '\r' || character === '\n') {
          end();
          done(text);
          return;
        }
        if (character === '\x03' || character === '\x04') {
          end();
          fail(new Error('no password was given'));
          return;
        }
        if (character === '\x7f' || character === '\b') text = [...text].slice(0, -1).join('');
        else if (character === '\x15') text = '';
        else text += character;
      }
    };
    stdin.on('data', hear);
  });
}
