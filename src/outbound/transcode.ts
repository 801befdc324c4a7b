/**
 * A refusal in other words, where the operator knows better what it means: Response_Transcode_Pattern and _Replace.
 *
 * The one rule: the new words decide everything that follows (another try, the log, the notice), so they must begin with a code of 400 to
 * 599; what does not leaves the reply alone, as nothing may be called delivered that was refused. Our own permanent failures are
 * never rewritten, our transient ones may be. Matching is PCRE with limits, handed in. Truth: rule Q-15.
 */
import type { RecipientResult, SendingOptions } from '#queue';

/** The match and its groups, or undefined; a pattern that cannot be used matches nothing. */
export type MatchPort = (pattern: string, text: string) => readonly string[] | undefined;

type TranscodeOptions = Pick<SendingOptions, 'responseTranscodePattern' | 'responseTranscodeReplace'>;

export function transcoded(result: RecipientResult, options: TranscodeOptions, match: MatchPort): RecipientResult {
  const { responseTranscodePattern: pattern, responseTranscodeReplace: words } = options;
  if (pattern === undefined || pattern === '' || words === undefined || result.kind === 'delivered') return result;
  if (result.kind === 'permanent' && result.reply.includes('[internal]')) return result;
  const groups = match(pattern, result.reply);
  if (groups === undefined) return result;
  const reply = words.replace(/\$(\d)/g, (_, digit: string) => groups[Number(digit)] ?? '');
  const code = /^([45])\d\d(?: |$)/.exec(reply)?.[1];
  if (code === undefined) return result;
  return { ...result, kind: code === '5' ? 'permanent' : 'transient', reply };
}
