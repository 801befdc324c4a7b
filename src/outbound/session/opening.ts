/**
 * From a socket that begins to connect to a server that can take mail: greeting, EHLO or HELO, TLS, EHLO again.
 *
 * The one rule: nothing about a message happens here, so a failure belongs to the host and never to a message; even a 5yz greeting is no
 * verdict about mail (SD-1087). After STARTTLS everything said before is forgotten, and bytes that came behind its 220 end the
 * connection (A36). Where TLS is only wished for, the failure says whether clear text may be tried instead (OUT-60).
 * Not here: which host (pool/attempt.ts), contexts (tls.ts). Truth: RFC 5321 sections 3.1, 4.1.1.1; RFC 3207; OUT-42, OUT-60, OUT-61.
 */
import { Authentication, wantsLogin, type AuthStep } from '../methods/authentication.ts';
import { methodOf, type Method } from '../methods/method.ts';
import type { SendingOptions } from '#queue';
import { formatHello, NO_CAPABILITIES, parseEhlo, serverReplyText, type Capabilities, type ReplyFault, type ServerReply } from '#smtp';
import { malformedReply, replies, silentReply } from '../replies.ts';
import { stage } from '../stages.ts';
import type { HostPolicy, TlsFault } from '#policies';
import { demandOf, withPolicyName, type TlsDemand } from './policy.ts';
import type { TlsPort } from './tls.ts';
import type { LossReason, Wire, WireOwner } from './wire.ts';

/** How TLS went, for reports: `fault` is why it does not meet what was published, undefined also where it came to no word about TLS. */
interface TlsCourse {
  readonly localIp: string;
  /** What the server calls itself in its answer to EHLO. */
  readonly helo: string;
  readonly fault: TlsFault | undefined;
}

export interface Opened {
  readonly kind: 'opened';
  readonly capabilities: Capabilities;
  readonly isTls: boolean;
  /** The server has proved by its certificate that the mail is meant for it; see TlsPort. */
  readonly isProven: boolean;
  /** What loggers want to know of the connection (OUT-64); undefined where none does. */
  readonly facts?: readonly string[] | undefined;
  readonly course: TlsCourse;
}

export interface OpeningFailure {
  readonly kind: 'failed';
  readonly reply: string;
  readonly stage: number;
  /** The same host may be tried once more in clear text. */
  readonly isClearWorthTrying: boolean;
  /** It failed with a TLS session that was taken up again: the same host may do with a whole handshake. */
  readonly isWholeWorthTrying: boolean;
  /** The host is there, and does not do what was demanded of TLS: no word about it for those who demand something else. */
  readonly isDemandUnmet: boolean;
  readonly course: TlsCourse;
}

interface OpeningOptions {
  readonly options: SendingOptions;
  readonly binding: string;
  /** What we call ourselves. */
  readonly ehloName: string;
  /** The domain of the mail and the name of the host: whom a certificate may name. */
  readonly names: readonly string[];
  readonly tls: TlsPort;
  /** Names of the host that no unsigned answer of DNS gave us: the operator's own words, else the domain. */
  readonly configured: readonly string[];
  /** False: in clear text, because TLS has just failed with this host. */
  readonly useTls: boolean;
  /** False: with a whole handshake, because a session that was taken up again has just failed with this host. */
  readonly mayResume: boolean;
  /** What others have published about TLS with this host. */
  readonly policy?: HostPolicy | undefined;
  /** It is counted for reports. */
  readonly isCounted?: boolean;
}

const CLEAR: readonly string[] = ['outbound_tls', 'SMTP', 'outbound_tls_type', 'no'];

const HELO_MAX = 255;
const noStartTls: TlsFault = { type: 'starttls-not-supported', reason: '' };
const brokenTls: TlsFault = { type: 'validation-failure', reason: 'the TLS handshake failed' };

const esmtp: Method = { hello: 'EHLO', isPerRecipient: false };

type Step = 'connecting' | 'banner' | 'ehlo' | 'helo' | 'starttls' | 'handshake' | 'auth' | 'over';

const stageOf: Readonly<Record<Step, number>> = {
  connecting: stage.notConnected,
  banner: stage.banner,
  ehlo: stage.afterEhlo,
  helo: stage.afterEhlo,
  starttls: stage.afterStartTls,
  handshake: stage.handshake,
  auth: stage.afterEhlo,
  over: stage.idle,
};

