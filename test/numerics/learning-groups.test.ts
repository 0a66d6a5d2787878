/** Rates and decay of groups of weights, and weights that a training freezes, beside a loop by hand (semantics.md, 6). */
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../compiler/compile.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import type { Program } from '../../spec/program.ts';
import { checked, checkSource } from '../support/check-source.ts';
import { AdamByHand, gradientsByHand, type Numbers } from '../support/linear-links.ts';
import { openReference } from '../support/reference.ts';
import { trainProgram } from '../support/run-program.ts';
import { compileText, runShards, runWhole, splitRandomly, splitTiled } from '../support/shards.ts';
import { fieldNumbers } from '../support/small-training.ts';

const TEXT = `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense a: f32[4]
  node b: f32[3]
  node c: f32[2]
  node d: f32[2]
  node e: f32[2] = nodes.gaussian(precision = learned, learn = 0.5, decay = 2)
  link a -> b = links.dense(learn = 0.5, decay = 3)
  link a -> c = links.dense(decay = false)
  link a -> [d, e] = links.dense()
}
train t of m on data.file("x.npz", a = f32[4], b = f32[3], c = f32[2], d = f32[2], e = f32[2]) {
  clamp a = sample.a
  clamp b = sample.b
  clamp c = sample.c
  clamp d = sample.d
  clamp e = sample.e
  method = learn.il(steps = 1, rate = 0.1)
  optimizer = learn.adamw(rate = 0.05, epsilon = 0.001, decay = 0.2)
  batch = 4
  epochs = 1
  frozen = [d]
}
`;

const ENDS = [
  ['b', 3],
  ['c', 2],
  ['e', 2],
] as const;

function programOf(text: string): Program {
  const all = checked(text);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  const { program } = buildProgram({ checked: all, model: task.model, task, predicts: [] });
  return { ...program, functions: program.functions.filter((f) => f.name === 'train') };
}

/** AdamW with the shares that the text gives each weight. */
function byHand(program: Program, before: ReadonlyMap<string, Tensor>, batches: number): Numbers {
  const [train] = program.functions;
  if (!train) throw new Error('no training');
  const theta: Numbers = new Map([...before].map(([name, values]) => [name, [...values]]));
  const adam = new AdamByHand();
  const shares: Readonly<Record<string, readonly [rate: number, decay: number]>> = {
    b: [0.5, 3],
    c: [1, 0],
    e: [1, 1],
  };
  for (let batch = 0; batch < batches; batch++) {
    const { gradients, errors } = gradientsByHand(fieldNumbers(train, batch), theta, ENDS, [4, 4]);
    // The precision of e is learned: its errors weigh 1/s, and its log-variance learns by (4c).
    const logs = theta.get('e.log_variance') ?? [];
    const variances = logs.map((l) => 0.0001 + Math.exp(l));
    const of = (name: string): number[] => gradients.get(name) ?? [];
    gradients.set(
      'a->e.w',
      of('a->e.w').map((g, k) => g / (variances[Math.floor(k / 4)] as number)),
    );
    gradients.set(
      'a->e.c',
      of('a->e.c').map((g, i) => g / (variances[i] as number)),
    );
    const ofE = errors.get('e') ?? [];
    gradients.set(
      'e.log_variance',
      logs.map((l, i) => {
        const s = variances[i] as number;
        const slope = (error: number): number => (0.5 * (1 - error ** 2 / s) * Math.exp(l)) / s;
        return ofE.reduce((sum, sample) => sum + slope(sample[i] as number) / ofE.length, 0);
      }),
    );
    adam.begin();
    for (const [name, gradient] of gradients) {
      const [rate, decay] = name === 'e.log_variance' ? [0.5, 2] : (shares[name[3] as string] ?? [1, 1]);
      const moved = adam.direction(name, gradient, 1e-3);
      theta.set(
        name,
        (theta.get(name) ?? []).map((w, i) => w - 0.05 * rate * ((moved[i] as number) + 0.2 * decay * w)),
      );
    }
  }
  return theta;
}

describe('groups of weights', () => {
  const program = programOf(TEXT);
  const weights = program.states.filter((s) => s.role === 'parameter').map((s) => s.id);

  test('each learns and decays in its own measure, and frozen ones stay', async () => {
    const { states: before } = await trainProgram(openReference, program, 0);
    const { states: after } = await trainProgram(openReference, program, 3);
    const own = new Map([...before].filter(([name]) => weights.includes(name)));
    expect(weights).toHaveLength(9);
    const wanted = byHand(program, own, 3);
    for (const name of weights)
      for (const [i, w] of (wanted.get(name) ?? []).entries())
        expect(Math.abs((after.get(name)?.[i] as number) - w), `${name} ${i}`).toBeLessThan(1e-12);
    expect(after.get('a->d.w')).toEqual(before.get('a->d.w'));
    expect(program.states.some((s) => s.id.startsWith('a->d.w:'))).toBe(false);
    expect(after.get('a->b.w')).not.toEqual(before.get('a->b.w'));
  });

  test('a cut changes nothing', async () => {
    const compiled = compileText(TEXT);
    const whole = await runWhole(compiled.program);
    const divided = splitRandomly(compileText(TEXT, undefined, {}, 2), 3, 1);
    for (const split of [splitRandomly(compiled, 3, 1), splitTiled(compiled, 3, 2), divided]) {
      const { states } = await runShards(compiled.program, split);
      for (const [id, values] of whole.states)
        for (const [i, v] of values.entries()) expect(states.get(id)?.[i], `${id} ${i}`).toBeCloseTo(v, 10);
    }
  });

  test('a share of 1 changes nothing, and the links of the model stay as written', () => {
    const plain = TEXT.replace(/, decay = 3|decay = false|, learn = 0.5, decay = 2|\(learn = 0.5/g, (found) =>
      found.startsWith('(') ? '(learn = 1, decay = 1' : '',
    );
    const [task] = checked(plain).trains;
    expect(task?.model.links.map(({ learn, decay }) => [learn, decay])).toEqual(Array(4).fill([undefined, undefined]));
    expect(task?.frozen).toEqual(['d']);
  });

  test.each([
    ['a node without weights', 'frozen = [d]', 'frozen = [a]'],
    ['all there is to learn', 'frozen = [d]', 'frozen = [b, c, d, e]'],
    ['an optimizer without decay', 'learn.adamw(rate = 0.05, epsilon = 0.001, decay = 0.2)', 'learn.adam()'],
    ['half of a shared weight', 'links.dense()', 'links.dense(tie = "one")'],
  ])('%s is refused', (_, before, after) => {
    const { diagnostics } = checkSource(TEXT.replace(before, after));
    const errors = diagnostics.filter((d) => d.severity === 'error');
    expect(errors.map((d) => d.code)).toEqual(['setting/type']);
    expect(errors[0]?.repair).toBeDefined();
  });
});
