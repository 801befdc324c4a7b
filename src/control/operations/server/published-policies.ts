/*
 * `mta_sts list all`, `mta_sts show domain`, `mta_sts refresh policy`, and ours: `dane status`.
 *
 * The one rule: a loop knows the policies of the domains that it sends to; they are shown once, whoever knows them. Truth: the manual's page of mta_sts.
 */
import { answer, refusal, type Operation, type ServerPort } from '../operation.ts';
import { domainName } from '../queue/words.ts';

interface Shown {
  readonly id: string;
  readonly fetchedAt: number;
  readonly mode: string;
  readonly maxAge: number;
  readonly mx: readonly string[];
}

const list: Operation = {
  words: ['mta_sts', 'list', 'all'],
  usage: 'mta_sts list all',
  about: 'domains with an MTA-STS policy that is in force and in memory',
  async run(server) {
    const { answers, silent } = await server.askLoops('sts.list', undefined);
    const domains = [...new Set([...answers.values()].flatMap((one) => (one as readonly string[] | undefined) ?? []))].sort();
    return { ...answer([...domains, `Total domains: ${domains.length}`, ...silent].join('\n')), data: { domains } };
  },
};

const show: Operation = {
  words: ['mta_sts', 'show', 'domain'],
  usage: 'mta_sts show domain <domain>',
  about: 'the MTA-STS policy of a domain, as it is known',
  async run(server, args) {
    const domain = domainName(args[0] ?? '');
    if (args.length !== 1 || domain === undefined) return refusal(`usage: ${this.usage}`);
    const { newest, silent } = await policyOf(server, domain);
    if (newest === undefined) return answer([`Domain '${domain}' has no MTA-STS policy that is known`, ...silent].join('\n'));
    return { ...answer([...policyLines(server, domain, newest), ...silent].join('\n')), data: newest };
  },
};

async function policyOf(server: ServerPort, domain: string): Promise<{ newest: Shown | undefined; silent: readonly string[] }> {
  const { answers, silent } = await server.askLoops('sts.show', domain);
  const known = [...answers.values()].filter((one): one is Shown => one !== undefined);
  const [newest] = known.sort((a, b) => b.fetchedAt - a.fetchedAt);
  return { newest, silent };
}

function policyLines(server: ServerPort, domain: string, { id, fetchedAt, maxAge, mode, mx }: Shown): string[] {
  const refreshIn = Math.max(0, Math.round((fetchedAt + Math.min(86_400_000, maxAge * 500) - server.now()) / 1000));
  return [
    `Domain '${domain}' has MTA-STS TXT`,
    `        id: ${id}`,
    `        max_age: ${maxAge} seconds; refresh in ${refreshIn} seconds`,
    `        mode: ${mode}`,
    '        mxlist:',
    ...mx.map((pattern) => `               ${pattern}`),
  ];
}

/** The policy of a domain as `domain X` shows it; nothing where none is known. */
export async function stsPolicyLines(server: ServerPort, domain: string): Promise<string[]> {
  const { newest } = await policyOf(server, domain);
  return newest === undefined ? [] : policyLines(server, domain, newest);
}

const refresh: Operation = {
  words: ['mta_sts', 'refresh', 'policy'],
  usage: 'mta_sts refresh policy <domain>',
  about: 'fetch the MTA-STS policy of a domain now',
  async run(server, args) {
    const domain = domainName(args[0] ?? '');
    if (args.length !== 1 || domain === undefined) return refusal(`usage: ${this.usage}`);
    const { answers, silent } = await server.askLoops('sts.refresh', domain);
    const problem = [...answers.values()].find((one) => one !== '' && one !== undefined);
    if (problem !== undefined) return refusal([`MTA-STS policy for ${domain} was not refreshed: ${String(problem)}`, ...silent].join('\n'));
    return answer([`MTA-STS policy for ${domain} refreshed.`, ...silent].join('\n'));
  },
};

interface DaneAnswer {
  readonly state: 'off' | 'untested' | 'on' | 'unverified';
  readonly servers: readonly string[];
}

const stateWords: Readonly<Record<DaneAnswer['state'], string>> = {
  off: 'off: the configuration has no stanza dane { }',
  untested: 'on; the name servers have not answered the test yet',
  on: 'on: the name servers verify DNSSEC',
  unverified: 'off: a name server does not verify DNSSEC',
};

async function daneAnswer(server: ServerPort): Promise<{ first: DaneAnswer | undefined; silent: readonly string[] }> {
  const { answers, silent } = await server.askLoops('dane.state', undefined);
  const [first] = [...answers.values()] as (DaneAnswer | undefined)[];
  return { first, silent };
}

/** In words; undefined where the configuration has no DANE. */
export async function daneState(server: ServerPort): Promise<string | undefined> {
  const { first } = await daneAnswer(server);
  return first === undefined || first.state === 'off' ? undefined : stateWords[first.state];
}

const dane: Operation = {
  words: ['dane', 'status'],
  usage: 'dane status',
  about: 'whether DANE can be relied on: what the test of the name servers found',
  async run(server) {
    const { first, silent } = await daneAnswer(server);
    const lines = first === undefined ? [] : [`DANE is ${stateWords[first.state]}`, ...first.servers.map((line) => `  ${line}`)];
    return { ...answer([...lines, ...silent].join('\n')), data: first };
  },
};

export const publishedPolicyOperations: readonly Operation[] = [list, show, refresh, dane];
