/**
 * From a command to its verb: the one switch of a session.
 *
 * The one rule: it is exhaustive over what #smtp can parse, so a new command cannot be forgotten. What no listener offers yet
 * (AUTH, STARTTLS, the X extensions) is answered as not offered; its arm is its place.
 * Not here: what a verb does (verbs/). Truth: SMTP-04, EXT-01.
 */
import { impossible } from '#base';
import { replies, type Command, type CommandFault } from '#smtp';
import type { Session } from './session-types.ts';
import { bdat } from './verbs/bdat.ts';
import { data } from './verbs/data.ts';
import { hello } from './verbs/hello.ts';
import { mail } from './verbs/mail.ts';
import { rcpt } from './verbs/rcpt.ts';
import { help, noop, quit, rset, vrfy } from './verbs/small.ts';

/** Verbs whose form does not matter, since no listener offers them. */
const NOT_OFFERED: ReadonlySet<string> = new Set(['STARTTLS', 'XDUMPCONTEXT', 'EXPN']);

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
    case 'FAULT':
      return fault(s, command);
    case 'EXPN':
    case 'ETRN':
    case 'LHLO':
    case 'AUTH':
    case 'STARTTLS':
    case 'XCLIENT':
    case 'XREMOTEIP':
    case 'XSETCONTEXT':
    case 'XDUMPCONTEXT':
      return s.say(replies.unrecognizedCommand);
    default:
      return impossible(command, 'verb of a session');
  }
}

/** A line that is no command. It is recorded where it was about mail, or ends the connection: not for every typing error. */
function fault(s: Session, command: CommandFault): void {
  if (command.of !== undefined && NOT_OFFERED.has(command.of)) s.say(replies.unrecognizedCommand);
  else if (command.close || command.of === 'MAIL' || command.of === 'RCPT') s.refuse(command.reply, { close: command.close });
  else s.say(command.reply);
}
