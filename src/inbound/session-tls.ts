/**
 * A session and its TLS: beginning the handshake, and the context keys that tell of it.
 *
 * The one rule: a failed verification ends nothing, it is told in the context (TLSI-02); a certificate file that cannot be read
 * at this moment is told to the client as temporary trouble before anything is promised.
 * Not here: what a session forgets (session.ts), sockets (#net). Truth: CTX-02, TLSI-02, TLSI-04.
 */
import type { Connection, TlsContext, TlsFacts } from '#net';
import { replies, type Reply } from '#smtp';
import type { Session } from './session-types.ts';

interface TlsBeginning {
  readonly session: Session;
  readonly connection: Connection;
  readonly listen: string;
  /** Said in clear before; nothing where TLS comes first. */
  readonly word: Reply | undefined;
}

/**
 * Begins the handshake. `done` is not called when it fails: the connection ends; it hears undefined when TLS could not be begun
 * and the client was told so, in clear.
 */
export function beginTls(o: TlsBeginning, done: (facts: TlsFacts | undefined) => void): void {
  const { session, connection } = o;
  const { panic, clock } = session.ports;
  const context = contextFor(o);
  if (context === undefined) {
    // A peer that expects TLS understands no word in clear.
    if (o.word === undefined) {
      connection.destroy('error');
      return;
    }
    session.say(replies.tlsUnavailable);
    done(undefined);
    return;
  }
  if (o.word !== undefined) session.say(o.word);
  connection.secure({
    context,
    done: (facts) => done({ ...facts, isClientVerified: facts.isClientVerified && isValidAt(facts, clock.now()) }),
    failed: (cause) => panic.log('INFO', 'SSL', `handshake with ${session.facts.remoteIp} on ${o.listen} failed: ${cause}`),
  });
}

/** A session may be taken up again and again, long after the certificate that began it is over. */
function isValidAt({ client }: TlsFacts, now: number): boolean {
  return client !== undefined && now < client.validTo;
}

function contextFor(o: TlsBeginning): TlsContext | undefined {
  const { settings } = o.session.rules.tls;
  const { tls, panic } = o.session.ports;
  if (settings === undefined) {
    panic.log('ERROR', 'SSL', `Use_SSL of ${o.listen} needs TLS_Certificate; connections are closed`);
    return undefined;
  }
  try {
    return tls.for(settings, o.listen);
  } catch (error) {
    panic.log('ERROR', 'SSL', `no TLS on ${o.listen}: ${(error as Error).message}`);
    return undefined;
  }
}

/** The context keys of an encrypted connection (CTX-02). */
export function tlsKeys(facts: TlsFacts): [string, string][] {
  const keys: [string, string][] = [
    ['tls', 'on'],
    ['tls_cipher', facts.cipher],
    ['tls_cipher_algbits', String(facts.algorithmBits)],
    ['tls_cipher_usebits', String(facts.usedBits)],
  ];
  const { client } = facts;
  if (client !== undefined) {
    keys.push(
      ['tls_client_cert_subject', client.subject],
      ['tls_client_cert_subject_cn', client.subjectCn],
      ['tls_client_cert_issuer', client.issuer],
      ['tls_client_cert_issuer_cn', client.issuerCn],
    );
  }
  if (facts.isClientVerified) keys.push(['tls_client_verified', 'yes']);
  return keys;
}
