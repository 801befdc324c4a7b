/**
 * The replies that the queue itself gives to a message, and the look of a reply in general.
 *
 * The one rule: a reply we made up says `[internal]`; the texts are those of the response table. A reply is one line of
 * text with its code in front, for that is what records, notes and notices carry.
 * Not here: the texts of connections and routing (outbound). Truth: rules.
 */

export const queueReplies = {
  maxRetries: '554 5.4.7 [internal] exceeded max retries without delivery',
  maxTime: '554 5.4.7 [internal] exceeded max time without delivery',
  deadline: '554 5.4.7 [internal] not delivered by the time that was asked for',
  expired: '554 5.4.5 [internal] Delivery not attempted (message expired)',
  blackholed: '554 5.7.0 [internal] Blackholed',
  purged: '554 Message manually purged.',
  bodyMissing: '550 5.3.0 [internal] message body missing',
} as const;
