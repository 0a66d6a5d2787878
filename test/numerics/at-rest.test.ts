/** Nodes that no error has reached have an error of exactly zero on the CPU too (semantics, 3): nothing learns rounding. */
import { describe, expect, test } from 'vitest';
import { lowerGraph } from '../../compiler/4-graph/lower.ts';
import { arrivals, masked } from '../../compiler/5-program/arrivals.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import { memberStates, type Op, type Program } from '../../spec/program.ts';
import type { Opener } from '../compliance/harness.ts';
import { checkedTooShort, modelOf } from '../support/check-source.ts';
import { relativeError } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';
import { trainProgram } from '../support/run-program.ts';

const LAST = 5;

interface Chain {
  readonly kind: string;
  /** As an array, else by names. */
  readonly array: boolean;
  readonly method: string;
  /** Units of each node, and samples of a batch. */
  readonly width: number;
}

function programOf({ kind, array, method, width }: Chain, init = 'normal(0.2)'): Program {
  const name = (i: number): string => (array ? `h[${i}]` : `h${i}`);
  const all = Array.from({ length: LAST + 1 }, (_, i) => name(i));
  const nodes = array
    ? [`node h[${LAST + 1}]: f32[${width}] = ${kind}`]
    : all.map((n) => `node ${n}: f32[${width}] = ${kind}`);
  const value = checkedTooShort(`pcn 1
import std/nodes
import std/links
import std/learn
import std/data
${OWN}
model m {
  sense x: f32[30]
  ${nodes.join('\n  ')}
  node y: f32[7]
  link x -> ${all.join(' -> ')} = links.dense(after = tanh, init = ${init})
  link ${name(LAST)} -> y = links.dense(init = ${init})
}
train t of m on data.file("x.npz", x = f32[30], y = f32[7]) {
  clamp x = sample.x
  clamp y = sample.y
  method = ${method}
  optimizer = learn.adam(rate = 0.01)
  batch = ${width}
}
`);
  const [task] = value.trains;
  if (!task) throw new Error('no task');
  const program = runPasses(lowerProgram(lowerGraph(task.model), task, [], { predictBatch: 1 }));
  return { ...program, functions: program.functions.filter((f) => f.name === 'train') };
}

const openCpu: Opener = (program) => Promise.resolve(openHere({ program, files: lowerToCpu(program) }, 2));

/** Weights and energies after so many batches, by names as if there were no array. */
async function trained(open: Opener, chain: Chain, batches: number, all?: number): Promise<Map<string, Tensor>> {
  const program = programOf(chain, all === undefined ? undefined : `constant(${all})`);
  const { states, results } = await trainProgram(open, program, batches);
  const plain = (id: string): string => id.replaceAll(/\[(\d+)\]/g, '$1');
  const found = new Map([...results].map(([id, values]) => [id, values] as const));
  for (const s of program.states) {
    const values = states.get(s.id) ?? new Float32Array();
    const members = s.members ? memberStates(s) : [{ id: s.id }];
    const size = values.length / members.length;
    for (const [i, m] of members.entries()) found.set(plain(m.id), values.slice(i * size, (i + 1) * size));
  }
  return found;
}

/**
 * As on a machine whose products of pages round otherwise than its single ones: where the sweep predicts element by
 * element and a tick all at once, the two then differ.
 */
function otherwiseRounded(program: Program): Program {
  const rounded = (op: Op): Op[] => {
    if (op.op !== 'matmul' || op.shape.length < 3) return [op];
    const factor: Op = { id: `${op.id}~factor`, op: 'constant', args: [], attributes: { value: 1 + 1e-7 }, shape: [] };
    const exact = { ...op, id: `${op.id}~exact` };
    return [factor, exact, { ...op, op: 'mul', args: [exact.id, factor.id], attributes: {} }];
  };
  const functions = program.functions.map((f) => ({
    ...f,
    blocks: f.blocks.map((block) => ({ ...block, ops: block.ops.flatMap(rounded) })),
  }));
  return { ...program, functions };
}

const openOtherwise: Opener = (program) => openReference(otherwiseRounded(program));