export class Opening implements WireOwner {
  readonly #o: OpeningOptions;
  readonly #done: (outcome: Opened | OpeningFailure) => void;
  #wire: Wire | undefined;
  #step: Step = 'connecting';
  #isTls = false;
  #isProven = false;
  #facts: readonly string[] | undefined;
  #capabilities: Capabilities = NO_CAPABILITIES;
  readonly #method: Method;
  readonly #demand: TlsDemand;
  #login: Authentication | undefined;
  #isLoggingIn = false;
  /** A TLS session was offered; forgets it. */
  #forgetSession: (() => void) | undefined;
  #localIp = '';
  #helo = '';
  #fault: TlsFault | undefined;

  constructor(o: OpeningOptions, done: (outcome: Opened | OpeningFailure) => void) {
    this.#o = o;
    this.#done = done;
    this.#method = methodOf(o.options) ?? esmtp;
    this.#demand = demandOf(o.options, o.policy);
  }

  /** Begins with a wire whose owner this is. */
  start(wire: Wire): void {
    this.#wire = wire;
    wire.setDeadline(this.#o.options.connectTimeout);
  }

  connected(): void {
    this.#step = 'banner';
    if (this.#o.isCounted === true) this.#localIp = this.#wire?.localIp ?? '';
    this.#wire?.setDeadline(this.#o.options.ehloTimeout);
  }

  drained(): void {
    // Nothing here is long enough to wait for.
  }

  late(): void {
    this.#fail(silentReply(stageOf[this.#step]), this.#step === 'handshake');
  }

  lost(reason: LossReason): void {
    if (this.#step === 'over') return;
    if (reason === 'refused') this.#fail(replies.noValidHosts);
    else
      this.#fail(
        this.#step === 'handshake' ? withPolicyName(replies.tlsFailed, this.#o.policy) : replies.closed,
        this.#step === 'handshake',
      );
  }

  reply(reply: ServerReply | ReplyFault): void {
    if (reply.kind === 'fault') {
      this.#fail(malformedReply(serverReplyText(reply)));
      return;
    }
    switch (this.#step) {
      case 'banner':
        if (reply.code === 220) this.#hello();
        else this.#fail(serverReplyText(reply));
        return;
      case 'ehlo':
        this.#ehloAnswered(reply);
        return;
      case 'helo':
        if (reply.class === 'positive') this.#answered(NO_CAPABILITIES);
        else this.#fail(serverReplyText(reply));
        return;
      case 'starttls':
        this.#startTlsAnswered(reply);
        return;
      case 'auth':
        this.#authStep(this.#login?.reply(reply));
        return;
      case 'connecting':
      case 'handshake':
      case 'over':
        this.#fail(malformedReply(serverReplyText(reply)));
    }
  }

  #hello(): void {
    const { hello } = this.#method;
    this.#say(hello === 'HELO' ? 'helo' : 'ehlo', formatHello(hello, this.#o.ehloName));
  }

  #ehloAnswered(reply: ServerReply): void {
    if (this.#o.isCounted === true) this.#helo = (reply.lines[0] ?? '').split(' ', 1).join('').slice(0, HELO_MAX);
    if (reply.class === 'positive') this.#answered(this.#usable(parseEhlo(reply.lines)));
    else if (reply.class === 'permanent' && !this.#isTls && this.#method.hello === 'EHLO')
      this.#say('helo', formatHello('HELO', this.#o.ehloName));
    else this.#fail(serverReplyText(reply));
  }

  /** The capabilities are known: go on to TLS, or be done. */
  #answered(capabilities: Capabilities): void {
    this.#capabilities = capabilities;
    const { tls } = this.#demand;
    if (this.#isTls || tls === 'no' || !this.#o.useTls) this.#authenticate();
    else if (capabilities.startTls) this.#say('starttls', 'STARTTLS\r\n');
    else {
      this.#fault = noStartTls;
      if (tls === 'required') this.#fail(withPolicyName(replies.tlsNotOffered, this.#o.policy));
      else this.#authenticate();
    }
  }

  #startTlsAnswered(reply: ServerReply): void {
    this.#fault = reply.code === 220 ? brokenTls : { type: 'validation-failure', reason: 'STARTTLS was refused' };
    if (reply.code === 220) {
      // Whoever put bytes behind the go-ahead wants them read as if they had come over TLS.
      if (this.#wire?.hasUnread === true) this.#fail(replies.tlsFailed);
      else this.#handshake();
    } else if (!this.#demand.mayFallBack) {
      this.#fail(withPolicyName(replies.tlsNoGoAhead, this.#o.policy));
    } else {
      this.#authenticate();
    }
  }

  #handshake(): void {
    this.#step = 'handshake';
    this.#wire?.setDeadline(this.#o.options.ehloTimeout);
    const { options, binding, names, configured, policy, mayResume } = this.#o;
    const resuming = mayResume ? (forget: () => void): void => void (this.#forgetSession = forget) : undefined;
    const goal = { options, binding, names, configured, policy, resuming };
    const problem = this.#o.tls.begin(this.#wire as Wire, goal, (refusal, isProven, facts, fault) => {
      if (this.#step !== 'handshake') return;
      this.#fault = fault;
      if (refusal !== undefined) {
        this.#fail(withPolicyName(refusal, policy), true);
        return;
      }
      this.#isTls = true;
      this.#isProven = isProven;
      if (facts !== undefined) this.#facts = ['outbound_tls', 'TLS', 'outbound_tls_type', this.#demand.tls, ...facts];
      this.#hello();
      this.#wire?.flush();
    });
    if (problem === undefined) return;
    // Files of ours, nobody else's fault.
    this.#fault = undefined;
    this.#fail(withPolicyName(problem, policy), true);
  }

  /** BDAT over LMTP is nowhere defined: there a message goes by DATA. */
  #usable(capabilities: Capabilities): Capabilities {
    return this.#method.isPerRecipient ? { ...capabilities, chunking: false, binaryMime: false } : capabilities;
  }

