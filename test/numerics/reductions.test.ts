/** Optimizers that look at a weight as a whole: sums over its elements, on every device, of every kind of link. */
import { describe, expect, test } from 'vitest';
import { lowerGraph } from '../../compiler/4-graph/lower.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { pipelineProblem } from '../../compiler/5-program/pipeline.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import { memberStates, type Program } from '../../spec/program.ts';
import type { Opener } from '../compliance/harness.ts';
import { checked, checkSource } from '../support/check-source.ts';
import { openCpu } from '../support/cpu.ts';
import { AdamByHand, gradientsByHand, type Numbers } from '../support/linear-links.ts';
import { openReference } from '../support/reference.ts';
import { trainProgram } from '../support/run-program.ts';
import { compileText, runShards, runWhole, splitRandomly, splitTiled } from '../support/shards.ts';
import { fieldNumbers } from '../support/small-training.ts';
import { openWebGpu } from '../support/webgpu.ts';

const WHOLE = `
  state seen = 0
  next seen = seen + sum(gradient ^ 2)
  next weight = weight - rate * (gradient / sqrt(seen + 1) + 0.1 * mean(weight) + 0.01 * amax(abs(gradient)))`;
const PLAIN = 'next weight = weight - rate * gradient';

/** A dense link, an array run as one, a link kept as a list and one kept as a matrix with a mask. */
const LINKS = `
  node b: f32[5]
  node c[4]: f32[3]
  node d: f32[20]
  node e: f32[20]
  link a -> b = links.dense()
  link a -> c[*] = links.dense()
  link a -> d = links.sparse(density = 0.15)
  link a -> e = links.sparse(density = 0.6)`;

function source(rules: string, links = LINKS, method = 'learn.il(steps = 2, rate = 0.1)'): string {
  const held = [...links.matchAll(/node (\w+)(?:\[(\d+)\])?: f32\[(\d+)\]/g)];
  return `pcn 1
import std/links
import std/learn
import std/data
optimizer own(rate: rate = 0.5) { ${rules} }
model m {
  sense a: f32[24]
  ${links}
}
train t of m on data.file("x.npz", a = f32[24], ${held.map(([, name, , n]) => `${name} = f32[${n}]`).join(', ')}) {
  clamp a = sample.a
  ${held.flatMap(([, name, count]) => (count ? [0, 1, 2, 3].map((i) => `clamp ${name}[${i}] = sample.${name}`) : [`clamp ${name} = sample.${name}`])).join('\n  ')}
  method = ${method}
  optimizer = own()
  batch = 6
  epochs = 1
}
`;
}

function programOf(text: string): Program {
  const [task] = checked(text).trains;
  if (!task) throw new Error('no task');
  return runPasses(lowerProgram(lowerGraph(task.model), task, [], { predictBatch: 1 }));
}

/** All states after so many batches, members of arrays by their own names. */
async function statesOf(open: Opener, text: string, batches: number): Promise<Map<string, Tensor>> {
  const program = programOf(text);
  const train = { ...program, functions: program.functions.filter((f) => f.name === 'train') };
  const { states } = await trainProgram(open, train, batches);
  return new Map(
    program.states.flatMap((s) => {
      const values = states.get(s.id) ?? new Float32Array();
      const members = s.members ? memberStates(s) : [{ id: s.id }];
      const size = values.length / members.length;
      return members.map((m, i) => [m.id, values.slice(i * size, (i + 1) * size)] as const);
    }),
  );
}

const WEIGHTS = ['a->b.w', 'a->b.c', 'a->c[1].w', 'a->c[3].c', 'a->d.w', 'a->e.w'];

