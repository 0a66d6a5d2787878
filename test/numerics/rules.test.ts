/** IL, iPC and nudging against an oracle written by hand, and the identities that they satisfy. */
import { describe, expect, test } from 'vitest';
import type { OptimizerInstance } from '../../compiler/3-check/checked.ts';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { apply, constant, type Expr, leaf } from '../../compiler/operators/expr.ts';
import type { Program } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { type ByHand, batchByHand, type HandWeights } from '../support/by-hand.ts';
import { learnedPrecision } from '../support/energies.ts';
import {
  call,
  chain,
  denseLink,
  gaussianNode,
  initialise,
  readParameters,
  relativeError,
  sgd,
  trainTask,
} from '../support/networks.ts';
import { settledValues } from '../support/predicting.ts';
import { openReference } from '../support/reference.ts';
import { programOf, sampleInputs, type Trained, train, withPasses } from '../support/training.ts';

const tanh = (x: Expr): Expr => apply('tanh', [x]);
const DIMS = [5, 4, 6, 3];
const CLAMPED = ['l0', 'l3'];
const BATCHES = 3;

function expectSame(found: Trained, wanted: Trained, bound: number): void {
  expect([...found.states.keys()]).toEqual([...wanted.states.keys()]);
  for (const [id, values] of wanted.states)
    expect(relativeError(found.states.get(id) ?? [], values), id).toBeLessThan(bound);
  for (const [i, results] of wanted.results.entries())
    for (const [name, values] of Object.entries(results))
      expect(relativeError(found.results[i]?.[name] ?? [], values), name).toBeLessThan(bound);
}

function totalEnergy(results: Readonly<Record<string, ArrayLike<number>>> | undefined): number {
  return Object.values(results ?? {}).reduce((sum, v) => sum + (v[0] ?? 0), 0);
}

describe.each(['A', 'B'] as const)('convention %s', (convention) => {
  const graph = chain(DIMS, convention === 'A' ? { act: tanh } : { after: tanh });

  test.each([
    ['il', 0],
    ['il', 0.6],
    ['ipc', 0],
    ['ipc', 0.6],
  ] as const)('follows the equations, batch after batch, for %s with momentum %d', async (rule, momentum) => {
    const settling = { steps: 5, rate: 0.15, momentum };
    const written = programOf(graph, {
      method: call(`learn.${rule}`, settling),
      clamped: CLAMPED,
      optimizer: sgd(0.1),
    });
    for (const program of [written, withPasses(written)]) {
      const found = await train(program, [], BATCHES);
      const weights = await handWeights(program);
      const setting: ByHand = {
        ...settling,
        dims: DIMS,
        convention,
        f: Math.tanh,
        slope: (x) => 1 - Math.tanh(x) ** 2,
        weightRate: 0.1,
        incremental: rule === 'ipc',
      };
      for (let batch = 0; batch < BATCHES; batch++) {
        const inputs = sampleInputs(program, batch, []);
        const energy = batchByHand(setting, weights, rows(inputs.l0, 5), rows(inputs.l3, 3));
        expect(Math.abs(totalEnergy(found.results[batch]) / energy - 1)).toBeLessThan(1e-12);
      }
      for (let l = 0; l + 1 < DIMS.length; l++) {
        expect(relativeError(found.weights.get(`l${l}->l${l + 1}.w`) ?? [], (weights.w[l] ?? []).flat())).toBeLessThan(
          1e-12,
        );
        expect(relativeError(found.weights.get(`l${l}->l${l + 1}.c`) ?? [], weights.c[l] ?? [])).toBeLessThan(1e-12);
      }
    }
  });
});

async function handWeights(program: Program): Promise<HandWeights> {
  const session = await openReference(program);
  await initialise(session, program, 5);
  const found = await readParameters(session, program);
  const links = DIMS.slice(1).map((_, l) => `l${l}->l${l + 1}`);
  return {
    w: links.map((name, l) => rows(found.get(`${name}.w`), DIMS[l] ?? 1)),
    c: links.map((name) => [...(found.get(`${name}.c`) ?? [])]),
  };
}

function rows(values: ArrayLike<number> | undefined, width: number): number[][] {
  const all = Array.from(values ?? []);
  return Array.from({ length: all.length / width }, (_, i) => all.slice(i * width, (i + 1) * width));
}

