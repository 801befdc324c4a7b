/*
 * Ours: `tls_rpt status`, `tls_rpt show domain`, `tls_rpt send`: what is gathered for TLS reports, and the end of the day when a person wants it.
 *
 * The one rule: loops are asked first to hand over what they counted, so that an answer is as of now. Truth: RFC 8460.
 */
import type { ReporterState } from '#policies';
import { answer, refusal, type Operation } from '../operation.ts';
import { domainName } from '../queue/words.ts';

type Server = Parameters<Operation['run']>[0];

const OFF = 'TLS reports are off: the configuration has no stanza tls_rpt { }';

/** The first loop alone has an answer; `silent` are lines about loops that gave none. */
async function ask(server: Server, question: string, args?: unknown): Promise<{ found: unknown; silent: readonly string[] }> {
  await server.askLoops('tls_rpt.gather', undefined);
  const { answers, silent } = await server.askLoops(question, args);
  return { found: [...answers.values()].find((one) => one !== undefined), silent };
}

const status: Operation = {
  words: ['tls_rpt', 'status'],
  usage: 'tls_rpt status',
  about: 'what is counted for TLS reports since the last ones, domains with most failures first, and what became of reports',
  async run(server) {
    const { found, silent } = await ask(server, 'tls_rpt.state');
    const state = found as ReporterState | undefined;
    if (state === undefined) return answer([OFF, ...silent].join('\n'));
    const { domains, sessions, failures, other, waiting, sent, unwanted, dropped, worst } = state;
    const lines = [
      `Since ${new Date(state.since).toISOString().replace(/\.\d{3}Z$/, 'Z')}: ${domains} domains, ${sessions} sessions, ${failures} of them failed`,
      ...(other === 0 ? [] : [`In no report, the table was full: ${other} sessions`]),
      `Reports: ${waiting} wait, ${sent} sent, ${unwanted} wanted by nobody, ${dropped} given up`,
      ...worst.map((one) => `  ${one.domain}: ${one.sessions} sessions, ${one.failures} failed`),
      ...(domains > worst.length ? [`  and ${domains - worst.length} more domains`] : []),
    ];
    return { ...answer([...lines, ...silent].join('\n')), data: state };
  },
};

const show: Operation = {
  words: ['tls_rpt', 'show', 'domain'],
  usage: 'tls_rpt show domain <domain>',
  about: 'the TLS report of a domain as it would be now',
  async run(server, args) {
    const domain = domainName(args[0] ?? '');
    if (args.length !== 1 || domain === undefined) return refusal(`usage: ${this.usage}`);
    const { found, silent } = await ask(server, 'tls_rpt.draft', domain);
    if (found === undefined) return answer([`Nothing is counted for a TLS report to ${domain}`, ...silent].join('\n'));
    return { ...answer([JSON.stringify(found, undefined, 2), ...silent].join('\n')), data: found };
  },
};

const send: Operation = {
  words: ['tls_rpt', 'send'],
  usage: 'tls_rpt send',
  about: 'end the period that is counted now, and send its TLS reports and those that wait at once; the next report begins here',
  async run(server) {
    const { found, silent } = await ask(server, 'tls_rpt.send');
    if (found === undefined) return refusal([OFF, ...silent].join('\n'));
    return { ...answer([`Reports to be sent: ${String(found)}`, ...silent].join('\n')), data: { reports: found } };
  },
};

export const tlsReportOperations: readonly Operation[] = [status, show, send];
