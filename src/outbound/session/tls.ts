/**
 * TLS towards the next hop: contexts from the options, the handshake, and whether the certificate will do.
 *
 * The one rule: TLS_Verify no takes any certificate (opportunistic), `ca` one that an authority of TLS_CA signed, `host` also one that
 * names the domain or the mail host; what does not do is a failed handshake with the documented text. Contexts are cached by their
 * options, CONTEXTS_MAX of them, each for CONTEXT_LIFE_MS, so that a renewed file is noticed; a file that cannot be read is
 * a failure of that connection and never means "without". A session that is taken up again is judged by what was shown when it began.
 * Not here: what follows from a failure (opening.ts), sessions that are kept (tls-sessions.ts). Truth: rules OUT-60 to OUT-63.
 */
import { createHash } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureContext,
  type DetailedPeerCertificate,
  type PeerCertificate,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { Lru, type Clock } from '#base';
import { tlsFactsOf } from '#net';
import type { PanicLog } from '#observe';
import type { HostPolicy, TlsFault } from '#policies';
import type { SendingOptions } from '#queue';
import { daneReply, replies } from '../replies.ts';
import { TlsSessions, type SessionCounts, type Shown } from './tls-sessions.ts';
import type { Wire } from './wire.ts';

/** Certificates of a server that are looked at. */
const CHAIN_MAX = 10;
const CONTEXTS_MAX = 256;
const CONTEXT_LIFE_MS = 300_000;

interface TlsGoal {
  readonly options: SendingOptions;
  /** Who we are: bindings share no TLS session, which would show a server that they are one sender. */
  readonly binding: string;
  /** The domain of the mail and the name of the host: whom a certificate may name. */
  readonly names: readonly string[];
  /** Those of them that no unsigned answer of DNS has given us. */
  readonly configured: readonly string[];
  /** What others have published about the host: beyond the options, and where it is DANE in their place. */
  readonly policy?: HostPolicy | undefined;
  /** A session was offered; `forget` makes sure that it is not offered again. Absent: a whole handshake is wanted. */
  readonly resuming?: ((forget: () => void) => void) | undefined;
}

/** `facts`: key, value, key, value, where a logger wants them. `fault`: why the connection does not meet the policy, even one that is only tested. */
type TlsDone = (refusal: string | undefined, isProven: boolean, facts?: readonly string[], fault?: TlsFault) => void;

export interface TlsPort {
  /** A logger wants to know how each connection is secured (OUT-64). */
  readonly isWatched?: boolean;
  /**
   * Begins the handshake on a wire. `done` hears nothing when it worked, or the reply that says why the connection is not good enough;
   * a connection that breaks is the wire's to tell. Answers a reply at once when it cannot even begin. `isProven`: an authority vouches that
   * the server is one of `configured`, whatever TLS_Verify asks for.
   */
  begin(wire: Wire, o: TlsGoal, done: TlsDone): string | undefined;
}

export interface OutboundTlsOptions {
  readonly readFile: (path: string) => Buffer;
  readonly clock: Clock;
  readonly panic: Pick<PanicLog, 'log'>;
  /** TLS_Enable_DHE_Ciphers; asked when a context is made. */
  readonly allowsDhe?: () => boolean;
  /** Whether some logger has macros of outbound_tls. */
  readonly isWatched?: () => boolean;
}

const versions: readonly [string, 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'][] = [
  ['TLSv1', 'TLSv1'],
  ['TLSv1.1', 'TLSv1.1'],
  ['TLSv1.2', 'TLSv1.2'],
  ['TLSv1.3', 'TLSv1.3'],
];

interface KeptContext {
  readonly context: SecureContext;
  readonly madeAt: number;
  /** The same for all contexts that were made of the same files and options. */
  readonly identity: string;
}

export class OutboundTls implements TlsPort {
  readonly #o: OutboundTlsOptions;
  readonly #contexts: Lru<string, KeptContext>;
  readonly #sessions: TlsSessions;

