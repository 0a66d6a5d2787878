/** A plan's list and its program speak of the same: each place where they may not, changed on either side. */
import { describe, expect, test } from 'vitest';
import { agreementProblem } from '../../../runtime/plan/agreement.ts';
import type { Plan } from '../../../spec/plan.ts';
import type { Program } from '../../../spec/program.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { makePlan } from './make-plan.ts';

const { plan, files } = makePlan();
const [shard] = plan.shards;
if (!shard) throw new Error('the plan has no shard');
const program = parseProgram(new TextDecoder().decode(files.get(shard.program)));

type Training = NonNullable<Plan['training']>;
const training = (change: Partial<Training>): Plan => ({
  ...plan,
  ...(plan.training ? { training: { ...plan.training, ...change } } : {}),
});
const predictions = (change: (p: Plan['predictions'][number]) => Plan['predictions'][number]): Plan => ({
  ...plan,
  predictions: plan.predictions.map(change),
});
const without = (name: (f: string) => boolean): Program => ({
  ...program,
  functions: program.functions.filter((f) => !name(f.name)),
});

test('a plan agrees with the program that it was made from', () => {
  expect(agreementProblem(plan, shard, program)).toBeUndefined();
});

describe('a plan does not agree', () => {
  const [first, ...others] = shard.parameters;
  if (!first) throw new Error('the plan has no parameters');
  test.each([
    [
      'with a parameter too many',
      { ...shard, parameters: [...shard.parameters, { ...first, name: 'more' }] },
      'no parameter more',
    ],
    ['with a parameter too few', { ...shard, parameters: others }, 'parameters that the plan does not name'],
    [
      'with a parameter of another shape',
      { ...shard, parameters: [{ ...first, shape: [...first.shape, 2] }, ...others] },
      `no parameter ${first.name}`,
    ],
  ])('%s', (_what, changed, words) => {
    expect(agreementProblem(plan, changed, program)).toContain(words);
  });

  test.each<[string, Plan, Program, string]>([
    ['with a program that trains nothing', plan, without((f) => f === 'train'), 'no function `train`'],
    ['with another batch of training', training({ batch: 7 }), program, 'the plan says 7'],
    ['with a field less in training', training({ inputs: [] }), program, '`train` takes'],
    [
      'with a field of another type in training',
      training({ inputs: (plan.training?.inputs ?? []).map((f) => ({ ...f, type: f.type === 'u8' ? 'i32' : 'u8' })) }),
      program,
      '`train` does not take',
    ],
    [
      'with a field of another shape in training',
      training({ inputs: (plan.training?.inputs ?? []).map((f) => ({ ...f, shape: [...f.shape, 3] })) }),
      program,
      '`train` does not take',
    ],
    [
      'with a program that predicts nothing',
      plan,
      without((f) => f.startsWith('predict.')),
      'it has no function `predict.',
    ],
    [
      'with another batch of a prediction',
      predictions((p) => ({ ...p, batch: p.batch + 1 })),
      program,
      'takes batches of',
    ],
    [
      'with a read that the program does not give',
      predictions((p) => ({ ...p, reads: p.reads.map((r) => ({ ...r, name: 'nothing' })) })),
      program,
      'does not give nothing',
    ],
    [
      'with a check of a read that does not exist',
      { ...plan, checks: plan.checks.map((c) => ({ ...c, read: 'nothing' })) },
      program,
      'is of a read that does not exist',
    ],
    [
      'with a check of a task that does not exist',
      { ...plan, checks: plan.checks.map((c) => ({ ...c, task: 'nothing' })) },
      program,
      'is of a read that does not exist',
    ],
  ])('%s', (_what, changed, other, words) => {
    expect(agreementProblem(changed, shard, other)).toContain(words);
  });
});

test('a plan of several shards agrees by its schedules, not by its list of calls', () => {
  const cut = { ...shard, schedule: 'shards/0/schedule.json' };
  expect(agreementProblem(training({ batch: 7 }), cut, program)).toBeUndefined();
  expect(agreementProblem(plan, { ...cut, parameters: [] }, program)).toContain('parameters that the plan');
});
