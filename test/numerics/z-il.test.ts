/** Z-IL and Fa-Z-IL change the weights exactly as backpropagation does (semantics.md, equations 10 and 11). */
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { verify } from '../../compiler/5-program/verify.ts';
import { apply, type Expr } from '../../compiler/operators/expr.ts';
import type { Program } from '../../spec/program.ts';
import { categorical, crossEntropy } from '../support/energies.ts';
import { call, chain, denseLink, gaussianNode, initialise, relativeError, sgd } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';
import {
  programOf,
  type Setting,
  sampleInputs,
  weightSteps,
  withPasses,
  zeroDivergenceAt,
} from '../support/training.ts';

const tanh = (x: Expr): Expr => apply('tanh', [x]);
const gelu = (x: Expr): Expr => apply('gelu', [x]);

interface Case {
  readonly graph: Graph;
  readonly clamped: readonly string[];
  readonly oneHot: readonly string[];
}

function chainCase(graph: Graph): Case {
  const last = `l${graph.nodes.length - 1}`;
  return { graph, clamped: ['l0', last], oneHot: [last] };
}

/** x -> a -> b -> y, with x -> b, a -> y and x -> y beside it. */
function skips(act?: (x: Expr) => Expr, after?: (x: Expr) => Expr): Case {
  const nodes = [
    gaussianNode('x', [5]),
    gaussianNode('a', [4], act),
    gaussianNode('b', [6], act),
    gaussianNode('y', [3]),
  ];
  const links = [
    denseLink('x', 'a', 5, 4, after),
    denseLink('a', 'b', 4, 6, after),
    denseLink('b', 'y', 6, 3),
    denseLink('x', 'b', 5, 6, after),
    denseLink('a', 'y', 4, 3),
    denseLink('x', 'y', 5, 3),
  ];
  return { graph: { name: 'skips', nodes, links }, clamped: ['x', 'y'], oneHot: ['y'] };
}

/** Two outputs at different depths, and an output that predicts another node. */
function outputs(): Case {
  const nodes = [
    gaussianNode('x', [5]),
    gaussianNode('a', [4], tanh),
    gaussianNode('y', [3]),
    gaussianNode('b', [4], tanh),
    gaussianNode('w', [2]),
  ];
  const links = [
    denseLink('x', 'a', 5, 4),
    denseLink('a', 'y', 4, 3),
    denseLink('y', 'b', 3, 4),
    denseLink('a', 'b', 4, 4),
    denseLink('b', 'w', 4, 2),
  ];
  return { graph: { name: 'outputs', nodes, links }, clamped: ['x', 'y', 'w'], oneHot: ['y', 'w'] };
}

function withOutput(c: Case, output: Graph['nodes'][number]): Case {
  return { ...c, graph: { ...c.graph, nodes: c.graph.nodes.map((n) => (n.name === output.name ? output : n)) } };
}

const cases: Record<string, Case> = {
  'one link': chainCase(chain([6, 3])),
  'a chain, convention A': chainCase(chain([7, 6, 5, 4, 3], { act: tanh })),
  'a chain, convention B': chainCase(chain([7, 6, 5, 4, 3], { after: gelu })),
  'a chain of linear links without bias': chainCase(chain([5, 4, 3], { bias: false })),
  'skip links, convention A': skips(gelu),
  'skip links, convention B': skips(undefined, tanh),
  'several outputs': outputs(),
  'a categorical output': withOutput(skips(tanh), categorical('y', [3])),
  'a cross-entropy output': withOutput(skips(tanh), crossEntropy('y', [3])),
};
// A large rate: the steps are not lost in the digits of the weights that they are added to.
const settingOf = (name: string, c: Case): Setting => ({ method: call(name), clamped: c.clamped, optimizer: sgd(1) });

async function compare(program: Program, c: Case): Promise<number> {
  verify(program);
  const wanted = await weightSteps(programOf(c.graph, settingOf('learn.bp', c)), c.oneHot);
  const found = await weightSteps(program, c.oneHot);
  expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
  let largest = 0;
  for (const [id, step] of wanted) {
    expect(Math.max(...step.map(Math.abs)), `${id} moves`).toBeGreaterThan(1e-6);
    largest = Math.max(largest, relativeError(found.get(id) ?? [], step));
  }
  return largest;
}

describe.each(Object.keys(cases))('%s', (name) => {
  const c = cases[name] as Case;
  test.each(['learn.z_il', 'learn.fa_z_il'])(
    'steps by %s as by backpropagation, before and after the passes',
    async (method) => {
      const program = programOf(c.graph, settingOf(method, c));
      expect(await compare(program, c)).toBeLessThan(1e-12);
      expect(await compare(withPasses(program), c)).toBeLessThan(1e-12);
    },
  );

  test('steps by backpropagation in the same way after the passes', async () => {
    expect(await compare(withPasses(programOf(c.graph, settingOf('learn.bp', c))), c)).toBeLessThan(1e-12);
  });
});

test('z_il at rate 1/2 does not step as backpropagation does', async () => {
  const c = cases['a chain, convention A'] as Case;
  const setting = settingOf('learn.z_il', c);
  expect(await compare(zeroDivergenceAt(1, c.graph, setting), c)).toBeLessThan(1e-12);
  expect(await compare(zeroDivergenceAt(0.5, c.graph, setting), c)).toBeGreaterThan(0.1);
});

test('backpropagation steps along the slope of the loss', async () => {
  // Differences of the reported energy itself: the oracle above has one of its own.
  const c = cases['skip links, convention A'] as Case;
  const program = programOf(c.graph, settingOf('learn.bp', c));
  const steps = await weightSteps(program, c.oneHot);
  const session = await openReference(program);
  await initialise(session, program, 5);
  const start = new Map<string, Float64Array>();
  for (const s of program.states) start.set(s.id, Float64Array.from(await session.read(s.id)));
  const lossAt = async (id: string, i: number, h: number): Promise<number> => {
    for (const [state, values] of start)
      await session.write(state, state === id ? values.with(i, (values[i] ?? 0) + h) : values);
    const results = await session.run('train', sampleInputs(program, 0, c.oneHot), { batch: 0, batches: 1 });
    return Object.values(results).reduce((sum, r) => sum + (r[0] ?? 0), 0);
  };
  for (const [id, step] of steps)
    for (let i = 0; i < step.length; i += 3) {
      const slope = ((await lossAt(id, i, 1e-5)) - (await lossAt(id, i, -1e-5))) / 2e-5;
      expect(Math.abs(slope + (step[i] ?? 0)), `${id} ${i}`).toBeLessThan(1e-9);
    }
});
