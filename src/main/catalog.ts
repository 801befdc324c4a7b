/*
 * Which modules exist, and how their instances are made from the configuration. With loggers.ts the only file that knows.
 *
 * The one rule: a module is listed here once, by its manifest; mailbox stores are made in each loop.
 * Not here: loggers as they are made in the writer thread (loggers.ts), options and their checks (config), contracts (hooks).
 */
import { dirname, resolve } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { Clock } from '#base';
import {
  childrenNamed,
  moduleDeclarations,
  moduleInstances,
  type ModuleInstance,
  type OptionValue,
  type Resolver,
  type Snapshot,
} from '#config';
import type { ModuleLine } from '#control';
import { keyCacheSettings, type KeyCacheSettings } from '#dkim';
import type { MailboxStore, ValidationModule } from '#hooks';
import { manifest as delayDsn } from '#manifest/delay_dsn';
import { manifest as dane } from '#manifest/dane';
import { manifest as dkimSign } from '#manifest/dkim_sign';
import { manifest as dkimValidate } from '#manifest/dkim_validate';
import { manifest as dmarc } from '#manifest/dmarc';
import { manifest as ecLogger } from '#manifest/ec_logger';
import { manifest as bounceOverrides } from '#manifest/bounce_classifier_override';
import { manifest as bounceLogger } from '#manifest/bounce_logger';
import { manifest as customBounceLogger } from '#manifest/custom_bounce_logger';
import { manifest as customLogger } from '#manifest/custom_logger';
import { manifest as chunkLogger } from '#manifest/chunk_logger';
import { manifest as eventLogger } from '#manifest/event_logger';
import { manifest as eximLogger } from '#manifest/exim_logger';
import { manifest as fbl } from '#manifest/fbl';
import { manifest as jlog } from '#manifest/jlog';
import { manifest as pipeIo } from '#manifest/pipe_io';
import { manifest as postfixLogger } from '#manifest/postfix_logger';
import { manifest as receptionTiming } from '#manifest/reception_timing';
import { manifest as receptionTimingLogger } from '#manifest/reception_timing_logger';
import { manifest as sendmailLogger } from '#manifest/sendmail_logger';
import { manifest as syslogIo } from '#manifest/syslog_io';
import { manifest as maildir } from '#manifest/maildir';
import { manifest as openarc } from '#manifest/openarc';
import { manifest as opendkim } from '#manifest/opendkim';
import { manifest as mailLoop } from '#manifest/mail_loop';
import { manifest as policy } from '#manifest/policy';
import { manifest as pipeTransport } from '#manifest/pipe_transport';
import { manifest as spf } from '#manifest/spf_v1';
import { manifest as staticRoutes } from '#manifest/static_routes';
import { manifest as tlsRpt } from '#manifest/tls_rpt';
import { overrideSettings } from '#modules/bounce_classifier_override';
import { userStringFacts } from '#modules/custom_bounce_logger';
import { customFacts } from '#modules/custom_logger';
import { isDelayTold } from '#modules/delay_dsn';
import { daneSettings, type DaneSettings } from '#modules/dane';
import { dkimSignSettings } from '#modules/dkim_sign';
import { DkimValidateModule, dkimValidateSettings } from '#modules/dkim_validate';
import { DmarcModule, dmarcSettings } from '#modules/dmarc';
import { FblModule, fblSettings, type FblPorts } from '#modules/fbl';
import { pipeIoSettings } from '#modules/pipe_io';
import { syslogSettings } from '#modules/syslog_io';
import { mailLoopSettings, type MailLoopSettings } from '#modules/mail_loop';
import { maildirSettings, MaildirStore } from '#modules/maildir';
import { OpenarcModule, openarcSettings, type OpenarcSettings } from '#modules/openarc';
import { opendkimSettings } from '#modules/opendkim';
import { policySettings, type PolicySettings } from '#modules/policy';
import { PipeStore, pipeSettings } from '#modules/pipe_transport';
import { SpfModule, spfSettings, type SpfPorts } from '#modules/spf_v1';
import { staticTarget } from '#modules/static_routes';
import { tlsReportSettings, type TlsReportSettings } from '#modules/tls_rpt';
import type { BounceSetup } from './bounce-rules.ts';
import { loggerModules, type LoggerStanza, type SchemeSetup } from './loggers.ts';
import { hasBounceDomains, OobBounces, type OobPorts } from './oob-bounces.ts';
import { messageIdFact } from '#observe';

