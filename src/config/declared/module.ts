/* The module options of ecelerity.conf as data: name, type, default, scopes, what takes effect when, and whether it
 * works here yet. One entry per option and group of scopes; the generated manual and every check read this table.
 * It holds no behaviour. Facts: the public Momentum manual's option tables. */
import type { OptionDeclaration } from '../declaration.ts';

export const moduleOptions = [
  {
    name: 'DKIM',
    key: 'dkim',
    type: { kind: 'boolean' },
    default: true,
    scopes: ['Binding', 'Binding_Group', 'Domain', 'Global'],
    effect: 'next-use',
    since: '3.0',
    status: 'works',
    implemented: true,
    category: 'module',
    about: 'allow the dkim_sign module to sign',
  },
  {
    name: 'DomainKeys',
    key: 'domainkeys',
    type: { kind: 'boolean' },
    scopes: ['Binding', 'Binding_Group', 'Domain', 'Global'],
    effect: 'next-use',
    since: '3.0',
    status: 'inert',
    implemented: false,
    category: 'module',
    about: 'sign mail of this scope with DomainKeys',
  },
  {
    name: 'Enable_FBL_Header_Insertion',
    key: 'enableFblHeaderInsertion',
    type: { kind: 'boolean' },
    scopes: ['Binding', 'Binding_Group', 'Domain', 'Global'],
    effect: 'next-use',
    since: '3.0',
    status: 'works',
    implemented: true,
    category: 'module',
    about: 'add the feedback loop header to outgoing mail',
  },
  {
    name: 'OpenDKIM_Sign',
    key: 'opendkimSign',
    type: { kind: 'boolean' },
    default: true,
    scopes: ['Binding', 'Binding_Group', 'Domain', 'Global'],
    effect: 'next-use',
    since: '3.6',
    status: 'works',
    implemented: true,
    category: 'module',
    about: 'allow the opendkim module to sign',
  },
] as const satisfies readonly OptionDeclaration[];
