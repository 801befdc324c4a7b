/**
 * SMTP smuggling at the real socket: whatever a client writes in place of CRLF . CRLF, it stays one message.
 *
 * The one rule: what is stored is read back as bytes, and the mailbox of the second envelope must not exist.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainRecords, mainMatching } from '../kit/log-lines.ts';
import { mailboxes, maildir, mailOf, onlyMail, whole } from '../kit/mailbox.ts';
import { SharedServer } from '../kit/shared-server.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
Pathway "strict" { RFC2822_Lone_LF_In_Body = pedantic }
Pathway "fixing" { RFC2822_Lone_LF_In_Body = fix RFC2822_Lone_LF_In_Headers = fix }
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:strict}" { Pathway = strict }
  Listen "127.0.0.1:{port:fixing}" { Pathway = fixing }
}
${maildir}`,
});

/** What smugglers write where a careless server sees the end of the body. */
const endings: ReadonlyMap<string, string> = new Map([
  ['a01', '\n.\n'],
  ['a02', '\n.\r'],
  ['a03', '\r.\n'],
  ['a04', '\r.\r'],
  ['a05', '\n.\r\n'],
  ['a06', '\r.\r\n'],
  ['a07', '\r\n\0.\r\n'],
  ['a08', '\r\n.\r'],
  ['a09', '\r\n.\n'],
  ['a10', '\r\n.\r\r\n'],
  ['a11', '\r\r\n.\r\r\n'],
]);
const head = `Subject: x\r\n${whole}\r\n`;
const second = 'MAIL FROM:<evil@client.test>\r\nRCPT TO:<victim@inbox.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nsecond';

/** Sends one message whose body holds `ending` and a second envelope behind it; gives the codes behind 354. */
async function smuggle(o: {
  port: string;
  user: string;
  body: string;
  pieces: (bytes: string) => Iterable<string>;
  pauseMs?: number;
}): Promise<string> {
  const client = await shared.greet(o.port);
  assert.equal(await client.codes('MAIL FROM:<a@client.test>', `RCPT TO:<${o.user}@inbox.test>`, 'DATA'), '250 250 354');
  await client.writePieces(o.pieces(`${o.body}\r\n.\r\nQUIT\r\n`), o.pauseMs);
  return client.codesToEnd();
}

const inOne = (bytes: string): string[] => [bytes];
const stored = (ending: string): string => `${head}first${ending}${second}\r\n`.replaceAll('\r\n.', '\r\n');

test('None of the eleven false ends of DATA ends it: one message with the bytes as sent, no second envelope (A01-A11)', async () => {
  for (const [id, ending] of endings) {
    assert.equal(
      await smuggle({ port: 'smtp', user: `${id}-whole`, body: `${head}first${ending}${second}`, pieces: inOne }),
      '250 221',
      id,
    );
    assert.equal(onlyMail(shared.server, `${id}-whole`), stored(ending), id);
  }
});

test('Each false end split at every byte boundary, and all octets one by one, gives the same message (A12, A01-A11)', async () => {
  const cases: { user: string; ending: string; pieces: (bytes: string) => Iterable<string>; pauseMs: number }[] = [];
  for (const [id, ending] of endings) {
    cases.push({ user: `${id}-bytes`, ending, pieces: (bytes) => bytes, pauseMs: 0 });
    for (let cut = -2; cut <= ending.length + 2; cut++) {
      const at = head.length + 5 + cut;
      cases.push({ user: `${id}-cut${cut}`, ending, pieces: (bytes) => [bytes.slice(0, at), bytes.slice(at)], pauseMs: 4 });
    }
  }
  const next = cases.values();
  const worker = async (): Promise<void> => {
    for (const { user, ending, pieces, pauseMs } of next) {
      const codes = await smuggle({ port: 'smtp', user, body: `${head}first${ending}${second}`, pieces, pauseMs });
      assert.equal(codes, '250 221', user);
      assert.equal(onlyMail(shared.server, user), stored(ending), user);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
});

test('The true end on every byte around 16 KB and 64 KB of a read, in one write, ends the message there (A12)', async () => {
  for (const edge of [16_384, 65_536]) {
    for (let shift = -1; shift <= 5; shift++) {
      const user = `edge${edge}-${shift}`;
      const filler = 'y'.repeat(edge - head.length - shift - 16);
      const body = `${head}${filler}\r\n..dot\r\n...`;
      assert.equal(await smuggle({ port: 'smtp', user, body, pieces: inOne }), '250 221', user);
      assert.equal(onlyMail(shared.server, user), `${head}${filler}\r\n.dot\r\n..\r\n`, user);
    }
  }
});

test('rfc2822_lone_lf_in_body=pedantic refuses each lone CR and LF with 550 when the body is over, whole or octet by octet (A01-A11, SMTP-14)', async () => {
  for (const [id, ending] of endings) {
    const isLone = id !== 'a07';
    for (const pieces of [inOne, (bytes: string) => bytes]) {
      const codes = await smuggle({ port: 'strict', user: `strict-${id}`, body: `${head}first${ending}${second}`, pieces });
      assert.equal(codes, isLone ? '550 221' : '250 221', id);
    }
    assert.equal(mailOf(shared.server, `strict-${id}`).length, isLone ? 0 : 2, id);
  }
});

test('rfc2822_lone_lf_in_body=fix stores nothing but CRLF, and still one message (A01-A11, SMTP-14)', async () => {
  for (const [id, ending] of endings) {
    const user = `fixing-${id}`;
    assert.equal(await smuggle({ port: 'fixing', user, body: `${head}first${ending}${second}`, pieces: (bytes) => bytes }), '250 221', id);
    const text = onlyMail(shared.server, user);
    assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n/, id);
    assert.equal(text, stored(ending).replace(/\r\r?\n|\r|\n/g, '\r\n'), id);
  }
});

test('In the header a lone CR or LF is refused by default and mended with fix; it never begins a body (A01-A06, SMTP-14)', async () => {
  for (const [id, ending] of [...endings].slice(0, 6)) {
    const body = `Subject: x${ending}${second}`;
    assert.equal(await smuggle({ port: 'smtp', user: 'never', body, pieces: inOne }), '550 221', id);
  }
  const folded = `Subject: x\nX-Second: y\rX-Third: z\r\n${whole}\r\ntext`;
  assert.equal(await smuggle({ port: 'fixing', user: 'mended', body: folded, pieces: inOne }), '250 221');
  assert.equal(onlyMail(shared.server, 'mended'), `Subject: x\r\nX-Second: y\r\nX-Third: z\r\n${whole}\r\ntext\r\n`);
});

test('After all this no second envelope exists: no mailbox, no reception, one record a message (A01-A12, LOG-10)', async () => {
  const users = mailboxes(shared.server);
  assert.ok(users.length > 100);
  assert.ok(!users.includes('victim') && !users.includes('never'));
  const messages = users.reduce((sum, user) => sum + mailOf(shared.server, user).length, 0);
  await mainMatching(shared.server, 'R', messages);
  const records = mainRecords(shared.server);
  assert.equal(records.length, messages);
  assert.ok(records.every(({ fields }) => fields[2] === 'a' && fields[3] === 'client.test'));
});
