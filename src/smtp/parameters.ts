/**
 * The ESMTP parameters of MAIL and RCPT as typed values.
 *
 * The one rule: everything is checked before anything is believed. A parameter of an extension that is not offered, or an
 * unknown one, is 555; one given twice, out of form or in contradiction is 501 (attacks A29, A30); a SIZE no machine can
 * count is 552. ENVID, ORCPT and AUTH stay in the encoded form they came in, so they can be passed on as they are.
 * It does not compare SIZE with a limit nor know the transaction: inbound does.
 * Not here: those that ask for a manner of delivery (delivery-parameters.ts). Truth: RFC 1870, 3030, 3461 section 4, 4954 section 5, 6152, 6531, 6533.
 */
import { deliverySetters, type DeliveryParameters, type OfferedDelivery } from './delivery-parameters.ts';
import { decodeUtf8 } from './path.ts';
import { replies } from './replies.ts';
import type { Reply } from './reply.ts';
import { decodeXtext } from './xtext.ts';

/** The extensions this session has offered in its EHLO reply; after HELO all are false. */
export interface OfferedExtensions extends OfferedDelivery {
  readonly size: boolean;
  readonly eightBitMime: boolean;
  readonly chunking: boolean;
  readonly binaryMime: boolean;
  readonly smtpUtf8: boolean;
  readonly dsn: boolean;
  readonly auth: boolean;
}

export type BodyType = '7BIT' | '8BITMIME' | 'BINARYMIME';
export type NotifyWord = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY';

export interface MailParameters extends DeliveryParameters {
  /** Octets, 0 to 2^53-1. */
  size?: number;
  body?: BodyType;
  smtpUtf8?: boolean;
  ret?: 'FULL' | 'HDRS';
  /** xtext as given, valid. */
  envid?: string;
  /** xtext as given, valid; `<>` for unknown. */
  auth?: string;
}

export interface RcptParameters {
  notify?: readonly NotifyWord[];
  /** `type;value` as given, valid. */
  orcpt?: string;
}

type ParameterResult<T> = { readonly ok: true; readonly parameters: T } | ({ readonly ok: false } & Fault);

/** Octets of a value as received: RFC 3461 section 4.4 (ENVID 100 characters), 4.2 (ORCPT 500), RFC 4954 (AUTH 500). */
const ENVID_MAX = 100;
const ORCPT_MAX = 500;
const AUTH_MAX = 500;
/** Parameters in one command; more is a fault. There are fewer names than this, so only repeated ones can reach it. */
const PARAMETERS_MAX = 16;
const KEYWORD = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;
const VALUE = /^[!-<>-~\u0080-\u00ff]+$/;
const DIGITS = /^\d{1,20}$/;
const NOTIFY_WORDS: readonly string[] = ['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'];
/** RFC 6533 section 3: utf-8-addr-xtext writes a character as `\x{HEX}`; backslash, plus and equals must be written so. */
const UTF8_ADDRESS = /^(?:[!-*,-<>-[\]-~\u0080-\u{10ffff}]|\\x\{(?:[0-9A-F]{2,6})\})+$/u;
const UTF8_ESCAPE = /\\x\{([0-9A-F]{2,6})\}/g;

/** `parameter` is the name of one that is unknown or not offered. */
type Fault = { readonly reply: Reply; readonly reason: string; readonly parameter?: string };
type Setter<T> = (into: T, value: string | undefined) => Fault | undefined;

function syntax(reason: string): Fault {
  return { reply: replies.parameterSyntax, reason };
}

function setSize(into: MailParameters, value: string | undefined): Fault | undefined {
  if (value === undefined || !DIGITS.test(value)) return syntax('SIZE is not 1 to 20 digits');
  const size = Number(value);
  if (!Number.isSafeInteger(size)) return { reply: replies.messageTooLarge, reason: 'SIZE beyond 2^53' };
  into.size = size;
  return undefined;
}

function bodySetter(offers: OfferedExtensions): Setter<MailParameters> {
  return (into, value) => {
    const body = value?.toUpperCase();
    if (body === '7BIT' || body === '8BITMIME') into.body = body;
    else if (body === 'BINARYMIME' && offers.binaryMime) into.body = body;
    else if (body === 'BINARYMIME') return { reply: replies.parameterUnknown, reason: 'BODY=BINARYMIME not offered' };
    else return syntax('BODY value');
    return undefined;
  };
}

function setUtf8(into: MailParameters, value: string | undefined): Fault | undefined {
  if (value !== undefined) return syntax('SMTPUTF8 takes no value');
  into.smtpUtf8 = true;
  return undefined;
}

function setRet(into: MailParameters, value: string | undefined): Fault | undefined {
  const ret = value?.toUpperCase();
  if (ret !== 'FULL' && ret !== 'HDRS') return syntax('RET value');
  into.ret = ret;
  return undefined;
}

function setEnvid(into: MailParameters, value: string | undefined): Fault | undefined {
  const text = value === undefined ? undefined : decodeXtext(value);
  if (value === undefined || text === undefined || text.length > ENVID_MAX) return syntax('ENVID value');
  into.envid = value;
  return undefined;
}

function setAuth(into: MailParameters, value: string | undefined): Fault | undefined {
  if (value === undefined || value.length > AUTH_MAX || decodeXtext(value) === undefined) return syntax('AUTH value');
  into.auth = value;
  return undefined;
}

