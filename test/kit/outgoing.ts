/**
 * What scenarios of delivery say and look for: a message handed in, and its arrival at a next hop.
 *
 * The one rule: a test has domains of its own, so that its mail is told apart at a hop that others use too.
 */
import { until, type Server } from './server.ts';
import type { Sink, Taken } from './sink.ts';
import { SmtpClient } from './smtp-client.ts';

export interface Letter {
  readonly from?: string;
  /** Headers and body, without the final dot; dots are the caller's. */
  readonly text?: string;
  /** Parameters of MAIL and of each RCPT, with a blank before them. */
  readonly mail?: string;
  readonly rcpt?: string;
}

/** Hands in one message to one recipient or to several, and gives the last reply. */
export async function handIn(server: Server, to: string | readonly string[], letter: Letter = {}): Promise<string> {
  const client = await SmtpClient.greet(server.ports['smtp']!);
  try {
    let reply = await client.say(`MAIL FROM:<${letter.from ?? 'a@sender.test'}>${letter.mail ?? ''}`);
    for (const one of [to].flat()) if (reply.startsWith('250')) reply = await client.say(`RCPT TO:<${one}>${letter.rcpt ?? ''}`);
    if (reply.startsWith('250')) reply = await client.say('DATA');
    if (!reply.startsWith('354')) return reply;
    client.write(`${letter.text ?? 'Subject: x\r\n\r\nhello'}\r\n.\r\n`);
    return await client.reply();
  } finally {
    await client.quit();
  }
}

/** Messages at a hop with a recipient of the domain. */
export function mailFor(hop: Sink, domain: string): Taken[] {
  return hop.messages.filter(({ rcptTo }) => rcptTo.some((line) => line.toLowerCase().includes(`@${domain}>`)));
}

/** Waits until `count` messages for the domain are at the hop. */
export async function arrivals(hop: Sink, domain: string, count = 1): Promise<Taken[]> {
  await until(
    () => mailFor(hop, domain).length >= count,
    () => `${count} messages for ${domain}; there are ${mailFor(hop, domain).length}`,
    10,
  );
  return mailFor(hop, domain);
}