test.each([
  ['reference', openReference, 6],
  ['cpu', openCpu, 4],
  ['webgpu', openWebGpu, 4],
] as const)('a reduction is over all elements of one weight: %s', async (_, open, digits) => {
  const before = await statesOf(openReference, source(PLAIN), 0);
  const plain = await statesOf(openReference, source(PLAIN), 1);
  const after = await statesOf(open, source(WHOLE), 1);
  for (const name of WEIGHTS) {
    const weight = [...(before.get(name) ?? [])];
    const mask = before.get(`${name}:mask`);
    const places = before.get(`${name}:connections`);
    const exists = weight.map((_, i) => (mask ? mask[i] === 1 : !places || (places[i] as number) >= 0));
    const gradient = weight.map((w, i) => (w - (plain.get(name)?.[i] as number)) / 0.5);
    const of = (values: number[]): number[] => values.filter((_, i) => exists[i]);
    const seen = of(gradient).reduce((sum, g) => sum + g * g, 0);
    const mean = of(weight).reduce((sum, w) => sum + w, 0) / of(weight).length;
    const most = Math.max(...of(gradient).map(Math.abs));
    expect(after.get(`${name}:seen`)?.[0], `${name}:seen`).toBeCloseTo(seen, digits - 2);
    weight.forEach((w, i) => {
      if (!exists[i]) return;
      const wanted = w - 0.5 * ((gradient[i] as number) / Math.sqrt(seen + 1) + 0.1 * mean + 0.01 * most);
      expect(after.get(name)?.[i], `${name} ${i}`).toBeCloseTo(wanted, digits);
    });
  }
});

const MATRICES = '\n  node b: f32[5]\n  node c[4]: f32[3]\n  link a -> [b, c[*]] = links.dense(bias = false)';

test('a reduction with an axis is along that axis, also for a matrix of an array', async () => {
  const rules = 'next weight = weight - rate * (gradient - mean(gradient, axis = 1, keep = true))';
  const before = await statesOf(openReference, source(PLAIN, MATRICES), 0);
  const plain = await statesOf(openReference, source(PLAIN, MATRICES), 1);
  for (const open of [openReference, openCpu]) {
    const after = await statesOf(open, source(rules, MATRICES), 1);
    for (const name of ['a->b.w', 'a->c[2].w']) {
      const step = (to: Map<string, Tensor>): number[] =>
        [...(before.get(name) ?? [])].map((w, i) => w - (to.get(name)?.[i] as number));
      const rows = step(plain).map((g, i, all) => {
        const row = all.slice(24 * Math.floor(i / 24), 24 * Math.floor(i / 24) + 24);
        return g - row.reduce((sum, v) => sum + v, 0) / 24;
      });
      step(after).forEach((g, i) => {
        expect(g, `${name} ${i}`).toBeCloseTo(rows[i] as number, 4);
      });
    }
  }
});

test.each([
  ['an axis that a bias does not have', 'sum(gradient, axis = 1, keep = true)', 'links.dense()', 'a->b.c'],
  ['rows of a thinned link', 'softmax(gradient)', 'links.sparse(density = 0.15)', 'a->b.w'],
  ['a matrix that lies down', 'transpose(gradient)', 'links.dense()', 'a->b.w'],
])('a step with %s is refused, and the weight is named', (_, step, link, name) => {
  const links = `node b: f32[5]\n  link a -> b = ${link}`;
  const { diagnostics } = checkSource(source(`next weight = weight - rate * (${step})`, links));
  const errors = diagnostics.filter((d) => d.severity === 'error');
  expect(errors.map((d) => d.code)).toEqual(['shape/mismatch']);
  expect(errors[0]?.reason).toContain(`\`${name}\``);
});

test('the shards and tiles of a model reduce over whole weights', async () => {
  const links = '\n  node b: f32[12]\n  node c: f32[8]\n  link a -> b -> c = links.dense()';
  const compiled = compileText(source(WHOLE, links).replace('batch = 6', 'batch = 2'));
  const whole = await runWhole(compiled.program);
  for (const split of [splitRandomly(compiled, 3, 1), splitTiled(compiled, 3, 2)]) {
    const { states } = await runShards(compiled.program, split);
    for (const [id, values] of states)
      [...values].forEach((v, i) => {
        expect(v, `${id} ${i}`).toBeCloseTo(whole.states.get(id)?.[i] as number, 10);
      });
  }
});