describe('the count of updates', () => {
  /** Its state counts the updates; its step is `update / updates`, whatever the gradient. */
  const counter: OptimizerInstance = {
    name: 'counter',
    rate: apply('div', [leaf('update', [], false), leaf('updates', [], false)]),
    states: [{ name: 'n', init: 0 }],
    nextStates: [{ name: 'n', value: apply('add', [leaf('n', [], false), constant(1)]) }],
    nextWeight: apply('sub', [
      leaf('weight', [], false),
      apply('add', [leaf('rate', [], false), apply('mul', [leaf('gradient', [], false), constant(0)])]),
    ]),
  };
  const steps = 4;

  test.each([
    ['learn.il', BATCHES],
    ['learn.ipc', BATCHES * steps],
    ['learn.z_il', BATCHES],
    ['learn.fa_z_il', BATCHES],
    ['learn.bp', BATCHES],
  ])('of %s is %d after three batches', async (name, updates) => {
    const method = call(name, { steps, rate: 0.1, momentum: 0 });
    const written = programOf(chain(DIMS, { act: tanh }), { method, clamped: CLAMPED, optimizer: counter });
    for (const program of [written, withPasses(written)]) {
      const { weights, states } = await train(program, [], BATCHES);
      const session = await openReference(program);
      await initialise(session, program, 5);
      const sum = Array.from({ length: updates }, (_, k) => k / updates).reduce((a, b) => a + b, 0);
      for (const [id, before] of await readParameters(session, program)) {
        expect([...(states.get(`${id}:n`) ?? [])], id).toEqual([...before].map(() => updates));
        weights.get(id)?.forEach((after, i) => {
          expect(after, id).toBeCloseTo((before[i] ?? 0) - sum, 12);
        });
      }
    }
  });
});

describe('a nudging rule', () => {
  const graph = chain(DIMS, { act: tanh });
  const settling = { steps: 5, rate: 0.15, momentum: 0.3 };
  const nudged = (beta: number, sign: string): Program =>
    programOf(graph, { method: call('learn.nudged', { ...settling, beta, sign }), clamped: CLAMPED });
  const il = programOf(graph, { method: call('learn.il', settling), clamped: CLAMPED });

  test('with beta 1 is inference learning', async () => {
    expectSame(await train(nudged(1, 'positive'), [], BATCHES), await train(il, [], BATCHES), 1e-13);
  });

  test('with beta of either sign teaches the same to first order as beta goes to 0', async () => {
    const distance = (beta: number): Promise<number> =>
      stepDistance(nudged(beta, 'positive'), nudged(beta, 'negative'));
    const [wide, narrow] = [await distance(1e-2), await distance(1e-4)];
    expect(narrow).toBeLessThan(1e-3);
    expect(wide / narrow).toBeGreaterThan(90);
    expect(wide / narrow).toBeLessThan(110);
  });

  test('that is centred changes its sign from batch to batch', async () => {
    const first = { batch: 0, batches: 4 };
    const second = { batch: 1, batches: 4 };
    const step = async (program: Program, at: typeof first): Promise<Map<string, Float64Array>> => {
      const session = await openReference(program);
      await initialise(session, program, 5);
      await session.run('train', sampleInputs(program, 0, []), at);
      return readParameters(session, program);
    };
    const [positive, negative, centred] = [nudged(0.4, 'positive'), nudged(0.4, 'negative'), nudged(0.4, 'centred')];
    for (const [id, w] of await step(centred, first))
      expect(relativeError(w, (await step(positive, first)).get(id) ?? [])).toBeLessThan(1e-14);
    for (const [id, w] of await step(centred, second))
      expect(relativeError(w, (await step(negative, first)).get(id) ?? [])).toBeLessThan(1e-14);
    expect(await stepDistance(positive, negative)).toBeGreaterThan(1e-3);
  });
});

/** Relative difference of all weight steps together. */
async function stepDistance(a: Program, b: Program): Promise<number> {
  const session = await openReference(a);
  await initialise(session, a, 5);
  const before = [...(await readParameters(session, a)).values()].flatMap((w) => [...w]);
  const stepOf = async (p: Program): Promise<number[]> =>
    [...(await train(p)).weights.values()].flatMap((w) => [...w]).map((w, i) => w - (before[i] ?? 0));
  return relativeError(await stepOf(a), await stepOf(b));
}

describe('the order in which a network is written', () => {
  const methods = ['learn.il', 'learn.ipc', 'learn.z_il', 'learn.fa_z_il', 'learn.bp'];
  const reversed = (g: Graph): Graph => ({ ...g, nodes: [...g.nodes].reverse(), links: [...g.links].reverse() });
  const settling = { steps: 5, rate: 0.15, momentum: 0.3 };

  test.each(methods)('changes no bit where each node has one prediction: %s', async (name) => {
    const setting = { method: call(name, settling), clamped: CLAMPED };
    const wanted = await train(programOf(chain(DIMS, { act: tanh }), setting), [], BATCHES);
    const found = await train(programOf(reversed(chain(DIMS, { act: tanh })), setting), [], BATCHES);
    for (const [id, values] of wanted.weights) expect(found.weights.get(id), id).toEqual(values);
    for (const [i, results] of wanted.results.entries()) expect(found.results[i]).toEqual(results);
  });

  test.each(['learn.il', 'learn.ipc'])(
    'changes only the order of sums in a cycle with several links: %s',
    async (name) => {
      const setting = { method: call(name, settling), clamped: ['x', 'y'] };
      const wanted = await train(programOf(cyclic(), setting), [], BATCHES);
      const found = await train(programOf(reversed(cyclic()), setting), [], BATCHES);
      for (const [id, values] of wanted.weights)
        expect(relativeError(found.weights.get(id) ?? [], values), id).toBeLessThan(1e-13);
    },
  );
});

