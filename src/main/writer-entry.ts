/*
 * The log writer's thread: hears record batches and panic lines of all threads, hands them to the loggers of the configuration.
 *
 * The one rule: it is told what to do by main (reopen, new loggers, last lines) and never reads the configuration's files itself.
 * Not here: formats (logger modules), files (observe).
 */
import { systemClock, TimerWheel } from '#base';
import { LoopLink } from '#loops';
import { systemLogFs, Writer, writerRoom, type Level } from '#observe';
import { BounceRules } from './bounce-rules.ts';
import { makeLoggers, makeSchemes, type LoggerStanza, type SchemeSetup } from './loggers.ts';
import { writerControlRoom, type WriterAnswer, type WriterBirth, type WriterOrder } from './messages.ts';

const link = await LoopLink.whenBorn();
const birth = link.data as WriterBirth;
const wheel = new TimerWheel({ clock: systemClock });
wheel.start();

const loggers = (stanzas: readonly LoggerStanza[], schemes: SchemeSetup) => (ports: Parameters<typeof makeLoggers>[1]) => {
  ports.files.useSchemes(makeSchemes(schemes));
  return makeLoggers(stanzas, ports);
};

const panicOf: { tell?: (text: string) => void } = {};
const bounces = new BounceRules(birth.bounces, { clock: systemClock, timers: wheel, tell: (text) => panicOf.tell?.(text) });

const writer = new Writer({
  clock: systemClock,
  timers: wheel,
  fs: systemLogFs,
  classify: (reply, domain) => bounces.reply(reply, domain),
  loggers: loggers(birth.stanzas, birth.schemes),
  stderr: {
    write: (text) => birth.isQuiet || process.stderr.write(text),
    timestampFormat: birth.timestampFormat,
    lowest: 'ERROR' satisfies Level,
  },
});

panicOf.tell = (text) => writer.ports.panic.announce('WARNING', 'LOG1', text);

link.onMessage(writerRoom, (message) => writer.handle(message));
link.onRequest(writerControlRoom, (message, _from, answer) => {
  const order = message as WriterOrder;
  const done: WriterAnswer = { problems: [], lines: [] };
  switch (order.kind) {
    case 'reopen':
      return answer.answer({ ...done, ...writer.reopen() });
    case 'loggers':
      bounces.use(order.bounces);
      writer.replaceLoggers(loggers(order.stanzas, order.schemes));
      return answer.answer(done);
    case 'last-panics':
      return answer.answer({ ...done, lines: writer.lastPanics() });
    case 'bounce-rules':
      return answer.answer({ ...done, problems: bounces.reload() });
    case 'bounce-class': {
      const { code, name, rule } = bounces.reply(order.reply, order.domain);
      return answer.answer({ ...done, text: `${code} ${name}\n${rule ?? 'no rule fits'}` });
    }
  }
});
link.onStop((_graceMs, done) => {
  writer.close();
  bounces.close();
  wheel.stop();
  done();
});
link.ready();