/** Options that name files, by module: relative ones start at the working directory. */
const pathOptions: Readonly<Record<string, readonly string[]>> = {
  [ecLogger.name]: ['mainlog', 'paniclog', 'rejectlog', 'acctlog', 'importlog'],
  [bounceLogger.name]: ['bouncelog'],
  [customBounceLogger.name]: ['bouncelog'],
  [customLogger.name]: [
    'mainlog',
    'paniclog',
    'receptionLogfile',
    'deliveryLogfile',
    'xferLogfile',
    'transientFailureLogfile',
    'permanentFailureLogfile',
    'rejectionLogfile',
  ],
  [chunkLogger.name]: ['destination'],
  [eventLogger.name]: ['eventlog'],
  [fbl.name]: ['logPath'],
  [eximLogger.name]: ['mainlog', 'paniclog'],
  [postfixLogger.name]: ['mainlog', 'paniclog'],
  [sendmailLogger.name]: ['mainlog', 'paniclog'],
  [pipeIo.name]: ['errorFile', 'outputFile'],
  [maildir.name]: ['basedir'],
  [pipeTransport.name]: ['outputFile', 'errorFile'],
};

function withAbsolutePaths(stanza: ModuleInstance): Record<string, OptionValue | undefined> {
  const options = { ...stanza.options };
  for (const key of pathOptions[stanza.module] ?? []) {
    const value = options[key];
    if (typeof value === 'string' && value !== '' && !value.includes('://')) options[key] = resolve(value);
  }
  return options;
}

/** The loggers that the configuration asks for, in the order of the text. */
export function loggerStanzas(snapshot: Snapshot): LoggerStanza[] {
  return loggerModules.flatMap((module) =>
    moduleInstances(snapshot, module).map((stanza) => ({ module, instance: stanza.instance ?? '', options: withAbsolutePaths(stanza) })),
  );
}

/** What the loggers want to know of each message beyond what every record has. */
export function wantedFacts(snapshot: Snapshot): string[] {
  return [
    ...moduleInstances(snapshot, customLogger.name).flatMap(({ options }) => customFacts(options)),
    ...moduleInstances(snapshot, customBounceLogger.name).flatMap(({ options }) => userStringFacts(options)),
    ...[eximLogger, postfixLogger, sendmailLogger].flatMap(({ name }) => moduleInstances(snapshot, name).map(() => messageIdFact)),
  ];
}

/** What a thread needs to know the classes of bounces. */
export function bounceSetup(resolver: Resolver): BounceSetup {
  const [stanza] = moduleInstances(resolver.snapshot, bounceOverrides.name);
  const { bounceCacheSize, bounceCacheTtl } = resolver.global();
  return {
    overrides: overrideSettings(stanza?.options ?? {}, (path) => resolve(path)),
    cacheMax: bounceCacheSize,
    cacheSeconds: bounceCacheTtl,
  };
}

/** Every module stanza of the configuration, in the order of the text. */
export function moduleLines(snapshot: Snapshot): ModuleLine[] {
  return moduleDeclarations.flatMap(({ name, implemented, about }) =>
    moduleInstances(snapshot, name).map(({ instance, isEnabled }) => ({ scope: name, instance, isEnabled, isWorking: implemented, about })),
  );
}

/** The folders in which mailboxes are. */
export function storeFolders(snapshot: Snapshot): string[] {
  return pathsOf(snapshot, maildir.name);
}