/** x -> a <-> b -> y, a -> y, a self link, a learned precision, and a root that nothing predicts. */
function cyclic(): Graph {
  const nodes = [
    gaussianNode('x', [5]),
    gaussianNode('a', [4], tanh),
    learnedPrecision('b', [6]),
    gaussianNode('y', [3]),
    gaussianNode('root', [2], tanh),
  ];
  const links = [
    denseLink('x', 'a', 5, 4),
    denseLink('a', 'b', 4, 6, tanh),
    denseLink('b', 'a', 6, 4),
    denseLink('b', 'b', 6, 6),
    denseLink('b', 'y', 6, 3),
    denseLink('a', 'y', 4, 3),
    denseLink('root', 'a', 2, 4),
  ];
  return { name: 'cyclic', nodes, links };
}

test.each(['learn.il', 'learn.ipc', 'learn.nudged'])('the passes leave a cyclic network as it is: %s', async (name) => {
  const method = call(name, { steps: 5, rate: 0.15, momentum: 0.3, beta: 0.5, sign: 'centred' });
  const program = programOf(cyclic(), { method, clamped: ['x', 'y'] });
  expectSame(await train(withPasses(program), [], BATCHES), await train(program, [], BATCHES), 1e-11);
});

describe('clamps that hold for some samples', () => {
  const graph = chain(DIMS, { act: tanh });

  /** The label is held where the field `known` is not 0. */
  function masked(method: string, batch: number): Program {
    const task = trainTask(graph, {
      method: call(method, { steps: 4, rate: 0.15, momentum: 0.3 }),
      batch,
      clamped: CLAMPED,
    });
    const known = { name: 'known', type: 'f32' as const, shape: [] };
    const clamps = task.clamps.map((c) => (c.node === 'l3' ? { ...c, when: leaf('sample.known', []) } : c));
    const data = { ...task.data, fields: [...task.data.fields, known] };
    return lowerProgram(graph, { ...task, data, clamps }, [], { predictBatch: 1 });
  }

  test.each(['learn.il', 'learn.z_il', 'learn.fa_z_il', 'learn.bp'])(
    'leave the other samples free: %s',
    async (method) => {
      // What is not held sits at its prediction and teaches nothing, so the step is that of the samples that are.
      const stepsOf = async (program: Program, samples: number, known?: Float32Array): Promise<Float64Array[]> => {
        const session = await openReference(program);
        await initialise(session, program, 5);
        const before = await readParameters(session, program);
        const four = sampleInputs(masked(method, 4), 0, []);
        const inputs = {
          l0: (four.l0 ?? new Float32Array()).slice(0, 5 * samples),
          l3: (four.l3 ?? new Float32Array()).slice(0, 3 * samples),
        };
        await session.run('train', known ? { ...inputs, known } : inputs, { batch: 0, batches: 1 });
        const after = await readParameters(session, program);
        return [...before].map(([id, w]) => w.map((x, i) => ((after.get(id)?.[i] ?? 0) - x) * samples));
      };
      const plain = programOf(graph, {
        method: call(method, { steps: 4, rate: 0.15, momentum: 0.3 }),
        clamped: CLAMPED,
        batch: 2,
      });
      const wanted = await stepsOf(plain, 2);
      for (const program of [masked(method, 4), withPasses(masked(method, 4))]) {
        const found = await stepsOf(program, 4, Float32Array.of(1, 1, 0, 0));
        for (const [i, step] of wanted.entries()) expect(relativeError(found[i] ?? [], step)).toBeLessThan(1e-12);
      }
    },
  );
});

test('nodes in a cycle begin at their start: a number, or values drawn once for all samples', async () => {
  const begun = async (start: Graph['nodes'][number]['start']): Promise<Float64Array> => {
    const graph = cyclic();
    const nodes = graph.nodes.map((n) => (n.name === 'b' ? { ...n, start } : n));
    const x = Float32Array.from({ length: 10 }, (_, i) => i / 10);
    const values = await settledValues({ ...graph, nodes }, { x }, { steps: 1, rate: 0 });
    return values.b ?? new Float64Array();
  };
  expect([...(await begun({ kind: 'constant', value: 0.25 }))]).toEqual(new Array(12).fill(0.25));
  const drawn = await begun({ kind: 'normal', std: 0.5 });
  expect(drawn.slice(0, 6)).toEqual(drawn.slice(6));
  const rng = stream(5, 'b:start');
  expect([...drawn.slice(0, 6)]).toEqual(Array.from({ length: 6 }, (_, i) => rng.normal(i) * 0.5));
});
