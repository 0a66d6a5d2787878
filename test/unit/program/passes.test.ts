import { describe, expect, test } from 'vitest';
import { BlockBuilder, createNames } from '../../../compiler/5-program/builder.ts';
import { lowerProgram } from '../../../compiler/5-program/lower.ts';
import { removeDeadCode } from '../../../compiler/5-program/passes/dead-code.ts';
import { fold } from '../../../compiler/5-program/passes/fold.ts';
import { passes, runPasses } from '../../../compiler/5-program/passes/index.ts';
import { countOps } from '../../../compiler/5-program/passes/peel.ts';
import { straightCode } from '../../../compiler/5-program/passes/straight.ts';
import { closeBlock } from '../../../compiler/5-program/training.ts';
import { verify } from '../../../compiler/5-program/verify.ts';
import type { Program } from '../../../spec/program.ts';
import { parseProgram, printProgram } from '../../../spec/program-text.ts';
import {
  call,
  chain,
  initialise,
  randomInputs,
  readParameters,
  relativeError,
  tanh,
  trainTask,
} from '../../support/networks.ts';
import { openReference } from '../../support/reference.ts';

const methods = {
  il: call('learn.il', { steps: 6, rate: 0.1, momentum: 0 }),
  'il with momentum': call('learn.il', { steps: 6, rate: 0.1, momentum: 0.5 }),
  ipc: call('learn.ipc', { steps: 6, rate: 0.1, momentum: 0 }),
  z_il: call('learn.z_il'),
  fa_z_il: call('learn.fa_z_il'),
  nudged: call('learn.nudged', { steps: 6, rate: 0.1, momentum: 0, beta: 0.5, sign: 'centred' }),
  bp: call('learn.bp'),
};

function programFor(method: keyof typeof methods): Program {
  const graph = chain([7, 5, 4, 3], { act: tanh });
  const task = trainTask(graph, { method: methods[method], batch: 4, clamped: ['l0', 'l3'] });
  return lowerProgram(graph, task, [], { predictBatch: 4 });
}

async function trainThreeBatches(
  program: Program,
): Promise<{ weights: Map<string, Float64Array>; energies: number[] }> {
  const session = await openReference(program);
  await initialise(session, program, 1);
  const f = program.functions[0];
  if (!f) throw new Error('no function');
  const energies: number[] = [];
  for (let batch = 0; batch < 3; batch++) {
    const results = await session.run('train', randomInputs(f, batch), { batch, batches: 3 });
    for (const value of Object.values(results)) energies.push(...value);
  }
  return { weights: await readParameters(session, program), energies };
}

describe.each(Object.keys(methods) as (keyof typeof methods)[])('%s', (method) => {
  test('stays sound through every pass, and computes the same', async () => {
    const program = programFor(method);
    verify(program);
    expect(parseProgram(printProgram(program))).toEqual(program);
    const before = await trainThreeBatches(program);
    const states: Program[] = [];
    runPasses(program, (pass, after) => {
      expect(() => verify(after), pass.name).not.toThrow();
      expect(parseProgram(printProgram(after)), pass.name).toEqual(after);
      states.push(after);
    });
    for (const [i, after] of states.entries()) {
      const now = await trainThreeBatches(after);
      expect(relativeError(now.energies, before.energies), passes[i]?.name).toBeLessThan(1e-11);
      for (const [name, weight] of before.weights)
        expect(relativeError(now.weights.get(name) ?? [], weight), `${passes[i]?.name} ${name}`).toBeLessThan(1e-11);
    }
  });

  test('the passes make no program longer than its ticks written out', () => {
    const program = programFor(method);
    const after = runPasses(program);
    const f = program.functions[0];
    const g = after.functions[0];
    if (!f || !g) throw new Error('no function');
    const unrolled = f.blocks.reduce((sum, b) => sum + b.ops.length * b.repeat, 0);
    expect(countOps(g)).toBeLessThan(unrolled);
  });
});

test('a selection between zeros and a value leaves neither where its condition is known', () => {
  const program = runPasses(
    parseProgram(`program choosing

function f batch 1
  input x : f32[2, 3] = x
  input y : f32[2, 3] = y
  block start from 0
    %zero = constant(value=0) : [] @0
    %none = select(%zero, x, %zero) : [2, 3] @1
    %same = sub(y, %none) : [2, 3] @2
    %error = sub(%same, y) : [2, 3] @3
  result error = %error
`),
  );
  const ops = program.functions.flatMap((f) => f.blocks.flatMap((b) => b.ops.map(({ op }) => op)));
  expect(new Set(ops)).toEqual(new Set(['constant', 'broadcast']));
});