/** The folders that modules write to: those of log files, and mailboxes. */
export function moduleFolders(snapshot: Snapshot): string[] {
  return [...loggerModules.flatMap((module) => pathsOf(snapshot, module).map((path) => dirname(path))), ...storeFolders(snapshot)];
}

function pathsOf(snapshot: Snapshot, module: string): string[] {
  const values = moduleInstances(snapshot, module)
    .filter((stanza) => stanza.isEnabled)
    .flatMap((stanza) => (pathOptions[module] ?? []).map((key) => withAbsolutePaths(stanza)[key]));
  return values.filter((value): value is string => typeof value === 'string' && value.startsWith('/'));
}

export function schemeSetup(snapshot: Snapshot): SchemeSetup {
  const stanza = (module: string): ModuleInstance | undefined => moduleInstances(snapshot, module)[0];
  const optionsOf = (module: string) => {
    const found = stanza(module);
    return found === undefined ? {} : withAbsolutePaths(found);
  };
  return {
    pipe: pipeIoSettings(optionsOf(pipeIo.name)),
    syslog: syslogSettings(optionsOf(syslogIo.name)),
    off: [jlog.name, pipeIo.name, syslogIo.name].filter((module) => stanza(module)?.isEnabled === false),
  };
}

let storesMade = 0;

/** In a loop: the stores that keep the mail of some domains. Throws an Error that names the option to correct. */
export function makeStores(snapshot: Snapshot, o: { host: string; clock: Clock }): MailboxStore[] {
  const enabled = (module: string): ModuleInstance[] => moduleInstances(snapshot, module).filter((stanza) => stanza.isEnabled);
  const pipes = enabled(pipeTransport.name).map((stanza, i) => {
    storesMade += 1;
    return new PipeStore({ settings: pipeSettings(withAbsolutePaths(stanza)), tag: `${process.pid}-${threadId}-${storesMade}-${i}` });
  });
  const mailboxes = enabled(maildir.name).map(
    (stanza) => new MaildirStore({ settings: maildirSettings(withAbsolutePaths(stanza)), host: o.host, now: () => o.clock.now() }),
  );
  // A program may refuse the message: it is asked before anything is kept elsewhere.
  return [...pipes, ...mailboxes];
}

/** One validation module of the configuration, with the place of its stanza. */
export type ValidationStanza = { readonly at: ModuleInstance['node']['at'] } & (
  | { readonly kind: 'policy'; readonly settings: PolicySettings }
  | {
      readonly kind: 'check';
      readonly settings: { readonly name: string; readonly debugLevel: string | undefined };
      readonly make: MakeCheck;
      /** A file with a private key, which must be one. */
      readonly keyfile?: string | undefined;
    }
);

/** What the modules that check mail by what domains publish are given. */
export type CheckPorts = SpfPorts & FblPorts & { readonly bounces: Pick<OobPorts, 'resolver' | 'rules' | 'match'> };
type MakeCheck = (ports: CheckPorts) => ValidationModule;

type CheckStanza = Omit<Extract<ValidationStanza, { kind: 'check' }>, 'at'>;

const checks: Readonly<Record<string, (stanza: ModuleInstance) => CheckStanza>> = {
  [spf.name]: (stanza) => {
    const settings = spfSettings(stanza);
    return { kind: 'check', settings, make: (ports) => new SpfModule(settings, ports) };
  },
  [fbl.name]: (stanza) => {
    const settings = fblSettings(stanza);
    return { kind: 'check', settings, make: (ports) => new FblModule(settings, ports) };
  },
  [dkimValidate.name]: (stanza) => {
    const settings = dkimValidateSettings(stanza);
    return { kind: 'check', settings, make: (ports) => new DkimValidateModule(ports) };
  },
  [openarc.name]: (stanza) => {
    const settings = arcSettings(stanza);
    return { kind: 'check', settings, make: (ports) => new OpenarcModule(ports), keyfile: settings.sealing?.keyfile };
  },
  [dmarc.name]: (stanza) => {
    const settings = dmarcSettings(stanza);
    return { kind: 'check', settings, make: (ports) => new DmarcModule(settings, ports) };
  },
};

