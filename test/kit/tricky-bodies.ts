/**
 * The bodies that could make two messages of one at a receiver that reads line ends loosely, and others that are easily damaged.
 *
 * The one rule: whoever keeps them in files keeps exactly `kept(body)`, one file for each.
 */
const second = 'MAIL FROM:<evil@client.test>\r\nRCPT TO:<b@victim.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nsecond\r\n.\r\n';
const ends = [
  '\n.\n',
  '\n.\r',
  '\r.\n',
  '\r.\r',
  '\n.\r\n',
  '\r.\r\n',
  '\r\n.\n',
  '\r\n.\r',
  '\r\n\0.\r\n',
  '\r\n.\r\n',
  '\r\n.\r\r\n',
  '\r\r\n.\r\n',
];
export const trickyBodies = [
  ...ends.map((end) => `first${end}${second}`),
  '.\r\n..\r\n.x\r\n...\r\n',
  'no line end',
  'a dot at the end\r\n.',
  '\0\0 and \x01\x1a\x7f\r\n',
  '\r\r\r\n\n\n\r\r',
  `${'x'.repeat(65_535)}\r\n.${'y'.repeat(70_000)}\n.\n`,
];

/** As it stands in a file of Postfix: what we put on the wire, a line feed for each line end. */
export const kept = (body: string): string => `${body.replace(/\r\r?\n|\r|\n/g, '\n').replace(/\n$/, '')}\n`;