test('a selection between a number and the same number is that number, whatever the condition', () => {
  const program = runPasses(
    parseProgram(`program choosing

function f batch 1
  input x : f32[2, 3] = x
  block start from 0
    %zero = constant(value=0) : [] @0
    %wide = broadcast(%zero, shape=[2,3]) : [2, 3] @1
    %chosen = select(x, %wide, %zero) : [2, 3] @2
    %product = matmul(%chosen, x, tb=true) : [2, 2] @3
  result product = %product
`),
  );
  const ops = program.functions.flatMap((f) => f.blocks.flatMap((b) => b.ops.map(({ op }) => op)));
  expect(new Set(ops)).toEqual(new Set(['constant', 'broadcast']));
});

test('a node or link computes nothing twice, and zeros of both signs stay apart', () => {
  const builder = new BlockBuilder(createNames());
  const x = { id: 'x', shape: [3] };
  builder.origin = 'node a';
  const first = builder.op('exp', [x]);
  expect(builder.op('exp', [x])).toEqual(first);
  expect(builder.op('sum', [x], { axes: [0] })).not.toEqual(builder.op('sum', [x], { axes: [0], keep: true }));
  expect(builder.constant(-0)).not.toEqual(builder.constant(0));
  builder.origin = 'node b';
  expect(builder.op('exp', [x])).not.toEqual(first);
});

test('a last tick that is written out does not work out again what the sweep before it has', () => {
  const program = parseProgram(`program last

function f batch 2
  input x : f32[2, 4] = x
  block start from 0
    %zero = constant(value=0) : [] @0
    %none = broadcast(%zero, shape=[2,4]) : [2, 4] @1
    %first = tanh(x) : [2, 4] @2
  block tick from 3
    carry in:d : [2, 4] = %none -> %next => out:d
    %z = add(x, in:d) : [2, 4] @3
    %mu = tanh(%z) : [2, 4] @4
    %e = sub(%mu, %first) : [2, 4] @5
    %moved = sub(%mu, %e) : [2, 4] @6
    %next = add(in:d, %moved) : [2, 4] @7
  result r = out:d
`);
  const [f] = program.functions;
  if (!f) throw new Error('no function');
  const straight = straightCode(f, new Map());
  const ops = straight.blocks.flatMap((block) => block.ops);
  expect(ops.map((op) => op.op)).toEqual(['tanh']);
  expect(straight.results).toEqual([{ name: 'r', value: ops[0]?.id }]);
});

describe('gradients of parts that lie side by side', () => {
  const inputs = [2, 3, 1].map((size, i) => ({ id: `x${i}`, field: `x${i}`, type: 'f32' as const, shape: [4, size] }));

  /** Operations that are left of a sum of `x0`, `x1` and `x2` with so many zeros before each, in this order. */
  function sumOf(before: readonly number[], order: readonly number[]): string[] {
    const builder = new BlockBuilder(createNames());
    const parts = inputs.map(({ id, shape }, i) => {
      const zeros = before[i] ?? 0;
      return builder.op('pad', [{ id, shape }], { axis: 1, before: zeros, after: 7 - zeros - (shape[1] ?? 0) });
    });
    const [first, ...others] = order.flatMap((i) => parts[i] ?? []);
    if (!first) throw new Error('no parts');
    const sum = others.reduce((all, part) => builder.op('add', [all, part]), first);
    const blocks = [closeBlock(builder, 'start')];
    const results = [{ name: 'sum', value: sum.id }];
    const f = { name: 'f', role: 'train', batch: 4, inputs, blocks, updates: [], results } as const;
    return removeDeadCode(fold(f, new Map())).blocks.flatMap((b) => b.ops.map((op) => `${op.op} ${op.args.join(' ')}`));
  }

  test('are joined, in whatever order they are added', () => {
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [0, 2, 1],
    ])
      expect(sumOf([1, 3, 6], order)[0]).toBe('concatenate x0 x1 x2');
    expect(sumOf([1, 3, 6], [0, 1, 2])).toHaveLength(2);
  });

  test('are added where they lie over or away from each other', () => {
    expect(sumOf([0, 1, 5], [0, 1, 2]).filter((op) => op.startsWith('pad'))).toHaveLength(3);
  });
});