/** The validation modules that are to run, in the order of the text (POL-04). Throws an Error that names the option to correct. */
export function validationStanzas(snapshot: Snapshot): ValidationStanza[] {
  const stanzas = [policy.name, ...Object.keys(checks)].flatMap((module) =>
    moduleInstances(snapshot, module).filter(({ isEnabled }) => isEnabled),
  );
  const listed = inOrderOfText(snapshot, stanzas).map((stanza): ValidationStanza => {
    const { instance, options, node } = stanza;
    const check = checks[node.scope.toLowerCase()];
    if (check !== undefined) return { ...check(stanza), at: node.at };
    const { file } = node.options.get('file')?.at ?? node.at;
    return { kind: 'policy', settings: policySettings({ instance, options, writtenIn: resolve(file) }), at: node.at };
  });
  return hasBounceDomains(snapshot.root) ? [...listed, oobStanza(snapshot)] : listed;
}

/** Looks no further than the last of them: at a change of the configuration a loop does this between two sessions, beside perhaps 20,000 scopes. */
function inOrderOfText(snapshot: Snapshot, stanzas: readonly ModuleInstance[]): readonly ModuleInstance[] {
  if (stanzas.length < 2) return stanzas;
  const byNode = new Map(stanzas.map((stanza) => [stanza.node, stanza]));
  const ordered: ModuleInstance[] = [];
  for (const node of snapshot.root.children.values()) {
    const stanza = byNode.get(node);
    if (stanza !== undefined) ordered.push(stanza);
    if (ordered.length === stanzas.length) break;
  }
  return ordered;
}

/** Bounces that come as mail are looked at after policy had its say. */
function oobStanza(snapshot: Snapshot): ValidationStanza {
  const [marks] = moduleInstances(snapshot, fbl.name).filter(({ isEnabled }) => isEnabled);
  const { headerName, tokenKey: key, trustsUnmarkedBounces: trustsUnmarked, autoLog } = fblSettings(marks ?? { options: {} });
  const mark = autoLog ? { headerName, key, trustsUnmarked } : undefined;
  const settings = { name: 'oob_bounces', debugLevel: 'WARNING', mark };
  return { kind: 'check', settings, make: ({ bounces, ...ports }) => new OobBounces(mark, { ...ports, ...bounces }), at: snapshot.root.at };
}

const timingModules: readonly string[] = [receptionTiming.name, receptionTimingLogger.name, chunkLogger.name];

/** Whether receptions are measured: the module, the one that writes its lines and a log for these all have to be there (SMTP-22). */
export function isReceptionTimed(snapshot: Snapshot): boolean {
  return timingModules.every((module) => moduleInstances(snapshot, module).some(({ isEnabled }) => isEnabled));
}

/** What is missing where somebody wants receptions to be measured. */
export function timingNotices(snapshot: Snapshot): string[] {
  const missing = timingModules.filter((module) => !moduleInstances(snapshot, module).some(({ isEnabled }) => isEnabled));
  if (missing.length === 0 || [receptionTiming.name, receptionTimingLogger.name].every((module) => missing.includes(module))) return [];
  return [`receptions are not timed: ${missing.join(' and ')} must be loaded, too`];
}

/** What modules say about loops, routes, DANE and TLS reports; undefined where no stanza does. */
export interface SendingSettings {
  readonly staticRoute: string | undefined;
  readonly mailLoop: MailLoopSettings | undefined;
  /** delay_dsn was not switched off. */
  readonly isDelayTold: boolean;
  readonly dane: DaneSettings | undefined;
  readonly tlsReports: TlsReportSettings | undefined;
}

