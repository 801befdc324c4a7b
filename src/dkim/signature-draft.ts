/**
 * A DKIM-Signature, or the ARC-Message-Signature of a set, in the making: what has to be signed, and the header field when the signature is there.
 *
 * The one rule: the field that is hashed is the field that is sent, fold for fold, with b= empty; nothing changes it afterwards.
 * Values that come from a configuration or a message are checked or encoded here, so that no tag can hold a second one.
 * Not here: the private key and the act of signing (signature.ts), the body's hash (body-digest.ts). Truth: RFC 6376 sections 3.5, 3.7, 5.5.
 */
import type { HeaderField } from '#mail';
import type { BodyHash } from './body-digest.ts';
import type { SigningPlan } from './plan.ts';
import { canonicalField, fieldsToSign, relaxedField, type SignedField } from './signed-fields.ts';

const LINE_SHOULD = 76;
/** Octets of b= in a line. */
const SIGNATURE_LINE = 72;
/** Octets of z=, beyond which it is left out: it is a help for people, and no header may grow without end. */
const COPIES_MAX = 16_384;

export class SignatureDraft {
  /** What the private key signs, as octets in latin1. */
  readonly input: string;
  readonly #head: string;

  /** @param header the header block of the message, as on the wire  @param now epoch seconds */
  constructor(
    header: { readonly fields: readonly HeaderField[] },
    plan: SigningPlan,
    o: { readonly body: BodyHash; readonly now: number },
  ) {
    const signed = fieldsToSign(header.fields, plan.headers);
    const head = `${plan.instance === undefined ? 'DKIM-Signature' : 'ARC-Message-Signature'}: ${tags(plan, signed, o)}`;
    let fields = '';
    for (const { field } of signed) if (field !== undefined) fields += canonicalField(field, plan.headerCanonicalization);
    const own = plan.headerCanonicalization === 'simple' ? head : relaxedField(head);
    this.input = `${fields}${own}`;
    this.#head = head;
  }

  /** The field with its CRLF. @param signature base64 */
  header(signature: string): string {
    let text = this.#head;
    for (let at = 0; at < signature.length; at += SIGNATURE_LINE) text += `\r\n\t${signature.slice(at, at + SIGNATURE_LINE)}`;
    return `${text}\r\n`;
  }
}

function tags(plan: SigningPlan, signed: readonly SignedField[], o: { readonly body: BodyHash; readonly now: number }): string {
  const canonicalizations = `${plan.headerCanonicalization}/${plan.bodyCanonicalization}`;
  const lines = [
    `${plan.instance === undefined ? 'v=1' : `i=${plan.instance}`}; a=${plan.algorithm}; c=${canonicalizations}; d=${plan.domain};`,
    [
      `s=${plan.selector}; t=${o.now};`,
      plan.lifetimeSeconds > 0 ? ` x=${o.now + plan.lifetimeSeconds};` : '',
      plan.hasBodyLength ? ` l=${o.body.length};` : '',
    ].join(''),
    ...(plan.identity === undefined ? [] : [`i=${quoted(Buffer.from(plan.identity).toString('latin1'))};`]),
    `h=${folded(
      signed.map(({ name }) => name),
      ':',
    )};`,
    `bh=${o.body.text};`,
    ...(plan.copiesHeaders ? copies(signed) : []),
    'b=',
  ];
  return lines.join('\r\n\t');
}

/** Items with a fold behind the separator where a line would get too long. */
function folded(items: readonly string[], separator: string): string {
  let out = '';
  let column = 2;
  for (const [i, item] of items.entries()) {
    const text = i === 0 ? item : `${separator}${item}`;
    if (i > 0 && column + text.length > LINE_SHOULD) {
      out += `${separator}\r\n\t ${item}`;
      column = item.length + 2;
    } else {
      out += text;
      column += text.length;
    }
  }
  return out;
}

/** z=: name and value of each field that is there. */
function copies(signed: readonly SignedField[]): string[] {
  const items = signed.flatMap(({ field }) => {
    if (field === undefined) return [];
    const raw = field.raw.toString('latin1').replace(/\r\n$/, '');
    const colon = raw.indexOf(':');
    return [`${field.name}:${quoted(raw.slice(colon + 1))}`];
  });
  const text = folded(items, '|');
  return items.length === 0 || text.length > COPIES_MAX ? [] : [`z=${text};`];
}

/** dkim-quoted-printable (section 2.11), with "|" encoded as z= needs it and ":" kept. */
function quoted(text: string): string {
  return text.replace(/[^!-:<>-{}~]/g, (c) => `=${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
