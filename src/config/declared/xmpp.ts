/* The xmpp options of ecelerity.conf as data: name, type, default, scopes, what takes effect when, and whether it
 * works here yet. One entry per option and group of scopes; the generated manual and every check read this table.
 * It holds no behaviour. Facts: the public Momentum manual's option tables. */
import type { OptionDeclaration } from '../declaration.ts';

export const xmppOptions = [
  {
    name: 'XMPP_Dialback_Secret',
    key: 'xmppDialbackSecret',
    type: { kind: 'string' },
    scopes: ['Domain'],
    effect: 'next-use',
    since: '3.4',
    status: 'inert',
    implemented: false,
    category: 'xmpp',
    about: 'dialback secret of an XMPP domain',
  },
  {
    name: 'XMPP_Role',
    key: 'xmppRole',
    type: { kind: 'enum', values: ['server', 'client'] },
    scopes: ['Domain'],
    effect: 'next-use',
    since: '3.4',
    status: 'inert',
    implemented: false,
    category: 'xmpp',
    about: 'our role towards an XMPP domain',
  },
] as const satisfies readonly OptionDeclaration[];