/** In a loop. Throws an Error that names the option to correct. */
export function sendingSettings(snapshot: Snapshot): SendingSettings {
  const enabled = (module: string) => moduleInstances(snapshot, module).filter((stanza) => stanza.isEnabled);
  const targets = enabled(staticRoutes.name).map(({ options }) => staticTarget(options));
  const [guard] = enabled(mailLoop.name);
  const [tlsa] = enabled(dane.name);
  const [reports] = enabled(tlsRpt.name);
  return {
    staticRoute: targets.find((target) => target !== undefined),
    mailLoop: guard === undefined ? undefined : mailLoopSettings(guard.options),
    isDelayTold: isDelayTold(moduleInstances(snapshot, delayDsn.name)),
    dane: tlsa === undefined ? undefined : daneSettings(tlsa.options),
    tlsReports: reports === undefined ? undefined : tlsReportSettings(reports.options, (name) => isBindingOf(snapshot, name)),
  };
}

function arcSettings({ options }: ModuleInstance): OpenarcSettings {
  const { keyfile } = options;
  return openarcSettings({ options: typeof keyfile === 'string' && keyfile !== '' ? { ...options, keyfile: resolve(keyfile) } : options });
}

function isBindingOf({ root }: Snapshot, name: string): boolean {
  const groups = childrenNamed(root, 'Binding_Group');
  const bindings = [root, ...groups].flatMap((node) => childrenNamed(node, 'Binding'));
  return name === 'default' || [...groups, ...bindings].some(({ instance }) => instance === name);
}

/** One signature on what leaves: by whom, and the option of a recipient's scope that allows it. */
interface SignerStanza {
  readonly settings: ReturnType<typeof opendkimSettings>;
  readonly cache: KeyCacheSettings;
  readonly isOnBy: 'opendkimSign' | 'dkim';
}

const signerKinds = [
  { name: opendkim.name, scope: 'dkim_domain', read: opendkimSettings, isOnBy: 'opendkimSign' },
  { name: dkimSign.name, scope: 'dk_domain', read: dkimSignSettings, isOnBy: 'dkim' },
] as const;

/** What is put on top of mail that leaves. */
export interface SigningSetup {
  /** In the order of the text. */
  readonly signers: readonly SignerStanza[];
  /** Undefined: nothing is sealed. */
  readonly sealing: OpenarcSettings['sealing'];
}

/** In a loop. Throws an Error that names the option to correct. */
export function signingSetup(snapshot: Snapshot): SigningSetup {
  const [stanza] = moduleInstances(snapshot, openarc.name).filter(({ isEnabled }) => isEnabled);
  return { signers: signerStanzas(snapshot), sealing: stanza === undefined ? undefined : arcSettings(stanza).sealing };
}

function signerStanzas(snapshot: Snapshot): SignerStanza[] {
  const kinds = signerKinds.map((kind) => ({ kind, stanzas: moduleInstances(snapshot, kind.name).filter(({ isEnabled }) => isEnabled) }));
  if (kinds.every(({ stanzas }) => stanzas.length > 0)) throw new Error('opendkim and dkim_sign cannot both sign: take one of them out');
  return kinds.flatMap(({ kind, stanzas }) =>
    stanzas.map(({ instance, options, node }) => {
      const name = instance === undefined ? kind.name : `${kind.name}:${instance}`;
      const domains = childrenNamed(node, kind.scope).map((scope) => ({
        domain: scope.instance ?? '',
        options: Object.fromEntries([...scope.options.values()].map(({ key, value }) => [key, value])),
      }));
      return {
        settings: kind.read({
          name,
          options: withAbsoluteKey(options),
          domains: domains.map((d) => ({ ...d, options: withAbsoluteKey(d.options) })),
        }),
        cache: keyCacheSettings(options),
        isOnBy: kind.isOnBy,
      };
    }),
  );
}

function withAbsoluteKey<T extends Readonly<Record<string, unknown>>>(options: T): T {
  const { key } = options;
  return typeof key === 'string' && key !== '' ? { ...options, key: resolve(key) } : options;
}
