/** Means over a batch, through which derivatives go, and running ones in predictions (equations 2c and 6c). */
import { describe, expect, test } from 'vitest';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { pipelineProblem } from '../../compiler/5-program/pipeline.ts';
import { buildProgram } from '../../compiler/compile.ts';
import type { FieldData, Tensor } from '../../runtime/device/device.ts';
import { memberStates, type Program } from '../../spec/program.ts';
import { checked, checkSource } from '../support/check-source.ts';
import { openCpu } from '../support/cpu.ts';
import { openReference } from '../support/reference.ts';
import { runOnce, trainProgram } from '../support/run-program.ts';
import { compileText, type Outcome, runShards, runWhole, splitRandomly, splitTiled } from '../support/shards.ts';
import { fieldNumbers } from '../support/small-training.ts';
import { openWebGpu } from '../support/webgpu.ts';

const [IN, WIDE, OUT, BATCH, TICKS, GAMMA, ALPHA, SHARE] = [4, 3, 2, 6, 3, 0.2, 0.3, 0.25];

interface Written {
  readonly method?: string;
  readonly nodes?: string;
  readonly links?: string;
  readonly batch?: number;
}

function text({
  method = `learn.il(steps = ${TICKS}, rate = ${GAMMA})`,
  nodes = `node h: f32[${WIDE}]\n  node n: f32[${WIDE}] = nodes.batch_normalized(share = ${SHARE})`,
  links = 'link x -> h = links.dense(bias = false)\n  link h -> n = links.identity()\n  link n -> y = links.dense(bias = false)',
  batch = BATCH,
}: Written = {}): string {
  return `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense x: f32[${IN}]
  ${nodes}
  node y: f32[${OUT}]
  ${links}
}
train t of m on data.file("x.npz", x = f32[${IN}], y = f32[${OUT}]) {
  clamp x = sample.x
  clamp y = sample.y
  method = ${method}
  optimizer = learn.sgd(rate = ${ALPHA})
  batch = ${batch}
  epochs = 1
}
predict p of m {
  clamp x = input.x
  read z = y
}
`;
}

function built(source: string): { readonly lowered: Program; readonly passed: Program } {
  const all = checked(source);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  const { lowered } = buildProgram({ checked: all, model: task.model, task, predicts: all.predicts });
  return { lowered, passed: runPasses(lowered) };
}

const only = (program: Program, name: string): Program => ({
  ...program,
  functions: program.functions.filter((f) => f.name === name),
});

const times = (w: readonly number[], v: readonly number[]): number[] =>
  Array.from({ length: w.length / v.length }, (_, i) =>
    v.reduce((sum, x, j) => sum + x * (w[i * v.length + j] as number), 0),
  );
const back = (w: readonly number[], e: readonly number[]): number[] => {
  const width = w.length / e.length;
  return Array.from({ length: width }, (_, j) => e.reduce((sum, x, i) => sum + x * (w[i * width + j] as number), 0));
};
const join = (a: readonly number[], b: readonly number[], f: (x: number, y: number) => number): number[] =>
  a.map((x, i) => f(x, b[i] as number));
const mean = (rows: readonly (readonly number[])[]): number[] =>
  (rows[0] ?? []).map((_, i) => rows.reduce((sum, row) => sum + (row[i] as number) / rows.length, 0));
const outer = (a: readonly number[], b: readonly number[]): number[] => a.flatMap((x) => b.map((y) => x * y));

type Weights = Readonly<Record<'first' | 'second' | 'scale' | 'offset' | 'center' | 'variance', number[]>>;
const NAMES: Readonly<Record<keyof Weights, string>> = {
  first: 'x->h.w',
  second: 'n->y.w',
  scale: 'n.scale',
  offset: 'n.offset',
  center: 'n.running0',
  variance: 'n.running1',
};

const weightsIn = (states: ReadonlyMap<string, Tensor>): Weights =>
  Object.fromEntries(Object.entries(NAMES).map(([key, name]) => [key, [...(states.get(name) ?? [])]])) as Weights;

const rowsOf = (data: FieldData | undefined, width: number): number[][] =>
  Array.from({ length: (data?.length ?? 0) / width }, (_, s) => [...(data ?? [])].slice(s * width, (s + 1) * width));

/** The mean and the variance of a batch, and what is normalised by them. */
function normalised(rows: readonly (readonly number[])[]) {
  const center = mean(rows);
  const variance = mean(rows.map((row) => join(row, center, (v, m) => (v - m) ** 2)));
  const deviation = variance.map((v) => Math.sqrt(v + 1e-5));
  const even = rows.map((row) =>
    join(
      join(row, center, (v, m) => v - m),
      deviation,
      (v, s) => v / s,
    ),
  );
  return { center, variance, deviation, even };
}