const CLIPPED = `
  let norm = sqrt(sum_over_weights(gradient ^ 2))
  next weight = weight - rate * gradient * min(1, 0.01 / norm)`;

test.each([
  ['reference', openReference, 6],
  ['cpu', openCpu, 5],
] as const)('a sum over all weights clips all of them by one norm: %s', async (_, open, digits) => {
  const before = await statesOf(openReference, source(PLAIN), 0);
  const plain = await statesOf(openReference, source(PLAIN), 1);
  const after = await statesOf(open, source(CLIPPED), 1);
  const names = [...before.keys()].filter((name) => /\.[wc]$/.test(name));
  const gradients = names.map((name) =>
    [...(before.get(name) ?? [])].map((w, i) => (w - (plain.get(name)?.[i] as number)) / 0.5),
  );
  const norm = Math.sqrt(gradients.flat().reduce((sum, g) => sum + g * g, 0));
  expect(names.length).toBe(14);
  expect(norm).toBeGreaterThan(0.1);
  names.forEach((name, k) => {
    gradients[k]?.forEach((g, i) => {
      const wanted = (before.get(name)?.[i] as number) - (0.5 * g * 0.01) / norm;
      expect(after.get(name)?.[i], `${name} ${i}`).toBeCloseTo(wanted, digits);
    });
  });
});

test('a sum over all weights is the same over shards, tiles and microbatches', async () => {
  const links = '\n  node b: f32[12]\n  node c: f32[8]\n  link a -> b -> c = links.dense()';
  const text = source(CLIPPED, links).replace('batch = 6', 'batch = 4');
  const compiled = compileText(text);
  const whole = await runWhole(compiled.program);
  const divided = splitRandomly(compileText(text, undefined, {}, 2), 3, 1);
  for (const split of [splitRandomly(compiled, 3, 1), splitTiled(compiled, 3, 2), divided]) {
    const { states } = await runShards(compiled.program, split);
    for (const [id, wanted] of whole.states)
      [...wanted].forEach((v, i) => {
        expect(states.get(id)?.[i], `${id} ${i}`).toBeCloseTo(v, 10);
      });
  }
});

test('a sum over all weights is refused where it cannot be formed', () => {
  const codes = (text: string): string[] =>
    checkSource(text)
      .diagnostics.filter((d) => d.severity === 'error')
      .map((d) => d.code);
  expect(codes(source(CLIPPED))).toEqual([]);
  expect(codes(source(CLIPPED, LINKS, 'learn.z_il()'))).toEqual(['setting/type']);
  const ofState = 'state m = 0\n next m = m + gradient\n next weight = weight - rate * m / sum_over_weights(m)';
  expect(codes(source(ofState))).toEqual(['shape/mismatch']);
});

test.each([
  CLIPPED,
  'next weight = weight - rate * gradient / sqrt(1 + sum(gradient ^ 2))',
  'next weight = weight - rate * gradient * (1 + 0.001 * sum(weight ^ 2))',
])('passes keep a reduction as it is where weights move in every tick: %s', async (rules) => {
  const links = '\n  node b: f32[12]\n  node c: f32[8]\n  link a -> b -> c = links.dense(bias = false)';
  const [task] = checked(source(rules, links, 'learn.ipc(steps = 3, rate = 0.1)')).trains;
  if (!task) throw new Error('no task');
  const lowered = lowerProgram(lowerGraph(task.model), task, [], { predictBatch: 1 });
  const only = { ...lowered, functions: lowered.functions.filter((f) => f.name === 'train') };
  const wanted = await trainProgram(openReference, only, 2);
  const found = await trainProgram(openReference, runPasses(only), 2);
  for (const [id, values] of wanted.states)
    [...values].forEach((v, i) => {
      expect(found.states.get(id)?.[i], `${id} ${i}`).toBeCloseTo(v, 6);
    });
});

const ENDS = [
  ['b', 3],
  ['c', 2],
] as const;

