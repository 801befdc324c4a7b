/**
 * SMTP AUTH towards the next hop: the exchange of one connection, from the mechanism's name to the server's yes.
 *
 * The one rule: a password is for the server that the operator meant. So nothing is sent unless TLS proved who the server is, whatever the
 * mechanism; the mechanism is the configured one and never a weaker one that the server would rather have. What fails is the
 * connection, never a message; neither a log nor a reply shows what we sent.
 * Bound: STEPS_MAX challenges. Not here: the mechanisms (auth). Truth: rule OUT-47; RFC 4954; attack A45; SD-63, SD-160, SD-233, SD-4009.
 */
import { randomBytes } from 'node:crypto';
import { decodeBase64, isMechanism, saslClient, type SaslClient } from '#auth';
import type { SendingOptions } from '#queue';
import { serverReplyText, type ServerReply } from '#smtp';
import { replies } from '../replies.ts';

const STEPS_MAX = 8;
/** RFC 4954 section 4: octets of the first line, beyond which the initial response waits for a challenge. */
const LINE_MAX = 512;

type AuthOptions = Pick<SendingOptions, 'outboundSmtpAuthType' | 'outboundSmtpAuthUser' | 'outboundSmtpAuthPass'>;

/** A line to say, the end, or the reply with which the connection fails. */
export type AuthStep =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reply: string }
  /** The answer takes long to find. */
  | { readonly kind: 'later'; readonly step: Promise<AuthStep> };

/** Whether the options ask for a login. */
export function wantsLogin(options: AuthOptions): boolean {
  return isGiven(options.outboundSmtpAuthType);
}

export class Authentication {
  readonly #client: SaslClient;
  /** Sent with the first challenge because it made the command too long. */
  #initial: string | undefined;
  #steps = 0;
  #isThinking = false;

  private constructor(client: SaslClient) {
    this.#client = client;
  }

  /**
   * Begins, or says at once why not.
   * @param offered mechanisms of the server's EHLO, upper case
   * @param isProven TLS proved that the server is the one that is meant
   */
  static begin(
    options: AuthOptions,
    server: { readonly offered: readonly string[]; readonly isProven: boolean; readonly host: string },
  ): { readonly exchange: Authentication | undefined; readonly step: AuthStep } {
    const type = options.outboundSmtpAuthType?.toUpperCase() ?? '';
    const { outboundSmtpAuthUser: user, outboundSmtpAuthPass: password } = options;
    if (!isMechanism(type) || !isGiven(user) || !isGiven(password)) return failed(replies.authIncomplete);
    if (!server.isProven) return failed(replies.authUnproven);
    if (!server.offered.includes(type)) return failed(replies.authNotOffered);
    const nonce = randomBytes(18).toString('base64url');
    const client = saslClient(type, { user, password, service: 'smtp', host: server.host, nonce });
    const exchange = new Authentication(client);
    return { exchange, step: { kind: 'say', text: exchange.#command(type) } };
  }

  /** The server's reply to what was said last. */
  reply(reply: ServerReply): AuthStep {
    try {
      return this.#next(reply);
    } catch (error) {
      return { kind: 'failed', reply: authReply(error instanceof Error ? error.message : 'the exchange cannot go on') };
    }
  }

  #command(type: string): string {
    const initial = this.#client.initial();
    if (initial === undefined) return `AUTH ${type}\r\n`;
    const encoded = initial === '' ? '=' : encode(initial);
    const line = `AUTH ${type} ${encoded}\r\n`;
    if (line.length <= LINE_MAX) return line;
    this.#initial = encoded;
    return `AUTH ${type}\r\n`;
  }

  #next(reply: ServerReply): AuthStep {
    if (this.#isThinking) return { kind: 'failed', reply: authReply('the server does not wait for an answer') };
    if (reply.class === 'positive') {
      this.#client.finish();
      return { kind: 'done' };
    }
    if (reply.code !== 334) return { kind: 'failed', reply: serverReplyText(reply) };
    this.#steps += 1;
    if (this.#steps > STEPS_MAX) return { kind: 'failed', reply: authReply('the server does not come to an end') };
    if (this.#initial !== undefined) {
      const text = `${this.#initial}\r\n`;
      this.#initial = undefined;
      return { kind: 'say', text };
    }
    const challenge = decodeBase64(reply.lines[0] ?? '')?.toString('utf8');
    // LOGIN's prompts mean nothing, and some servers do not encode them.
    if (challenge === undefined && this.#client.mechanism !== 'LOGIN') {
      return { kind: 'failed', reply: authReply('the challenge is no base64') };
    }
    const found = this.#client.answer(challenge ?? '');
    if (typeof found === 'string') return { kind: 'say', text: `${encode(found)}\r\n` };
    this.#isThinking = true;
    return { kind: 'later', step: this.#later(found) };
  }

  async #later(found: Promise<string>): Promise<AuthStep> {
    try {
      return { kind: 'say', text: `${encode(await found)}\r\n` };
    } catch (error) {
      return { kind: 'failed', reply: authReply(error instanceof Error ? error.message : 'the exchange cannot go on') };
    } finally {
      this.#isThinking = false;
    }
  }
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== '' && value.toLowerCase() !== 'false';
}

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function failed(reply: string): { exchange: undefined; step: AuthStep } {
  return { exchange: undefined, step: { kind: 'failed', reply } };
}

function authReply(reason: string): string {
  return `451 4.7.0 [internal] AUTH failed: ${reason}`;
}
