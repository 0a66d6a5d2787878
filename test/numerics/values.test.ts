/** `values = clusters | borders`: which nodes keep values, what that equals, and that the cut changes nothing else. */
import { describe, expect, test } from 'vitest';
import { keptBy } from '../../compiler/6-partition/at-borders.ts';
import { cutModel } from '../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../compiler/6-partition/problem.ts';
import { buildProgram, type Selected, type Staged } from '../../compiler/compile.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import type { Shard } from '../../runtime/shard/shard.ts';
import { openShard } from '../../runtime/shard/shard.ts';
import { openShards } from '../../runtime/shard/shards.ts';
import { nodeOrigin } from '../../spec/names.ts';
import { stream } from '../../spec/random.ts';
import { checked } from '../support/check-source.ts';
import { relativeError } from '../support/networks.ts';

const BATCH = 4;

function chainText({ values = '', method = 'learn.il(steps = 8, rate = 0.1)', more = '', schedule = '' }): string {
  return `pcn 1

import std/nodes
import std/links
import std/topology
import std/learn
import std/data

model m {
  sense x: f32[6]
  node h[7]: f32[5] = nodes.gaussian(act = tanh)
  node y: f32[3]
  link x -> h[0] = links.dense()
  link h[0..5] -> h[1..6] = links.dense() along topology.one_to_one()
  link h[6] -> y = links.dense()
  ${more}
}

train t of m on data.file("m.npz", x = f32[6], y = f32[3]) {
  clamp x = sample.x
  clamp y = sample.y
  method = ${method}
  optimizer = learn.sgd(rate = 0.1)
  batch = ${BATCH}
  ${values}
}

predict p of m {
  clamp x = input.x
  read z = y
}
${schedule}`;
}

/** Nodes whole, so that links cross between them. */
const WHOLE = 'schedule s of m { cut_at = nodes }';

function selected(text: string): Selected {
  const all = checked(text);
  const [task] = all.trains;
  if (!task) throw new Error('no train block');
  return { checked: all, model: task.model, task, predicts: all.predicts };
}

function settled({ graph }: Pick<Staged, 'graph'>): string[] {
  return graph.nodes.filter((n) => !n.value).map((n) => n.name);
}

function cutOf(staged: Staged, shards: number) {
  const cut = cutModel(staged, uniformMachines(shards));
  if (cut.kind === 'impossible') throw new Error(cut.reason);
  return cut;
}

const begin = () => ({ seed: 3, statistics: new Map() });

/** Weights behind two batches. */
async function trained(open: () => Promise<Shard>): Promise<Map<string, Float64Array>> {
  const shard = await open();
  for (let batch = 0; batch < 2; batch++) {
    const rng = stream(batch, 'sample');
    const numbers = (n: number, from: number): Float32Array =>
      Float32Array.from({ length: n }, (_, i) => rng.normal(from + i));
    await shard.run('train', { x: numbers(6 * BATCH, 0), y: numbers(3 * BATCH, 1000) }, { batch, batches: 2, step: 0 });
  }
  const { parameters } = await shard.save();
  await shard.close();
  return new Map(parameters.map((t) => [t.name, Float64Array.from(t.data as ArrayLike<number>)]));
}

const inOne = ({ program }: Staged) => trained(() => openShard(referenceDevice, { program, files: new Map() }, begin));

const inShards = (staged: Staged, shards: number) =>
  trained(() =>
    openShards(
      referenceDevice,
      cutOf(staged, shards).split.map(({ program, schedule }) => ({
        executable: { program, files: new Map() },
        schedule,
      })),
      begin,
    ),
  );

function expectAlike(found: ReadonlyMap<string, Float64Array>, wanted: ReadonlyMap<string, Float64Array>): void {
  expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
  for (const [name, weight] of wanted) expect(relativeError(found.get(name) ?? [], weight), name).toBeLessThan(1e-12);
}