  constructor(o: OutboundTlsOptions) {
    this.#o = o;
    this.#sessions = new TlsSessions(o.clock);
    this.#contexts = new Lru({ max: CONTEXTS_MAX, ttlMs: CONTEXT_LIFE_MS, clock: o.clock });
  }

  get isWatched(): boolean {
    return this.#o.isWatched?.() ?? false;
  }

  begin(wire: Wire, o: TlsGoal, done: TlsDone): string | undefined {
    const kept = this.#context(o.options);
    if (kept === undefined) return replies.tlsFailed;
    wire.upgrade((raw: Socket) => this.#handshake(raw, kept, o, done));
    return undefined;
  }

  #handshake(raw: Socket, { context, identity }: KeptContext, o: TlsGoal, done: TlsDone): TLSSocket {
    const sessions = this.#sessions;
    const { generation } = sessions;
    const name = o.policy?.serverName ?? o.names.find((candidate) => isIP(candidate) === 0 && !candidate.startsWith('['));
    const key = sessionKey(raw, identity, name, o);
    const forget = (): void => {
      if (key !== undefined) sessions.forget(key);
    };
    const known = key === undefined || o.resuming === undefined ? undefined : sessions.offer(key);
    const socket = connect({
      socket: raw,
      secureContext: context,
      rejectUnauthorized: false,
      // Whom the certificate may name is judged below, after the handshake.
      checkServerIdentity: () => undefined,
      ...(name === undefined ? {} : { servername: name }),
      ...(known === undefined ? {} : { session: known.session }),
    });
    if (known !== undefined) o.resuming?.(forget);
    // A server of TLS 1.3 gives its tickets when it likes, an older one within the handshake: kept is what was judged.
    let shown: Shown | undefined;
    let ticket: Buffer | undefined;
    const keep = (): void => {
      if (key !== undefined && shown !== undefined && ticket !== undefined) sessions.keep(key, { session: ticket, shown }, generation);
    };
    socket.on('session', (session: Buffer) => {
      ticket = session;
      keep();
    });
    socket.once('close', () => {
      if (shown === undefined) forget();
    });
    socket.once('error', () => {
      if (shown === undefined) forget();
    });
    socket.once('secureConnect', () => {
      const isResumed = socket.isSessionReused();
      // A session that we did not offer, taken up: nothing was shown, and nothing is known of it.
      const seen = isResumed ? (known?.shown ?? NOTHING) : this.#shownBy(socket, o);
      const fault = o.policy === undefined ? undefined : faultOf(seen, o.policy);
      const refusal = judge(seen, o, fault);
      if (refusal === undefined) {
        shown = seen;
        if (isResumed) sessions.resumed();
        keep();
      } else forget();
      const isByPolicy = refusal === undefined && o.policy?.isProof === true;
      const facts = this.isWatched ? factsOf(socket, seen, o, isByPolicy) : undefined;
      done(refusal, isByPolicy || isProven(seen, o.configured), facts, fault);
    });
    return socket;
  }