  /** Logs in where the options say so, and opens. */
  #authenticate(): void {
    const { options } = this.#o;
    if (!wantsLogin(options)) {
      this.#open();
      return;
    }
    const { auth, host } = this.#capabilities;
    const { exchange, step } = Authentication.begin(options, { offered: auth, isProven: this.#isTls && this.#isProven, host });
    this.#login = exchange;
    this.#isLoggingIn = true;
    this.#authStep(step);
  }

  #authStep(step: AuthStep | undefined): void {
    if (step?.kind === 'say') this.#say('auth', step.text);
    else if (step?.kind === 'done') this.#open();
    else if (step?.kind === 'later') void step.step.then((found) => this.#authFound(found));
    else this.#fail(step?.reply ?? replies.defect);
  }

  /** What took a while; the connection may be gone meanwhile. */
  #authFound(step: AuthStep): void {
    if (this.#step !== 'auth') return;
    this.#authStep(step);
    this.#wire?.flush();
  }

  #say(step: Step, text: string): void {
    this.#step = step;
    this.#wire?.setDeadline(this.#o.options.ehloTimeout);
    this.#wire?.say(text);
  }

  #open(): void {
    this.#step = 'over';
    const facts = this.#facts ?? (this.#o.tls.isWatched ? CLEAR : undefined);
    this.#done({
      kind: 'opened',
      capabilities: this.#capabilities,
      isTls: this.#isTls,
      isProven: this.#isProven,
      facts,
      course: this.#course,
    });
  }

  #fail(reply: string, isTlsFault = false): void {
    if (this.#step === 'over') return;
    const at = stageOf[this.#step];
    // Some servers take a session up and then go away.
    const isWholeWorthTrying = this.#forgetSession !== undefined && (isTlsFault || (this.#step === 'ehlo' && reply === replies.closed));
    this.#forgetSession?.();
    this.#step = 'over';
    const isClearWorthTrying = isTlsFault && !isWholeWorthTrying && this.#demand.mayFallBack;
    // A server that can still hear is told goodbye; one that broke the protocol is not.
    if (at === stage.banner || at === stage.afterEhlo) this.#wire?.finish('QUIT\r\n');
    else this.#wire?.destroy();
    const isDemandUnmet =
      this.#isLoggingIn || at === stage.handshake || at === stage.afterStartTls || reply.startsWith(replies.tlsNotOffered);
    this.#done({ kind: 'failed', reply, stage: at, isClearWorthTrying, isWholeWorthTrying, isDemandUnmet, course: this.#course });
  }

  get #course(): TlsCourse {
    return { localIp: this.#localIp, helo: this.#helo, fault: this.#fault };
  }
}
