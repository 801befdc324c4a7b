/**
 * A session fed with given pieces of bytes, for fuzzing: what it said, what it stored, whether it ended; and what must always be true of that.
 *
 * The one rule: a script is bytes, and its pieces are how the network cut them; only what may depend on the cut is left out of a comparison.
 * Not here: making scripts (session.property.test.ts by chance, tools/fuzz-session.ts by coverage).
 */
import assert from 'node:assert/strict';
import type { ValidationModule } from '#hooks';
import { settle, World } from './inbound.ts';

/** What a script may be made of: commands in good and bad form, pieces of bodies, false and true ends. */
export const WORDS: readonly string[] = [
  'EHLO c.test\r\n',
  'HELO c.test\r\n',
  'MAIL FROM:<a@a.test>\r\n',
  'MAIL FROM:<> BODY=8BITMIME SIZE=10\r\n',
  'MAIL FROM:<a@a.test> RET=HDRS ENVID=x+2By SMTPUTF8\r\n',
  'RCPT TO:<b@here.test>\r\n',
  'RCPT TO:<c@far.test>\r\n',
  'RCPT TO:<"q\\"x"@here.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+40b\r\n',
  'RCPT TO:<@r.test:b@[IPv6:::1]>\r\n',
  'DATA\r\n',
  'Subject: x\r\nMessage-ID: <1@a.test>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n',
  'text\r\n..dots\r\n',
  '.\r\n',
  '\r\n.\r\n',
  '\n.\n',
  '\r.\r',
  'BDAT 7\r\nSubject',
  'BDAT 8 LAST\r\n: x\r\n\r\nx\r\n',
  'BDAT 0 LAST\r\n',
  'RSET\r\n',
  'NOOP\r\n',
  'VRFY x\r\n',
  'HELP\r\n',
  'QUIT\r\n',
  'FOO\r\n',
  'AUTH LOGIN\r\n',
  'AUTH PLAIN AGEAYg==\r\n',
  '*\r\n',
  'STARTTLS\r\n',
  'XCLIENT ADDR=192.0.2.9 NAME=[UNAVAILABLE] PROTO=ESMTP\r\n',
  'XREMOTEIP 2001:db8::1\r\n',
  'XSETCONTEXT a=b+20c\r\n',
  'XDUMPCONTEXT\r\n',
  'GET / HTTP/1.1\r\n',
  '\x00\xff\r\n',
  `${'x'.repeat(5000)}\r\n`,
];

/** What each script begins with, so that most of what follows is not refused at once. */
export const OPENING = 'EHLO c.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@here.test>\r\n';

export interface Seen {
  readonly said: string;
  readonly texts: readonly string[];
  readonly isEnded: boolean;
}

const OPTIONS = {
  relayDomains: ['here.test'],
  maxMessageSize: 3000,
  maxRecipientsPerMessage: 4,
  smtpExtensions: ['XCLIENT', 'XREMOTEIP', 'XSETCONTEXT', 'XDUMPCONTEXT', 'AUTH LOGIN', 'AUTH PLAIN', 'ENHANCEDSTATUSCODES', 'STARTTLS'],
  authLoginParameters: new Map([['uri', 'house://users']]),
  authPlainParameters: new Map([['uri', 'house://users']]),
};

/** Answers at once, so that nothing depends on when a disk does: the password is b. */
const HOUSE: ValidationModule = {
  name: 'house',
  hooks: {},
  authentication: {
    schemes: [
      {
        scheme: 'house',
        open: () => ({
          find: (_user, _realm, answer) => answer({ kind: 'none' }),
          check: (_user, password, answer) => answer({ kind: password === 'b' ? 'pass' : 'fail' }),
        }),
      },
    ],
  },
};

/** Rounds of waiting for what is answered late: each failed password, say. */
const ROUNDS_MAX = 200;

/** Plays the pieces; an exception inside the session, or a reply out of form, is an assertion. */
export async function replay(pieces: readonly string[]): Promise<Seen> {
  const world = new World({ options: OPTIONS, modules: [HOUSE] });
  const client = await world.connect();
  let said = '';
  for (const piece of pieces) if (!client.isEnded) said += client.say(piece);
  // What is answered late is answered all the same: a wrong password waits on the clock, and what was sent behind it with it.
  for (let round = 0, quiet = 0; round < ROUNDS_MAX && quiet < 3; round++) {
    await settle();
    world.advance(10_000);
    const more = client.take();
    said += more;
    quiet = more === '' ? quiet + 1 : 0;
  }
  assert.deepEqual(
    world.panics.filter((line) => line.startsWith('CRITICAL')),
    [],
  );
  assert.match(said, /^(?:[2-5]\d\d[- ][^\r\n]*\r\n)*$/, 'every reply is in form');
  const texts = world.spool.stored.map(({ text }) => text.slice(text.indexOf('Subject')));
  const promised = said.match(/^250 (?:2\.0\.0 )?OK [0-9A-F]{2}\/[0-9A-F]{2}-/gm)?.length ?? 0;
  assert.ok(texts.length <= promised || client.isEnded, 'what is stored was answered 250');
  assert.ok(promised <= texts.length, 'what was answered 250 is stored');
  return { said, texts, isEnded: client.isEnded };
}

/** The text in pieces, cut at these places (taken modulo its length). */
export function cut(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((n) => n % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => text.slice(from, places[i])).filter((piece) => piece !== '');
}

/**
 * Whether replies may depend on how the text was cut: whoever sends bytes behind a DATA that is refused, or behind STARTTLS, before the reply
 * is shown out, and whether they came in time shows only in the pieces (A27, A34).
 */
export function dependsOnCut(text: string): boolean {
  return /data[ \t]*\r?\n?./is.test(text.slice(OPENING.length).replace(/^DATA\r\n/, '')) || /starttls/i.test(text);
}