  #shownBy(socket: TLSSocket, { policy }: TlsGoal): Shown {
    const { subject, issuer, subjectaltname, valid_to } = socket.getPeerCertificate() as Partial<PeerCertificate>;
    return {
      isAuthorized: socket.authorized,
      ...(socket.authorized ? {} : { authorityError: String(socket.authorizationError) }),
      certificate: subject === undefined ? undefined : ({ subject, issuer, subjectaltname, valid_to } as Shown['certificate']),
      chain: policy?.prove === undefined ? [] : chainOf(socket),
      at: this.#o.clock.mono(),
    };
  }

  /** Forgets all contexts and sessions: files or options may have changed. Gives how many contexts there were. */
  flush(): number {
    const { size } = this.#contexts;
    this.#contexts.clear();
    this.#sessions.flush();
    return size;
  }

  get sessionCounts(): SessionCounts {
    return this.#sessions.counts;
  }

  caches(): ReturnType<TlsSessions['caches']> {
    return this.#sessions.caches();
  }

  /** One line a context that is kept, in the form of those of listeners. */
  *lines(): IterableIterator<{ listener: string; certificate: string; clientCa: string; ciphers: string; seconds: number }> {
    for (const [key, { madeAt }] of this.#contexts.entries()) {
      const [ca, certificate, , ciphers] = JSON.parse(key) as (string | null)[];
      const seconds = (this.#o.clock.mono() - madeAt) / 1000;
      yield { listener: 'none (next hops)', certificate: certificate ?? 'none', clientCa: ca ?? '', ciphers: ciphers ?? '', seconds };
    }
  }

  #context(options: SendingOptions): KeptContext | undefined {
    const { tlsCa, tlsCertificate, tlsKey, tlsCiphers, tlsProtocols } = options;
    const key = JSON.stringify([tlsCa, tlsCertificate, tlsKey, tlsCiphers, tlsProtocols]);
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    try {
      const made: SecureContextOptions = { ...protocolRange(tlsProtocols) };
      if (isGiven(tlsCa)) made.ca = this.#o.readFile(tlsCa);
      if (isGiven(tlsCertificate)) {
        made.cert = this.#o.readFile(tlsCertificate);
        made.key = this.#o.readFile(isGiven(tlsKey) ? tlsKey : tlsCertificate);
      }
      if (isGiven(tlsCiphers)) made.ciphers = tlsCiphers;
      if (this.#o.allowsDhe?.() === false) made.ciphers = `${made.ciphers ?? DEFAULT_CIPHERS}:!DHE`;
      const kept = { context: createSecureContext(made), madeAt: this.#o.clock.mono(), identity: identityOf(made) };
      this.#contexts.set(key, kept);
      return kept;
    } catch (error) {
      this.#o.panic.log('ERROR', 'SSL', `outbound TLS cannot be used: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== '' && value.toLowerCase() !== 'none';
}

/** `+ALL:-TLSv1` and the like: the lowest and highest version that is left. Unset: what Node thinks safe. */
export function protocolRange(text: string | undefined): Pick<SecureContextOptions, 'minVersion' | 'maxVersion'> {
  if (!isGiven(text)) return {};
  let allowed = new Set<string>();
  for (const word of text.split(/[\s:,]+/).filter((part) => part !== '')) {
    const name = word
      .replace(/^[+\-!]/, '')
      .toUpperCase()
      .replace(/^TLSV1\.0$/, 'TLSV1');
    const meant =
      name === 'ALL' ? versions.map(([version]) => version) : versions.map(([version]) => version).filter((v) => v.toUpperCase() === name);
    if (word.startsWith('-') || word.startsWith('!')) for (const version of meant) allowed.delete(version);
    else allowed = new Set([...allowed, ...meant]);
  }
  const left = versions.filter(([version]) => allowed.has(version));
  const [lowest] = left[0] ?? [];
  const [highest] = left.at(-1) ?? [];
  if (lowest === undefined || highest === undefined) return {};
  return { minVersion: lowest as 'TLSv1', maxVersion: highest as 'TLSv1' };
}

/** Nothing was shown: no demand is met by it. */
const NOTHING: Shown = { isAuthorized: false, certificate: undefined, chain: [], at: -Infinity };

/** What files hold counts, not their names: a renewed certificate or list of authorities is another identity. */
function identityOf(made: SecureContextOptions): string {
  const { ca, cert, key, ciphers, minVersion, maxVersion } = made;
  const hash = createHash('sha256');
  for (const part of [ca, cert, key, ciphers, minVersion, maxVersion]) {
    const digest = part === undefined ? 'none' : createHash('sha256').update(part as Buffer | string);
    hash.update(typeof digest === 'string' ? digest : digest.digest('hex')).update('\0');
  }
  return hash.digest('base64');
}

/**
 * Who may take a session up again: the same binding and address of ours with the same one of theirs, the same name asked for, the same identity, and
 * the same demands. undefined where the peer has no address (a Unix socket).
 */
function sessionKey(raw: Socket, identity: string, name: string | undefined, { options, policy, binding }: TlsGoal): string | undefined {
  const { localAddress, remoteAddress, remotePort } = raw;
  if (remoteAddress === undefined) return undefined;
  const demands = [options.tls, options.tlsVerify, policy?.kind, policy?.name, policy?.isEnforced, policy?.names];
  return JSON.stringify([binding, localAddress, remoteAddress, remotePort, name, identity, ...demands]);
}

function isProven(shown: Shown, names: readonly string[]): boolean {
  return shown.isAuthorized && isNamed(shown, names);
}

function isNamed({ certificate }: Shown, names: readonly string[]): boolean {
  return certificate !== undefined && names.some((name) => checkServerIdentity(name, certificate as PeerCertificate) === undefined);
}

/** As the macros of outbound_tls are named. Verified: an authority or a policy vouches for it, and for the name. */
function factsOf(socket: TLSSocket, shown: Shown, { names }: TlsGoal, isByPolicy: boolean): string[] {
  const { protocol, cipher, algorithmBits, usedBits, client: server } = tlsFactsOf(socket, shown.certificate);
  const isVerified = isByPolicy || isProven(shown, names);
  const facts = {
    outbound_tls_cipher: cipher,
    outbound_tls_cipher_algbits: String(algorithmBits),
    outbound_tls_cipher_usebits: String(usedBits),
    outbound_tls_protocol: protocol,
    outbound_tls_verified: isVerified ? 'verified' : 'unverified',
    outbound_tls_issuer: server?.issuerCn ?? '',
    outbound_tls_subject: server?.subjectCn ?? '',
  };
  return Object.entries(facts).flat();
}

/** DANE decides in place of the options; MTA-STS and the options must both be content. */
function judge(shown: Shown, { policy, options, names }: TlsGoal, fault: TlsFault | undefined): string | undefined {
  if (policy?.prove !== undefined) return fault === undefined ? undefined : daneReply(fault.reason);
  const byPolicy = policy?.isEnforced === true ? judgeByAuthority(shown, 'host', policy.names) : undefined;
  return byPolicy ?? judgeByAuthority(shown, options.tlsVerify, names);
}

/** Whether the server shows what a policy demands (RFC 8460 section 4.3). */
function faultOf(shown: Shown, { prove, names }: HostPolicy): TlsFault | undefined {
  if (prove !== undefined) {
    const failure = prove(shown.chain);
    return failure === undefined ? undefined : { type: failure.type, reason: failure.text };
  }
  if (!shown.isAuthorized) {
    const { authorityError: reason = '' } = shown;
    return { type: /EXPIRED/.test(reason) ? 'certificate-expired' : 'certificate-not-trusted', reason };
  }
  return isNamed(shown, names)
    ? undefined
    : { type: 'certificate-host-mismatch', reason: `the certificate does not name ${names.join(', ')}` };
}

function judgeByAuthority(shown: Shown, verify: SendingOptions['tlsVerify'], names: readonly string[]): string | undefined {
  if (verify === 'no') return undefined;
  if (!shown.isAuthorized) return replies.tlsAuthority;
  if (verify === 'ca') return undefined;
  return isNamed(shown, names) ? undefined : replies.tlsName;
}

/** Certificates in DER, the server's own first, each other the issuer of the one before it. */
function chainOf(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let one: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (one?.raw !== undefined && chain.length < CHAIN_MAX) {
    chain.push(one.raw);
    one = one.issuerCertificate === one ? undefined : one.issuerCertificate;
  }
  return chain;
}