/** Backward through the normalisation of a batch (Ioffe and Szegedy 2015, section 3). */
function through({ even, deviation }: ReturnType<typeof normalised>, sent: readonly (readonly number[])[]): number[][] {
  const [all, along] = [mean(sent), mean(sent.map((row, s) => join(row, even[s] as number[], (a, b) => a * b)))];
  return sent.map((row, s) =>
    row.map((v, i) => {
      const left = v - (all[i] as number) - (even[s]?.[i] as number) * (along[i] as number);
      return left / (deviation[i] as number);
    }),
  );
}

/** One batch of inference learning. */
function batchByHand(weights: Weights, fields: Readonly<Record<string, FieldData>>): Weights {
  const [x, y] = [rowsOf(fields.x, IN), rowsOf(fields.y, OUT)];
  const { first, second, scale, offset } = weights;
  const mu = x.map((row) => times(first, row));
  const at = (z: readonly (readonly number[])[]) => {
    const state = normalised(z);
    const n = state.even.map((row) => row.map((v, i) => v * (scale[i] as number) + (offset[i] as number)));
    const missed = n.map((row, s) => join(y[s] as number[], times(second, row), (a, b) => a - b));
    const sent = missed.map((row) => back(second, row));
    return { state, n, missed, sent };
  };
  let z = mu;
  for (let tick = 0; tick < TICKS; tick++) {
    const { state, sent } = at(z);
    const pulled = through(
      state,
      sent.map((row) => join(row, scale, (v, g) => v * g)),
    );
    z = z.map((row, s) => row.map((v, i) => v + GAMMA * ((mu[s]?.[i] as number) - v + (pulled[s]?.[i] as number))));
  }
  const { state, n, missed, sent } = at(z);
  const moved = (old: readonly number[], of: (s: number) => number[]): number[] =>
    join(old, mean(x.map((_, s) => of(s))), (w, g) => w + ALPHA * g);
  const swept = normalised(mu);
  const renewed = (old: readonly number[], now: readonly number[]): number[] =>
    join(old, now, (r, m) => r + SHARE * (m - r));
  return {
    first: moved(first, (s) =>
      outer(
        join(z[s] as number[], mu[s] as number[], (a, b) => a - b),
        x[s] as number[],
      ),
    ),
    second: moved(second, (s) => outer(missed[s] as number[], n[s] as number[])),
    scale: moved(scale, (s) => join(sent[s] as number[], state.even[s] as number[], (e, v) => e * v)),
    offset: moved(offset, (s) => sent[s] as number[]),
    center: renewed(weights.center, swept.center),
    variance: renewed(weights.variance, swept.variance),
  };
}

/** Of all states, the elements of arrays by their own names. */
function memberValues(program: Program, { states }: Pick<Outcome, 'states'>): Map<string, Tensor> {
  return new Map(
    program.states.flatMap((state) => {
      const values = states.get(state.id) ?? new Float64Array();
      const members = state.members ? memberStates(state) : [state];
      const size = values.length / members.length;
      return members.map(({ id }, i) => [id, values.slice(i * size, (i + 1) * size)] as const);
    }),
  );
}

