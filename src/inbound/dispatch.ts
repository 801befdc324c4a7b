/**
 * From a command to its verb: the one switch of a session.
 *
 * The one rule: it is exhaustive over what #smtp can parse, so a new command cannot be forgotten. What this session does not
 * offer is answered as not offered, whatever its form.
 * Not here: what a verb does (verbs/). Truth: SMTP-04, EXT-01.
 */
import { impossible } from '#base';
import { extensionOfParameter, replies, type Command, type CommandFault } from '#smtp';
import { beginTiming } from './reception-timing.ts';
import type { Session } from './session-types.ts';
import { auth } from './verbs/auth.ts';
import { bdat } from './verbs/bdat.ts';
import { data } from './verbs/data.ts';
import { hello } from './verbs/hello.ts';
import { mail } from './verbs/mail.ts';
import { rcpt } from './verbs/rcpt.ts';
import { help, noop, quit, rset, vrfy } from './verbs/small.ts';
import { xDumpContext, xSetContext } from './verbs/x-context.ts';
import { xClient, xRemoteIp } from './verbs/xclient.ts';
import { startTls } from './verbs/starttls.ts';

export function dispatch(s: Session, command: Command | CommandFault): void {
  switch (command.verb) {
    case 'EHLO':
    case 'HELO':
      return hello(s, command);
    case 'MAIL':
      return mail(s, command);
    case 'RCPT':
      return rcpt(s, command);
    case 'DATA':
      return data(s);
    case 'BDAT':
      return bdat(s, command);
    case 'RSET':
      return rset(s);
    case 'NOOP':
      return noop(s);
    case 'QUIT':
      return quit(s);
    case 'HELP':
      return help(s);
    case 'VRFY':
      return vrfy(s);
    case 'AUTH':
      return auth(s, command.argument);
    case 'STARTTLS':
      return startTls(s);
    case 'XCLIENT':
      return xClient(s, command.argument);
    case 'XREMOTEIP':
      return xRemoteIp(s, command.argument);
    case 'XSETCONTEXT':
      return xSetContext(s, command.argument);
    case 'XDUMPCONTEXT':
      return xDumpContext(s);
    case 'FAULT':
      return fault(s, command);
    case 'EXPN':
    case 'ETRN':
    case 'LHLO':
      return s.say(replies.unrecognizedCommand);
    default:
      return impossible(command, 'verb of a session');
  }
}

/** A line that is no command. It is recorded where it was about mail, or ends the connection: not for every typing error. */
function fault(s: Session, command: CommandFault): void {
  if (command.of === 'MAIL' && !s.transaction.isOpen) beginTiming(s);
  const extension = command.parameter === undefined ? undefined : extensionOfParameter(command.parameter);
  if (extension !== undefined && s.ports.isOfferedElsewhere(extension)) s.refuse(replies.notForYou);
  else if (command.of !== undefined && !isOffered(s, command.of)) s.say(replies.unrecognizedCommand);
  else if (command.close || command.of === 'MAIL' || command.of === 'RCPT') s.refuse(command.reply, { close: command.close });
  else s.say(command.reply);
}

/** Whether a verb may be wrong in its form: one that is not offered is not looked at. */
function isOffered(s: Session, verb: Command['verb']): boolean {
  switch (verb) {
    case 'STARTTLS':
      return s.rules.offered.startTls && !s.isSecured;
    case 'XDUMPCONTEXT':
      return s.rules.offered.trusted.has(verb);
    case 'EXPN':
      return false;
    default:
      return true;
  }
}