function setNotify(into: RcptParameters, value: string | undefined): Fault | undefined {
  const words = (value ?? '').toUpperCase().split(',', NOTIFY_WORDS.length + 1);
  if (words.some((word) => !NOTIFY_WORDS.includes(word))) return syntax('NOTIFY value');
  if (new Set(words).size !== words.length) return { reply: replies.parameterTwice, reason: 'NOTIFY word twice' };
  if (words.length > 1 && words.includes('NEVER')) {
    return { reply: replies.parameterContradiction, reason: 'NOTIFY=NEVER with other words' };
  }
  into.notify = words as NotifyWord[];
  return undefined;
}

/** True when every `\x{...}` of the value names a character that may stand in an address line. */
function utf8AddressIsSafe(value: string): boolean {
  if (!UTF8_ADDRESS.test(value)) return false;
  for (const [, hex] of value.matchAll(UTF8_ESCAPE)) {
    const code = Number.parseInt(hex ?? '', 16);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
  }
  return true;
}

function orcptSetter(utf8: boolean): Setter<RcptParameters> {
  return (into, value) => {
    const semicolon = value?.indexOf(';') ?? -1;
    if (value === undefined || semicolon < 1 || value.length > ORCPT_MAX) return syntax('ORCPT value');
    const type = value.slice(0, semicolon).toLowerCase();
    const address = value.slice(semicolon + 1);
    if (!KEYWORD.test(type) || address.length === 0) return syntax('ORCPT type');
    const decoded = decodeUtf8(value);
    if (decoded === undefined || (decoded !== value && !(utf8 && type === 'utf-8'))) return syntax('ORCPT is not ASCII');
    const good = type === 'utf-8' ? utf8AddressIsSafe(decoded.slice(semicolon + 1)) : decodeXtext(address) !== undefined;
    if (!good) return syntax('ORCPT address');
    into.orcpt = decoded;
    return undefined;
  };
}

/** Walks ` KEY=value KEY ...` from `from` to the end of the line, one blank before each, and gives each to its setter. */
function walk<T>(line: string, from: number, into: T, setters: ReadonlyMap<string, Setter<T>>): Fault | undefined {
  if (from === line.length) return undefined;
  const seen = new Set<string>();
  let at = from;
  while (at < line.length) {
    if (line[at] !== ' ') return syntax('blank expected before a parameter');
    const blank = line.indexOf(' ', at + 1);
    const end = blank < 0 ? line.length : blank;
    const equals = line.indexOf('=', at + 1);
    const keyEnd = equals < 0 || equals > end ? end : equals;
    const key = line.slice(at + 1, keyEnd).toUpperCase();
    const value = keyEnd === end ? undefined : line.slice(keyEnd + 1, end);
    if (!KEYWORD.test(key)) return syntax('parameter name');
    if (value !== undefined && !VALUE.test(value)) return syntax('parameter value');
    const setter = setters.get(key);
    if (setter === undefined) return { reply: replies.parameterUnknown, reason: 'unknown parameter', parameter: key };
    if (seen.has(key) || seen.size >= PARAMETERS_MAX) return { reply: replies.parameterTwice, reason: `${key} given twice` };
    seen.add(key);
    const fault = setter(into, value);
    if (fault !== undefined) return fault;
    at = end;
  }
  return undefined;
}

const mailSetters = new WeakMap<OfferedExtensions, ReadonlyMap<string, Setter<MailParameters>>>();

function settersFor(offers: OfferedExtensions): ReadonlyMap<string, Setter<MailParameters>> {
  let setters = mailSetters.get(offers);
  if (setters === undefined) {
    const list: [string, Setter<MailParameters>, boolean][] = [
      ['SIZE', setSize, offers.size],
      ['BODY', bodySetter(offers), offers.eightBitMime || offers.binaryMime],
      ['SMTPUTF8', setUtf8, offers.smtpUtf8],
      ['RET', setRet, offers.dsn],
      ['ENVID', setEnvid, offers.dsn],
      ['AUTH', setAuth, offers.auth],
      ...deliverySetters(offers),
    ];
    setters = new Map(list.filter(([, , offered]) => offered).map(([key, setter]) => [key, setter]));
    mailSetters.set(offers, setters);
  }
  return setters;
}

const RCPT_NONE: ReadonlyMap<string, Setter<RcptParameters>> = new Map();
const RCPT_DSN = new Map<string, Setter<RcptParameters>>([
  ['NOTIFY', setNotify],
  ['ORCPT', orcptSetter(false)],
]);
const RCPT_DSN_UTF8 = new Map<string, Setter<RcptParameters>>([
  ['NOTIFY', setNotify],
  ['ORCPT', orcptSetter(true)],
]);

/** The parameters of MAIL from index `from` (just after `>`) to the end of the line. */
export function parseMailParameters(line: string, from: number, offers: OfferedExtensions): ParameterResult<MailParameters> {
  const parameters: MailParameters = {};
  const fault = walk(line, from, parameters, settersFor(offers));
  return fault === undefined ? { ok: true, parameters } : { ok: false, ...fault };
}

/** The parameters of RCPT from index `from` (just after `>`) to the end of the line. */
export function parseRcptParameters(line: string, from: number, offers: OfferedExtensions, utf8: boolean): ParameterResult<RcptParameters> {
  const parameters: RcptParameters = {};
  const setters = !offers.dsn ? RCPT_NONE : utf8 ? RCPT_DSN_UTF8 : RCPT_DSN;
  const fault = walk(line, from, parameters, setters);
  return fault === undefined ? { ok: true, parameters } : { ok: false, ...fault };
}
