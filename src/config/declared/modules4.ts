/* Modules of Momentum 4 and 5, and some of mobile networks, that the manual of Momentum 3 does not list, as data, so that a tree of those versions is read
 * whole; and tls_rpt, which is ours. All but those that are implemented lack their behaviour here: of these those that restrict or protect are guards, the
 * rest is accepted with one line in the paniclog.
 * It holds no behaviour. Facts: the module pages and examples of the public manual of Momentum 4. */
import type { ModuleDeclaration, ScopeDeclaration, Status } from '../declaration.ts';
import { moduleOption } from './module-option.ts';

interface Row {
  readonly name: string;
  readonly since: string;
  readonly category: string;
  readonly about: string;
  readonly status?: Status;
  readonly options?: readonly string[];
  readonly scopes?: readonly ScopeDeclaration[];
  /** Options of the scopes inside, by scope. */
  readonly inner?: Readonly<Record<string, readonly string[]>>;
}

const rows: readonly Row[] = [
  { name: 'cassandra_client', since: '4.0', category: 'datasource', about: 'connections to a Cassandra store', options: ['uri'] },
  {
    name: 'curfew',
    since: '5.3',
    category: 'routing',
    about: 'hours in which the mail of bindings or domains waits',
    status: 'guards',
    options: ['Schedule_File', 'Timezone'],
  },
  { name: 'dkim2', since: '5.4', category: 'signing', about: 'DKIM2 signing and checking for policy scripts' },
  {
    name: 'engagement_tracker',
    since: '4.0',
    category: 'http',
    about: 'counts openings and clicks',
    options: ['click_tracking_include_metadata', 'max_metadata_len'],
  },
  {
    name: 'event_hydrant',
    since: '4.0',
    category: 'logging',
    about: 'events for a message queue',
    options: [
      'concurrency',
      'cust_prefix',
      'jlog_filename',
      'log_click',
      'log_conversion',
      'log_delivery',
      'log_genfail',
      'log_genrejection',
      'log_inband_bounce',
      'log_open',
      'log_outofband_bounce',
      'log_reception',
      'log_rejection',
      'log_tempfail',
      'write_jlog',
    ],
  },
  {
    name: 'ha_proxy_client',
    since: '4.x',
    category: 'routing',
    about: 'watches the proxies that HA_Proxy_Server names',
    options: ['health_check_failure_threshold', 'health_check_interval', 'health_check_success_threshold', 'health_check_timeout'],
  },
  {
    name: 'msg_gen',
    since: '4.0',
    category: 'http',
    about: 'makes messages from templates and lists',
    options: [
      'click_tracking_enabled',
      'click_tracking_scheme',
      'cluster_cfg',
      'engagement_tracking_host',
      'gen_count',
      'gen_transactional_threads',
      'open_tracking_enabled',
      'open_tracking_scheme',
      'quorum',
      'scheduled_interval_delete',
      'scheduled_send',
      'start_time_max_schedule_interval',
    ],
    scopes: [
      {
        name: 'node',
        parents: ['msg_gen'],
        instance: 'required',
        status: 'inert',
        implemented: false,
        since: '4.0',
        about: 'one server that makes messages',
      },
    ],
    inner: { node: ['mta_id', 'votes'] },
  },
  { name: 'mstore', since: '3.x', category: 'mobile', about: 'store of messages for mobile networks' },
  { name: 'outbound_smtp_auth_v0', since: '4.x', category: 'security', about: 'older form of outbound_smtp_auth' },
  { name: 'smtpapi', since: '4.1', category: 'http', about: 'counts openings and clicks of injected mail' },
  {
    name: 'spamassassin',
    since: '5.0',
    category: 'content',
    about: 'asks a SpamAssassin daemon about each message',
    status: 'guards',
    options: ['daemon', 'max_size', 'timeout'],
  },
  { name: 'substitution_engine', since: '4.0', category: 'http', about: 'fills templates' },
  { name: 'xmpp_logger', since: '3.4', category: 'mobile', about: 'log of XMPP events' },
];

const dane: ModuleDeclaration = {
  name: 'dane',
  singleton: true,
  status: 'works',
  implemented: true,
  since: '4.8',
  category: 'tls',
  about: 'makes Use_DANE count: TLS as the TLSA records of a domain demand it; needs name servers that verify DNSSEC',
  options: [
    moduleOption('dane', 'Self_Test_Name', {
      type: { kind: 'string' },
      default: 'com',
      status: 'works',
      about:
        'signed domain whose NS records show whether the name servers verify DNSSEC; where they do not, DANE is off and said to be; ours',
    }),
  ],
};

