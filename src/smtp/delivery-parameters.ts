/**
 * The parameters of MAIL that ask for a manner of delivery: HOLDFOR, HOLDUNTIL, REQUIRETLS, BY, MT-PRIORITY.
 *
 * The one rule: form only. Whether a time is too far away, or a priority too high for this client, is the session's to say, since it
 * knows the clock and the client. Numbers have the digits that their RFC allows and no more.
 * Truth: RFC 4865 section 5 (FUTURERELEASE), RFC 8689 section 3, RFC 2852 section 4, RFC 6710 section 4.
 */
import { replies } from './replies.ts';
import type { Reply } from './reply.ts';

export interface DeliveryParameters {
  /** HOLDFOR: seconds, 1 to 999,999,999. */
  holdFor?: number;
  /** HOLDUNTIL: milliseconds since the epoch. */
  holdUntil?: number;
  requireTls?: boolean;
  by?: ByParameter;
  /** -9 to 9. */
  mtPriority?: number;
}

export interface ByParameter {
  /** From now; zero or less means that the time is over already, and is only legal with `notify`. */
  readonly seconds: number;
  readonly mode: 'return' | 'notify';
  readonly trace: boolean;
}

/** The extensions behind these parameters that a session has offered. */
export interface OfferedDelivery {
  readonly futureRelease?: boolean | undefined;
  readonly requireTls?: boolean | undefined;
  readonly deliverBy?: boolean | undefined;
  readonly mtPriority?: boolean | undefined;
}

type Fault = { readonly reply: Reply; readonly reason: string };
type Setter = (into: DeliveryParameters, value: string | undefined) => Fault | undefined;

const SECONDS = /^\d{1,9}$/;
/** RFC 3339: with `Z` or an offset, so that no zone has to be guessed. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const BY = /^([+-]?\d{1,9});([RN])(T?)$/i;
const PRIORITY = /^-?\d$/;

function wrong(reason: string): Fault {
  return { reply: replies.parameterSyntax, reason };
}

/** HOLDFOR and HOLDUNTIL exclude each other (RFC 4865 section 5). */
function heldTwice(into: DeliveryParameters): Fault | undefined {
  const isHeld = into.holdFor !== undefined || into.holdUntil !== undefined;
  return isHeld ? { reply: replies.parameterContradiction, reason: 'held twice' } : undefined;
}

function setHoldFor(into: DeliveryParameters, value = ''): Fault | undefined {
  if (!SECONDS.test(value) || Number(value) === 0) return wrong('HOLDFOR value');
  const twice = heldTwice(into);
  into.holdFor = Number(value);
  return twice;
}

function setHoldUntil(into: DeliveryParameters, value = ''): Fault | undefined {
  const at = MOMENT.test(value.toUpperCase()) ? Date.parse(value.toUpperCase()) : Number.NaN;
  if (Number.isNaN(at)) return wrong('HOLDUNTIL value');
  const twice = heldTwice(into);
  into.holdUntil = at;
  return twice;
}

function setRequireTls(into: DeliveryParameters, value: string | undefined): Fault | undefined {
  if (value !== undefined) return wrong('REQUIRETLS takes no value');
  into.requireTls = true;
  return undefined;
}

function setBy(into: DeliveryParameters, value = ''): Fault | undefined {
  const match = BY.exec(value);
  if (match === null) return wrong('BY value');
  const seconds = Number(match[1]);
  const mode = match[2]?.toUpperCase() === 'R' ? 'return' : 'notify';
  if (mode === 'return' && seconds <= 0) return wrong('BY time is over');
  into.by = { seconds, mode, trace: match[3] !== '' };
  return undefined;
}

function setPriority(into: DeliveryParameters, value = ''): Fault | undefined {
  if (!PRIORITY.test(value)) return wrong('MT-PRIORITY value');
  into.mtPriority = Number(value) || 0;
  return undefined;
}

/** What reads which parameter, where it was offered. */
export function deliverySetters(offers: OfferedDelivery): [string, Setter, boolean][] {
  return [
    ['HOLDFOR', setHoldFor, offers.futureRelease === true],
    ['HOLDUNTIL', setHoldUntil, offers.futureRelease === true],
    ['REQUIRETLS', setRequireTls, offers.requireTls === true],
    ['BY', setBy, offers.deliverBy === true],
    ['MT-PRIORITY', setPriority, offers.mtPriority === true],
  ];
}

const EXTENSION_OF: ReadonlyMap<string, string> = new Map([
  ['HOLDFOR', 'FUTURERELEASE'],
  ['HOLDUNTIL', 'FUTURERELEASE'],
  ['REQUIRETLS', 'REQUIRETLS'],
  ['BY', 'DELIVERBY'],
  ['MT-PRIORITY', 'MT-PRIORITY'],
  ['AUTH', 'AUTH'],
]);

/** The extension, as SMTP_Extensions lists it, to which a parameter belongs; undefined for those that every listener has or none. */
export function extensionOfParameter(name: string): string | undefined {
  return EXTENSION_OF.get(name);
}