describe('borders', () => {
  const text = chainText({ values: 'values = borders', schedule: WHOLE });

  test('one shard has no values left but the clamped ones, and takes the steps of backpropagation', async () => {
    const staged = buildProgram(selected(text));
    expect(settled(staged)).toEqual(['x', 'y']);
    expectAlike(await inOne(staged), await inOne(buildProgram(selected(chainText({ method: 'learn.bp()' })))));
  });

  test('where links cross, their targets keep values and no others do', () => {
    const staged = buildProgram(selected(text));
    const cut = cutOf(staged, 3);
    const shardOf = new Map(cut.nodes.flatMap((names, shard) => names.map((name) => [name, shard] as const)));
    const targets = cut.graph.links.flatMap((l) => (shardOf.get(l.source) === shardOf.get(l.target) ? [] : [l.target]));
    expect(targets.length).toBeGreaterThan(0);
    expect(settled(cut)).toEqual(
      ['x', 'h', 'y'].flatMap((name) =>
        cut.graph.nodes.flatMap((n) =>
          n.name.startsWith(name) && (targets.includes(n.name) || name !== 'h') ? [n.name] : [],
        ),
      ),
    );
  });

  test('links that read a sense without work cross nothing', () => {
    // Weights lie on the narrower side of a link: with the sense, or with what it predicts.
    const kept = (width: number): Set<string> => {
      const wide = chainText({ values: 'values = borders' }).replaceAll('f32[6]', `f32[${width}]`);
      const staged = buildProgram(selected(wide));
      const { graph, task } = staged.borders?.all ?? staged;
      const pieces = graph.nodes.map(({ name }) => nodeOrigin(name));
      return keptBy(graph, { pieces, part: Int32Array.from(graph.nodes, ({ name }) => (name === 'x' ? 0 : 1)) }, task);
    };
    expect(kept(2)).toEqual(new Set());
    expect(kept(6)).toEqual(new Set(['h[0]']));
  });

  test.each([2, 3, 4])('%i shards learn as one with the same values, and as any other cut', async (shards) => {
    const chosen = selected(text);
    const staged = buildProgram(chosen);
    const found = await inShards(staged, shards);
    const kept = new Set(settled(cutOf(staged, shards)));
    const fixed = buildProgram({ ...chosen, kept });
    expect(new Set(settled(fixed))).toEqual(kept);
    expectAlike(found, await inOne(fixed));
    expectAlike(found, await inShards(fixed, shards === 2 ? 5 : 2));
  });

  test('a node that is cut into tiles, and its neighbours, keep their values', async () => {
    const staged = buildProgram(selected(chainText({ values: 'values = borders' })));
    const cut = cutOf(staged, 12);
    expect(cut.tiling.size).toBeGreaterThan(0);
    for (const { source, target } of cut.graph.links)
      if (cut.tiling.has(source) || cut.tiling.has(target))
        for (const name of [source, target]) expect(settled(cut)).toContain(name);
    expectAlike(
      await inShards(staged, 12),
      await inOne(
        buildProgram({ ...selected(chainText({ values: 'values = borders' })), kept: new Set(settled(cut)) }),
      ),
    );
  });

  test('whole blocks in a row: links through nodes that are exact as written end behind them', async () => {
    const blocks = `pcn 1

import std/nodes
import std/links
import std/topology
import std/learn
import std/data

cluster block() {
  node in:    f32[4] = nodes.exact()
  node inner: f32[5] = nodes.exact(act = tanh)
  node out:   f32[4] = nodes.gaussian()
  link in -> inner -> out = links.dense()
  link in -> out = links.identity()
  expose in, out
}

model m {
  sense x: f32[6]
  cluster b[6] = block()
  node y: f32[3]
  link x -> b[0].in = links.dense()
  link b[*].out -> b[*].in = links.identity() along topology.chain()
  link b[last].out -> y = links.dense()
}

train t of m on data.file("m.npz", x = f32[6], y = f32[3]) {
  clamp x = sample.x
  clamp y = sample.y
  method = learn.il(steps = 3, rate = 0.1)
  optimizer = learn.sgd(rate = 0.1)
  batch = ${BATCH}
  values = borders
}

schedule s of m { cut_at = clusters }
`;
    const staged = buildProgram(selected(blocks));
    const cut = cutOf(staged, 4);
    const firsts = cut.nodes.flatMap((names) => (names.includes('x') ? [] : names.slice(0, 1)));
    expect(firsts).toHaveLength(3);
    const ends = firsts.map((name) => name.replace(/\.in$/, '.out')).sort();
    expect(settled(cut)).toEqual(['x', ...ends, 'y']);
    const fixed = buildProgram({ ...selected(blocks), kept: new Set(settled(cut)) });
    expectAlike(await inShards(staged, 4), await inOne(fixed));
  });

  test('a cut whose errors do not come far enough is refused', () => {
    const staged = buildProgram(
      selected(chainText({ values: 'values = borders', method: 'learn.il(steps = 1)', schedule: WHOLE })),
    );
    expect(cutModel(staged, uniformMachines(2)).kind).toBe('cut');
    const cut = cutModel(staged, uniformMachines(4));
    expect(cut).toMatchObject({ kind: 'impossible', reason: expect.stringContaining('takes 1 tick') as string });
  });
});

test('nodes of cycles, with links apart, without prediction or asked for by a task keep their values', () => {
  const all = selected(
    chainText({
      values: 'values = borders',
      more: `node loop: f32[5]
  link h[3] -> loop = links.dense()
  link loop -> loop = links.dense()
  node cause: f32[2]
  link cause -> h[2] = links.dense()
  link y -> h[1] = links.dense(apart = true, delay = 1)`,
    }).replace('read z = y', 'read z = y\n  read e = energy(h[5])'),
  );
  expect(settled(buildProgram(all))).toEqual(['x', 'h[1]', 'h[5]', 'y', 'loop', 'cause']);
});

describe('clusters', () => {
  const text = (values: string, node: string): string => `pcn 1

import std/nodes
import std/links
import std/topology
import std/learn
import std/data

cluster block(width: int) {
  node low: f32[width] = ${node}
  node high: f32[width] = nodes.gaussian(act = tanh)
  link low -> high = links.dense()
  expose high
  link high -> low = links.dense(delay = 1)
}

cluster two() {
  cluster inner = block(width = 3)
  node mixed: f32[3] = ${node}
  link inner.high -> mixed = links.dense()
  node out: f32[3]
  link mixed -> out = links.dense()
  expose out
}

model m {
  sense x: f32[6]
  node first: f32[3] = nodes.gaussian(act = tanh)
  cluster all = two()
  node y: f32[3]
  link x -> first = links.dense()
  link first -> all.out = links.dense()
  link all.out -> y = links.dense()
}

train t of m on data.file("m.npz", x = f32[6], y = f32[3]) {
  clamp x = sample.x
  clamp y = sample.y
  method = learn.il(steps = 6, rate = 0.1)
  optimizer = learn.sgd(rate = 0.1)
  batch = ${BATCH}
  ${values}
}
`;
  test('nodes that their cluster does not expose are exact, as if they were written so', async () => {
    const plain = 'nodes.gaussian(act = tanh, precision = learned)';
    const staged = buildProgram(selected(text('values = clusters', plain)));
    expect(settled(staged)).toEqual(['x', 'first', 'all.inner.high', 'all.out', 'y']);
    const written = buildProgram(selected(text('', 'nodes.exact(act = tanh)')));
    expect(settled(written)).toEqual(settled(staged));
    expectAlike(await inOne(staged), await inOne(written));
  });
});
