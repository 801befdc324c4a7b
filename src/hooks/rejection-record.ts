/**
 * The line of the reject log about a message that a module refused or dropped after its body was here.
 *
 * The one rule: it has what a refusal in the dialogue has (SMTP-21), so both are read by the same tools. Not here: the format (ec_logger).
 */
import { contextPairs, type RejectionRecord } from '#observe';
import { replyText, type Reply } from '#smtp';
import type { HookView } from './validation-module.ts';

interface Dropped {
  readonly at: number;
  readonly phase: string;
  readonly reply: Reply;
  readonly module: string;
}

export function rejectionRecord({ connection, context }: Pick<HookView, 'connection' | 'context'>, o: Dropped): RejectionRecord {
  return {
    kind: 'J',
    at: o.at,
    remoteIp: connection.remoteIp,
    remotePort: connection.remotePort,
    localIp: connection.localIp,
    localPort: connection.localPort,
    connectionId: connection.id,
    pathway: context.connection.get('pathway') ?? 'default',
    pathwayGroup: context.connection.get('pathway_group') ?? 'default',
    phase: o.phase,
    code: o.reply.code,
    module: o.module,
    contextConnection: contextPairs(context.connection),
    contextMessage: contextPairs(context.message),
    text: replyText(o.reply),
  };
}
