/**
 * Modules in their phases.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { PhaseRunner } from './phase-runner.ts';
import type { Phase } from './phases.ts';
import { ValidationContext } from './validation-context.ts';
import type { HookView, LaterAnswer, PhaseHook, ValidationModule } from './validation-module.ts';
import { CONTINUE, DONE, type PlainVerdict, type Verdict } from './verdict.ts';

const REFUSED: PlainVerdict = { kind: 'reject', reply: { code: 550, text: 'no' } };

function module(name: string, hook: PhaseHook, phase: Phase = 'rcptto'): ValidationModule {
  return { name, hooks: { [phase]: hook } };
}

function runner(
  modules: readonly ValidationModule[],
  o: { waitingMax?: number } = {},
): { run: PhaseRunner; clock: ManualClock; wheel: TimerWheel; panics: string[] } {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const panics: string[] = [];
  const run = new PhaseRunner({ modules, wheel, panic: { log: (_l, _s, text) => void panics.push(text) }, deadlineMs: 1000, ...o });
  return { run, clock, wheel, panics };
}

function view(phase: Phase = 'rcptto'): HookView {
  const connection = { id: 'x', remoteIp: '192.0.2.1', remotePort: 1, localIp: '192.0.2.2', localPort: 25, protocol: 'esmtp', helo: '' };
  return { phase, context: new ValidationContext(), connection };
}

function ask(run: PhaseRunner, seen: HookView = view()): string[] {
  const answers: string[] = [];
  run.run(seen, (verdict, name) => answers.push(`${verdict.kind} ${name}`.trim()));
  return answers;
}

test('Modules are asked in the order of declaration until one decides (POL-02, POL-04, POL-22)', () => {
  const asked: string[] = [];
  const says = (name: string, verdict: Verdict): ValidationModule =>
    module(name, () => {
      asked.push(name);
      return verdict;
    });
  const { run } = runner([says('a', CONTINUE), says('b', REFUSED), says('c', CONTINUE)]);
  assert.deepEqual(ask(run), ['reject b']);
  assert.deepEqual(asked, ['a', 'b']);
  assert.deepEqual(ask(runner([says('a', DONE), says('b', REFUSED)]).run), ['done a']);
  assert.deepEqual(ask(runner([]).run), ['continue']);
});

test('A phase that nobody hooks is known to be free (POL-01)', () => {
  const { run } = runner([module('a', () => CONTINUE)]);
  assert.equal(run.has('rcptto'), true);
  assert.equal(run.has('data'), false);
  assert.deepEqual(ask(run, view('data')), ['continue']);
});

test('A module may answer in a later turn, or within its own call, and counts once (POL-02)', () => {
  let later: LaterAnswer = () => undefined;
  const slow = module('slow', (_view, answer) => {
    later = answer;
    return 'later';
  });
  const { run, wheel } = runner([slow, module('b', () => DONE)]);
  const answers = ask(run);
  assert.deepEqual([answers, run.waiting], [[], 1]);
  later(CONTINUE);
  later(REFUSED);
  assert.deepEqual([answers, run.waiting, wheel.size], [['done b'], 0, 0]);
  const early = module('early', (_view, answer) => {
    answer(REFUSED);
    return 'later';
  });
  assert.deepEqual(ask(runner([early]).run), ['reject early']);
});

test('A module that is late, throws, or comes when too many wait counts as a refusal for now, never as yes (POL-20)', () => {
  const never = module('never', () => 'later');
  const { run, clock, wheel, panics } = runner([never, module('b', () => assert.fail('not asked'))], { waitingMax: 1 });
  const first = ask(run);
  const second = ask(run);
  assert.deepEqual(second, ['reject never']);
  clock.advance(1100);
  wheel.advance();
  assert.deepEqual([first, run.waiting], [['reject never'], 0]);
  assert.match(panics[0] ?? '', /never: rcptto did not answer within 1000 ms/);
  const broken = module('broken', () => {
    throw new Error('boom');
  });
  const other = runner([broken]);
  let code = 0;
  other.run.run(view(), (verdict) => {
    code = verdict.kind === 'reject' ? verdict.reply.code : 0;
  });
  assert.equal(code, 451);
  assert.match(other.panics[0] ?? '', /broken: rcptto failed: boom/);
});

test('A bypassed module is not asked (LSN-13)', () => {
  const { run } = runner([module('spf_v1', () => REFUSED), module('b', () => DONE)]);
  const seen = view();
  seen.context.setConnection('__bypass_spf_v1', 'true');
  assert.deepEqual(ask(run, seen), ['done b']);
  seen.context.setConnection('__bypass_spf_v1', 'false');
  assert.deepEqual(ask(run, seen), ['reject spf_v1']);
});

test('Thousands of modules that answer at once need no stack', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => module(`m${i}`, () => CONTINUE));
  assert.deepEqual(ask(runner(many).run), ['continue']);
});

test('A tarpit lets the peer wait and then counts as what it says; the next module is asked when it says nothing (POL-07)', () => {
  const asked: string[] = [];
  const slow = (verdict: PlainVerdict): ValidationModule => module('slow', () => ({ kind: 'tarpit', ms: 5000, verdict }));
  const next = module('b', () => {
    asked.push('b');
    return DONE;
  });
  const { run, clock, wheel } = runner([slow({ kind: 'continue' }), next]);
  const answers = ask(run);
  clock.advance(4000);
  wheel.advance();
  assert.deepEqual([answers, asked, run.waiting], [[], [], 1], 'not bound by the deadline of an answer');
  clock.advance(2000);
  wheel.advance();
  assert.deepEqual([answers, asked, run.waiting], [['done b'], ['b'], 0]);
  const refused = runner([slow(REFUSED), next], { waitingMax: 1 });
  const [first, second] = [ask(refused.run), ask(refused.run)];
  assert.deepEqual([first, second], [[], ['reject slow']], 'as many wait as may');
  refused.clock.advance(6000);
  refused.wheel.advance();
  assert.deepEqual(first, ['reject slow']);
});

test('Other modules are in force from the next phase on; a phase that has begun ends with its own', () => {
  let later: LaterAnswer = () => undefined;
  const old = module('old', (_view, answer) => {
    later = answer;
    return 'later';
  });
  const { run } = runner([old, module('old2', () => DONE)]);
  const before = ask(run);
  run.replace([module('new', () => REFUSED)]);
  assert.deepEqual(ask(run), ['reject new']);
  later(CONTINUE);
  assert.deepEqual(before, ['done old2']);
  run.replace([]);
  assert.equal(run.has('rcptto'), false);
});