describe.each([
  ['nodes.gaussian()', true, openOtherwise],
  ['nodes.gaussian(precision = learned)', true, openOtherwise],
  ['nodes.correlated()', true, openOtherwise],
  ['nodes.categorical()', true, openCpu],
  ['nodes.categorical()', false, openCpu],
] as const)('%s in an array (%s)', (kind, array, open) => {
  // Two ticks: y's error is at h5 and h4 when weights move, and nowhere before.
  const chain = { kind, array, method: 'learn.il(steps = 2, rate = 0.1)', width: 12 };
  test('leaves weights that no error has reached as they are', async () => {
    const before = await trained(open, chain, 0);
    const after = await trained(open, chain, 2);
    for (const link of ['x->h0', 'h0->h1', 'h2->h3'])
      for (const weight of ['w', 'c'])
        expect(after.get(`${link}.${weight}`), link).toEqual(before.get(`${link}.${weight}`));
    for (const link of ['h3->h4', 'h4->h5', 'h5->y'])
      expect(
        relativeError([...(after.get(`${link}.w`) ?? [])], [...(before.get(`${link}.w`) ?? [])]),
        link,
      ).toBeGreaterThan(1e-6);
  });
});

test.each(['learn.z_il()', 'learn.fa_z_il()'])('%s on an array steps as backpropagation does', async (method) => {
  const chain = { kind: 'nodes.gaussian()', array: true, width: 6 };
  const found = await trained(openOtherwise, { ...chain, method }, 1);
  const wanted = await trained(openReference, { ...chain, method: 'learn.bp()' }, 1);
  for (const name of ['x->h0.w', 'h0->h1.w', 'h3->h4.w', 'h5->y.w'])
    expect(relativeError([...(found.get(name) ?? [])], [...(wanted.get(name) ?? [])]), name).toBeLessThan(1e-5);
});

const OWN = `node own_choice(act: function = softmax, start: init = zeros, prior: word = zero) {
  let p = log_softmax(z)
  let q = log_softmax(mu)
  energy sum(exp(p) * (p - q), axis = -1)
}`;

/** Rules under which errors come to all nodes, and weights move in every tick or once. */
const RULES = [
  'learn.il(steps = 7, rate = 0.1)',
  'learn.ipc(steps = 3, rate = 0.1)',
  'learn.nudged(steps = 7, rate = 0.1)',
];

test.each(RULES)('values kept at rest move in f64 as if nothing were kept at rest: %s', async (method) => {
  // Nodes by names are left alone where they are gaussian, and so is an energy of one's own.
  for (const [kept, free] of [
    [
      { kind: 'nodes.gaussian()', array: true },
      { kind: 'nodes.gaussian()', array: false },
    ],
    [
      { kind: 'nodes.categorical()', array: true },
      { kind: 'own_choice()', array: false },
    ],
  ] as const) {
    const [found, wanted] = await Promise.all(
      [kept, free].map((c) => trained(openReference, { ...c, method, width: 6 }, 2, 0.05)),
    );
    for (const name of ['x->h0.w', 'h1->h2.c', 'h5->y.w', 'energy.y of batch 1'])
      expect(
        relativeError([...(found?.get(name) ?? [])], [...(wanted?.get(name) ?? [])]),
        `${kept.kind} ${name}`,
      ).toBeLessThan(1e-6);
  }
});

test('the first error comes by the shortest path from outputs and from cycles', () => {
  const graph = lowerGraph(
    modelOf(`sense x: f32[3]
  node a: f32[3]
  node b: f32[3]
  node c: f32[3]
  node far: f32[3]
  node y: f32[3]
  node p: f32[3]
  node q: f32[3]
  link x -> a -> b -> c -> y = links.dense()
  link x -> far = links.dense()
  link p -> q = links.dense()
  link q -> p = links.dense()
  link q -> a = links.dense()`),
  );
  const held = new Map([
    ['x', {}],
    ['y', {}],
  ]);
  const found = arrivals(graph, held);
  // p and q are a cycle, so they have errors at once and have moved when a is looked at again.
  expect(Object.fromEntries(found)).toEqual({ a: 1, b: 2, c: 1, far: Number.POSITIVE_INFINITY });
});

test('a node that a masked node predicts is masked, too, since its value differs from the one of the sweep', () => {
  const value = checkedTooShort(`pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense x: f32[3]
  node a: f32[3]
  node h: f32[3] = nodes.categorical()
  node k: f32[3]
  node l: f32[3]
  node y: f32[3]
  link x -> a -> h -> k -> l -> y = links.dense()
}
train t of m on data.file("x.npz", x = f32[3], y = f32[3]) {
  clamp x = sample.x
  clamp y = sample.y
  method = learn.fa_z_il()
  optimizer = learn.sgd(rate = 0.1)
}
`);
  const [task] = value.trains;
  if (!task) throw new Error('no task');
  const held = new Map(['x', 'y'].map((name) => [name, {}]));
  expect([...masked(lowerGraph(task.model), held)]).toEqual([
    ['h', 3],
    ['k', 2],
    ['l', 1],
  ]);
});