/** Weights after Adam's steps on gradients none of which is longer than `norm`, and how long they were. */
function clippedByHand(
  text: string,
  before: ReadonlyMap<string, Tensor>,
  { batches, norm, each }: { readonly batches: number; readonly norm: number; readonly each: boolean },
): { readonly theta: Numbers; readonly lengths: readonly number[] } {
  const train = programOf(text).functions.find((f) => f.name === 'train');
  if (!train) throw new Error('no training');
  const names = ENDS.flatMap(([node]) => [`a->${node}.w`, `a->${node}.c`]);
  const theta: Numbers = new Map(names.map((name) => [name, [...(before.get(name) ?? [])]]));
  const adam = new AdamByHand();
  const lengths: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const { gradients } = gradientsByHand(fieldNumbers(train, batch), theta, ENDS, [6, 4]);
    const length = (of: readonly string[]): number =>
      Math.sqrt(of.flatMap((name) => gradients.get(name) ?? []).reduce((sum, g) => sum + g * g, 0));
    lengths.push(...(each ? names.map((name) => length([name])) : [length(names)]));
    adam.begin();
    for (const name of names) {
      const shorter = Math.min(1, norm / length(each ? [name] : names));
      const moved = adam.direction(
        name,
        (gradients.get(name) ?? []).map((g) => shorter * g),
        1e-3,
      );
      theta.set(
        name,
        (theta.get(name) ?? []).map((w, i) => w - 0.05 * (moved[i] as number)),
      );
    }
  }
  return { theta, lengths };
}

describe('learn.clipped', () => {
  const links = '\n  node b: f32[3]\n  node c: f32[2]\n  link a -> [b, c] = links.dense()';
  const clipped = (more: string, of = 'learn.adam(rate = 0.05, epsilon = 0.001)'): string =>
    source(PLAIN, links)
      .replace('optimizer = own()', `optimizer = learn.clipped(of = ${of}, ${more})`)
      .replaceAll('f32[24]', 'f32[4]');

  test.each([
    ['reference', false, openReference, 1e-12],
    ['reference', true, openReference, 1e-12],
    ['cpu', false, openCpu, 1e-5],
    ['webgpu', false, openWebGpu, 1e-5],
    ['webgpu', true, openWebGpu, 1e-5],
  ] as const)('holds gradients to a length: %s, each weight by itself: %s', async (_, each, open, bound) => {
    const norm = each ? 1.2 : 2.4;
    const text = clipped(`norm = ${norm}, each = ${each}`);
    const before = await statesOf(openReference, text, 0);
    const { theta, lengths } = clippedByHand(text, before, { batches: 4, norm, each });
    // Some are longer, and not all are.
    expect([Math.min(...lengths) < norm, Math.max(...lengths) > norm], String(lengths)).toEqual([true, true]);
    const after = await statesOf(open, text, 4);
    for (const [name, wanted] of theta)
      wanted.forEach((w, i) => {
        expect(Math.abs((after.get(name)?.[i] as number) - w), `${name} ${i}`).toBeLessThan(bound);
      });
  });

  test('goes around and into other optimizers, and leaves short gradients as they are', async () => {
    const plain = await statesOf(
      openReference,
      clipped('norm = 1.0e6', 'learn.normalized(of = learn.sgd(rate = 0.1))'),
      3,
    );
    const inner = clipped('norm = 1').replace(
      /optimizer = learn.*/,
      'optimizer = learn.normalized(of = learn.clipped(of = learn.sgd(rate = 0.1), norm = 1.0e6))',
    );
    expect(await statesOf(openReference, inner, 3)).toEqual(plain);
    const shorter = await statesOf(openReference, inner.replace('norm = 1.0e6', 'norm = 0.1'), 3);
    expect(shorter.get('a->b.w')).not.toEqual(plain.get('a->b.w'));
  });

  test('goes with microbatches only where each weight is by itself', () => {
    const problem = (more: string): string | undefined => {
      const { graph, task } = compileText(clipped(more));
      return pipelineProblem(graph, task);
    };
    expect(problem('norm = 1')).toContain('sums over all weights');
    expect(problem('norm = 1, each = true')).toBeUndefined();
  });
});
