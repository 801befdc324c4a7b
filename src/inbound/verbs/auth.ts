/**
 * AUTH: the client proves who it is.
 *
 * The one rule: what the client says here is a secret: no line of the exchange reaches a record, a context or a log. A right answer
 * gives auth_user, auth_status and can_relay; a wrong one is 535 and held back the longer the more of them came from that address;
 * trouble of the back end is 454 (A44). Three failures end the connection.
 * Bounds: `FAILURES_PER_CONNECTION`, `STEPS_MAX` responses an exchange, the line length of #smtp; #auth bounds each address.
 * Truth: RFC 4954; rules AUTH-02, AUTH-05, AUTH-07; attacks A40 to A44.
 */
import { decodeBase64, isBearer, isMechanism, type SaslExchange, type SaslStep } from '#auth';
import { replies, type CommandFault, type Reply } from '#smtp';
import type { SmtpMechanism } from '../auth-rules.ts';
import { acceptIdentity, ANONYMOUS } from '../identity.ts';
import type { Session } from '../session-types.ts';

const FAILURES_PER_CONNECTION = 3;
const STEPS_MAX = 6;

export function auth(s: Session, argument: string): void {
  const [word = '', initial] = argument.split(' ', 2);
  const name = word.toUpperCase();
  const refusal = refusalOf(s, name, argument);
  if (refusal !== undefined) {
    s.say(refusal);
    return;
  }
  if (s.ports.auth.gate.isShut(s.facts.ip)) {
    s.refuse(replies.tooManyAuthFailures, { close: true, state: 'extension 1' });
    return;
  }
  const bytes = initial === undefined ? undefined : initial === '=' ? Buffer.alloc(0) : decodeBase64(initial);
  if (initial !== undefined && bytes === undefined) {
    s.say(replies.authSyntax);
    return;
  }
  new Dialogue(s, name as SmtpMechanism).begin(bytes);
}

/** The mechanisms that this client may use as things stand. */
export function mechanismsNow(s: Session): readonly SmtpMechanism[] {
  const { auth: rules } = s.rules;
  if (rules.needsTls && !s.isSecured) return [];
  return s.isSecured ? [...rules.mechanisms.keys(), ...bearersOf(s)] : [...rules.mechanisms.keys()];
}

function bearersOf(s: Session): readonly SmtpMechanism[] {
  const { bearers } = s.rules.auth;
  return bearers.length > 0 && s.ports.auth.hasVerifier ? bearers : [];
}

/** Why the command is not even begun. */
function refusalOf(s: Session, name: string, argument: string): Reply | undefined {
  const { rules, facts, transaction } = s;
  if (!rules.offered.auth || (rules.auth.mechanisms.size === 0 && bearersOf(s).length === 0)) return s.notOffered('AUTH');
  if (rules.auth.needsTls && !s.isSecured) return replies.authNeedsTls;
  if (!facts.isEsmtp || transaction.isOpen || facts.authUser !== '') return replies.badSequence;
  if (argument === '' || argument.split(' ').length > 2) return replies.argumentMissing;
  // A token is worth as much as a password and lasts longer: never in clear (RFC 7628 section 4).
  if (isBearer(name) && bearersOf(s).includes(name)) return s.isSecured ? undefined : replies.authNeedsTls;
  return isMechanism(name) && rules.auth.mechanisms.has(name) ? undefined : replies.mechanismUnknown;
}

function exchangeOf(s: Session, name: SmtpMechanism): SaslExchange | undefined {
  if (isBearer(name)) return s.ports.auth.beginBearer(name, s.facts.remoteIp);
  const settings = s.rules.auth.mechanisms.get(name);
  return settings === undefined ? undefined : s.ports.auth.begin(name, settings);
}

class Dialogue {
  readonly #s: Session;
  readonly #name: SmtpMechanism;
  readonly #exchange: SaslExchange | undefined;
  #steps = 0;

  constructor(s: Session, name: SmtpMechanism) {
    this.#s = s;
    this.#name = name;
    this.#exchange = exchangeOf(s, name);
  }

  begin(initial: Buffer | undefined): void {
    const exchange = this.#exchange;
    if (exchange === undefined && isBearer(this.#name)) {
      // Whoever judged tokens has gone since this was offered.
      this.#judge({ kind: 'trouble', user: '', cause: 'no module verifies tokens' });
      return;
    }
    if (exchange === undefined) {
      // Always_Allow without a back end: whoever comes is taken (AUTH-07).
      this.#judge({ kind: 'pass', user: ANONYMOUS });
      return;
    }
    this.#s.later((settle) => exchange.begin(initial, (step) => settle(() => this.#judge(step))));
  }

  #line(line: string | CommandFault): void {
    const s = this.#s;
    s.dialogue = undefined;
    if (typeof line !== 'string') {
      if (line.close) s.refuse(line.reply, { close: true });
      else s.say(replies.authLineTooLong);
      return;
    }
    if (line === '*') {
      s.say(replies.authCancelled);
      return;
    }
    const bytes = decodeBase64(line);
    const exchange = this.#exchange;
    if (bytes === undefined || exchange === undefined || ++this.#steps > STEPS_MAX) {
      s.say(replies.authSyntax);
      return;
    }
    s.later((settle) => exchange.next(bytes, (step) => settle(() => this.#judge(step))));
  }

  #judge(step: SaslStep): void {
    const s = this.#s;
    switch (step.kind) {
      case 'challenge':
        s.dialogue = (line) => this.#line(line);
        s.say({ code: 334, text: Buffer.from(step.text).toString('base64') });
        return;
      case 'malformed':
        s.say(replies.authSyntax);
        return;
      case 'trouble':
        s.context.setConnection('auth_status', 'error');
        s.ports.panic.log('ERROR', 'SMTP', `AUTH ${this.#name} cannot be answered: ${step.cause}`);
        s.refuse(replies.authTrouble, { state: 'extension 1' });
        return;
      case 'fail':
      case 'pass':
        if (s.rules.auth.alwaysDeny || (step.kind === 'fail' && !s.rules.auth.alwaysAllow)) this.#failed(step.user);
        else this.#passed(step.user === '' ? ANONYMOUS : step.user);
    }
  }

  #passed(user: string): void {
    const s = this.#s;
    acceptIdentity(s, user);
    s.context.setConnection('#auth_method', this.#name);
    this.#log(user, 'pass');
    s.say(replies.authenticated);
  }

  /** The answer is held back; meanwhile nothing else is read from this client. */
  #failed(user: string): void {
    const s = this.#s;
    const delayMs = s.ports.auth.failed(s.facts.ip);
    s.facts.authFailures++;
    s.context.setConnection('auth_status', 'fail');
    this.#log(user, 'fail');
    s.later((settle) => {
      s.ports.wheel.schedule(delayMs, () => {
        settle(() => {
          s.refuse(replies.authFailed, { state: 'extension 1' });
          if (s.facts.authFailures >= FAILURES_PER_CONNECTION) s.sayLast(replies.tooManyAuthFailures);
        });
      });
    });
  }

  #log(user: string, result: string): void {
    const s = this.#s;
    // What a module decides about tokens is told as log_authentication tells of the rest.
    if (!isBearer(this.#name) && s.rules.auth.mechanisms.get(this.#name)?.logs !== true) return;
    s.ports.panic.log('NOTICE', 'SMTP', `AUTH ${this.#name} of ${JSON.stringify(user)} from ${s.facts.remoteIp}: ${result}`);
  }
}