describe('batch normalisation', () => {
  const { passed } = built(text());
  const train = only(passed, 'train');

  test.each([
    ['reference', 1e-12, openReference],
    ['cpu', 1e-5, openCpu],
    ['webgpu', 1e-5, openWebGpu],
  ] as const)('normalises by the batch, and moves running means with the weights: %s', async (_, bound, open) => {
    const { states: before } = await trainProgram(openReference, train, 0);
    const [f] = train.functions;
    if (!f) throw new Error('no training');
    let wanted = weightsIn(before);
    for (let batch = 0; batch < 3; batch++) wanted = batchByHand(wanted, fieldNumbers(f, batch));
    const { states } = await trainProgram(open, train, 3);
    for (const [key, found] of Object.entries(weightsIn(states)))
      for (const [i, w] of wanted[key as keyof Weights].entries())
        expect(Math.abs((found[i] as number) - w), `${key} ${i}`).toBeLessThan(bound);
  });

  test('predictions take the running means', async () => {
    const { states } = await trainProgram(openReference, train, 2);
    const { first, second, scale, offset, center, variance } = weightsIn(states);
    const predict = only(passed, 'predict.p');
    const [f] = predict.functions;
    if (!f) throw new Error('no prediction');
    const inputs = fieldNumbers(f, 5);
    const { z } = await runOnce(openReference, predict, { inputs, states });
    rowsOf(inputs.x, IN)
      .slice(0, 5)
      .forEach((x, s) => {
        const n = times(first, x).map(
          (v, i) =>
            ((v - (center[i] as number)) / Math.sqrt((variance[i] as number) + 1e-5)) * (scale[i] as number) +
            (offset[i] as number),
        );
        times(second, n).forEach((v, i) => {
          expect(z?.[s * OUT + i]).toBeCloseTo(v, 10);
        });
      });
  });

  test('a frozen node is what it is in predictions, and stays so', async () => {
    const frozen = only(built(text().replace('epochs = 1', 'epochs = 1\n  frozen = [n]')).passed, 'train');
    const begin = await trainProgram(openReference, frozen, 0);
    const { states } = await trainProgram(openReference, frozen, 2);
    for (const name of ['n.running0', 'n.running1', 'n.scale'])
      expect(states.get(name), name).toEqual(begin.states.get(name));
    expect(states.get('n->y.w')).not.toEqual(begin.states.get('n->y.w'));
    const sums = frozen.functions.flatMap((f) => f.blocks.flatMap((b) => b.ops.filter((op) => op.origin === 'node n')));
    expect(sums.filter(({ op, attributes }) => op === 'sum' && String(attributes.axes) === '0')).toEqual([]);
  });

  test('backpropagation and fixed prediction take the same step', async () => {
    const [bp, fixed] = await Promise.all(
      ['learn.bp()', 'learn.fixed_prediction()'].map((method) =>
        trainProgram(openReference, only(built(text({ method })).passed, 'train'), 2),
      ),
    );
    for (const [id, values] of bp?.states ?? [])
      for (const [i, v] of values.entries()) expect(fixed?.states.get(id)?.[i], `${id} ${i}`).toBeCloseTo(v, 12);
  });

  test.each([
    ['a vector', text()],
    [
      'a picture',
      text({
        nodes: `node h: f32[2, 3, 4]\n  node n: f32[2, 3, 4] = nodes.batch_normalized()`,
      }),
    ],
    ['incremental', text({ method: 'learn.ipc(steps = 2, rate = 0.1)' })],
  ])('is the same over shards and tiles: %s', async (_, source) => {
    const compiled = compileText(source);
    const whole = await runWhole(compiled.program);
    for (const split of [splitRandomly(compiled, 3, 1), splitTiled(compiled, 3, 2)]) {
      const { states } = await runShards(compiled.program, split);
      for (const [id, values] of whole.states)
        for (const [i, v] of values.entries()) expect(states.get(id)?.[i], `${id} ${i}`).toBeCloseTo(v, 10);
    }
  });

  test('the elements of an array have means of their own', async () => {
    const source = text({
      nodes: `node n[4]: f32[${WIDE}] = nodes.batch_normalized(shift = false)`,
      links: 'link x -> n[*] = links.dense()\n  link n[*] -> y = links.dense()',
    });
    const { lowered, passed } = built(source);
    const wanted = memberValues(lowered, await runWhole(lowered));
    const found = memberValues(passed, await runWhole(passed));
    expect(passed.states.some((s) => s.members)).toBe(true);
    for (const name of ['n[0].running0', 'n[3].running1', 'n[2].scale', 'x->n[1].w'])
      for (const [i, v] of (wanted.get(name) ?? [Number.NaN]).entries())
        expect(found.get(name)?.[i], `${name} ${i}`).toBeCloseTo(v, 10);
  });

  test('is trained in whole batches', () => {
    const { graph, task } = compileText(text());
    expect(pipelineProblem(graph, task)).toBe('n reads means over a whole batch');
    const large = built(text({ batch: 64 })).lowered.functions.map((f) => f.role);
    expect(large).not.toContain('lane');
    const plain = text({ batch: 64 }).replace(`nodes.batch_normalized(share = ${SHARE})`, 'nodes.normalized()');
    expect(built(plain).lowered.functions.map((f) => f.role)).toContain('lane');
  });

  test.each([
    ['an energy', 'energy (z - over_batch(mean(mu), 0.1)) ^ 2', 'definition/formula'],
    ['what is the same for all samples', 'value mu - over_batch(range(3), 0.1)', 'call/arguments'],
    ['no share', 'value mu - over_batch(mean(mu))', 'call/arguments'],
    ['what changes with the ticks', 'value mu - over_batch(mu * tick, 0.1)', 'definition/formula'],
  ])('%s has no means over a batch', (_, rule, code) => {
    const own = text()
      .replace('model m', `node own() {\n  ${rule}\n}\nmodel m`)
      .replace(/nodes\.batch_\w+\(.*?\)/, 'own()');
    const { diagnostics } = checkSource(own);
    expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.code)).toEqual([code]);
  });
});
