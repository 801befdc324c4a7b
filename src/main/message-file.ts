/*
 * A message of a folder, in a file of its own, read for `spool import`: what it says of its sender and recipients, or why it cannot be brought in.
 *
 * The one rule: reading changes nothing, so that an import and its dry run judge a file alike. Line ends become CRLF and a line of mbox ("From ")
 * at the top goes. Bound: FILE_MAX octets. Not here: what of it is hidden or put on top (spool-import.ts). Truth: section 5.1, `spool import`.
 */
import { lstat, readFile } from 'node:fs/promises';
import { HeaderBlock, headerEnvelope } from '#mail';
import type { ImportRecord } from '#observe';

const FILE_MAX = 64 * 1_048_576;

type Envelope = Exclude<ReturnType<typeof headerEnvelope>, { readonly problem: string }>;

interface MessageFile {
  readonly message: Buffer;
  readonly headers: HeaderBlock;
  readonly envelope: Envelope;
}

/** Why a file is left where it is, with the number of the importlog. */
interface Unreadable {
  readonly result: ImportRecord['result'];
  readonly problem: string;
}

export async function readMessageFile(path: string): Promise<MessageFile | Unreadable> {
  const facts = await lstat(path);
  if (!facts.isFile())
    return {
      result: 2,
      problem: 'it is no file of a message: a folder is read without its sub-folders, and a spool of Momentum cannot be read',
    };
  if (facts.size > FILE_MAX) return { result: 3, problem: `it is larger than ${FILE_MAX} octets` };
  let text: string;
  try {
    text = (await readFile(path)).toString('latin1');
  } catch (error) {
    return { result: 3, problem: error instanceof Error ? error.message : String(error) };
  }
  text = text.replace(/^From [^\n]*\n/, '');
  const message = Buffer.from(text.replace(/\r\n|\r|\n/g, '\r\n'), 'latin1');
  const headers = HeaderBlock.parse(message);
  const envelope = headerEnvelope(headers);
  if ('problem' in envelope) return { result: 2, problem: envelope.problem };
  return { message, headers, envelope };
}