const openarc: ModuleDeclaration = {
  name: 'openarc',
  singleton: true,
  status: 'guards',
  implemented: true,
  since: '5.0',
  category: 'signing',
  about: 'check the ARC chain of received mail, and seal what leaves when there is a key; never refuses mail',
  options: [
    moduleOption('openarc', 'Signing_Domain', {
      type: { kind: 'string' },
      status: 'works',
      about: 'domain that seals (d=); with Selector and Keyfile mail is sealed; ours: the manual has these options as those of a function',
    }),
    moduleOption('openarc', 'Selector', { type: { kind: 'string' }, status: 'works', about: 'name of the key in DNS (s=)' }),
    moduleOption('openarc', 'Keyfile', {
      type: { kind: 'string' },
      status: 'works',
      about: 'file of the private key in PEM form, RSA or Ed25519; there must be one when the configuration is read',
    }),
    moduleOption('openarc', 'Authservid', {
      type: { kind: 'string' },
      status: 'works',
      about: 'name in ARC-Authentication-Results instead of that of the host',
    }),
    moduleOption('openarc', 'Body_Canon', {
      type: { kind: 'enum', values: ['simple', 'relaxed'] },
      default: 'relaxed',
      status: 'works',
      about: 'how the body is canonicalised',
    }),
    moduleOption('openarc', 'Headerlist', {
      type: { kind: 'any' },
      status: 'works',
      about: 'headers that are signed; without it those that opendkim signs, and DKIM-Signature',
    }),
    moduleOption('openarc', 'Oversign_Headerlist', {
      type: { kind: 'any' },
      status: 'works',
      about: 'headers that nobody can add to, as they are named once more than they are there',
    }),
    moduleOption('openarc', 'Sign_Condition', {
      type: { kind: 'string' },
      status: 'works',
      about: 'context variable that must be there for a message to be sealed; ours',
    }),
  ],
};

const others: readonly ModuleDeclaration[] = rows.map((row) => ({
  name: row.name,
  singleton: true,
  status: row.status ?? 'inert',
  implemented: false,
  since: row.since,
  category: row.category,
  about: row.about,
  options: [
    ...(row.options ?? []).map((name) => moduleOption(row.name, name)),
    ...Object.entries(row.inner ?? {}).flatMap(([scope, names]) => names.map((name) => moduleOption(row.name, name, { scope }))),
  ],
  ...(row.scopes === undefined ? {} : { scopes: row.scopes }),
}));

const tlsRpt: ModuleDeclaration = {
  name: 'tls_rpt',
  singleton: true,
  status: 'works',
  implemented: true,
  since: 'Impetus 0.1',
  category: 'tls',
  about: 'a report (RFC 8460) once a day to each domain that asks for it: how TLS with its hosts went by DANE and MTA-STS; ours',
  options: [
    moduleOption('tls_rpt', 'Organization_Name', {
      type: { kind: 'string' },
      status: 'works',
      about: 'who reports, as the reports say it; the name of the host unless it is set',
    }),
    moduleOption('tls_rpt', 'Contact_Info', {
      type: { kind: 'string' },
      status: 'works',
      about: 'whom receivers of reports may ask; Report_From unless it is set',
    }),
    moduleOption('tls_rpt', 'Report_From', {
      type: { kind: 'string' },
      status: 'works',
      about: 'address that reports by mail come from, and their failures go to; needed',
    }),
    moduleOption('tls_rpt', 'Report_Binding', {
      type: { kind: 'string' },
      status: 'works',
      about:
        'binding that reports by mail leave by; give it Enable_DANE = false and Enable_MTA_STS = false, so that they arrive where TLS fails',
    }),
    moduleOption('tls_rpt', 'Report_Delay_Max', {
      type: { kind: 'seconds' },
      default: 14_400,
      status: 'works',
      about: 'time after the end of a day (UTC) over which its reports are spread; 20 hours at most',
    }),
    moduleOption('tls_rpt', 'Store_File', {
      type: { kind: 'string' },
      default: 'tls_rpt.json',
      status: 'works',
      about: 'file in which results and reports that wait are kept over a restart',
    }),
  ],
};

export const momentum4Modules: readonly ModuleDeclaration[] = [dane, openarc, tlsRpt, ...others];
