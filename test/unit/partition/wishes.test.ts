/** Demands of a schedule and a mesh file on a cut are kept, also where nodes are cut into tiles. */
import { expect, test, vi } from 'vitest';
import { type CutModel, type CutOptions, cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { scheduledMachines } from '../../../compiler/6-partition/scheduled-machines.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { checked } from '../../support/check-source.ts';

vi.setConfig({ testTimeout: 60_000 });

/** @param schedule settings, or nothing */
function staged(schedule: string): ReturnType<typeof buildProgram> {
  const text = `pcn 1
import std/nodes
import std/links
import std/learn
import std/data

cluster pair() {
  node low:  f32[8] = nodes.gaussian()
  node high: f32[8] = nodes.gaussian()
  link low -> high = links.dense()
  expose low, high
}

model m {
  sense x: f32[6]
  cluster p[3] = pair()
  node y: f32[4] = nodes.gaussian()
  link x -> p[*].low = links.dense()
  link p[*].high -> y = links.dense()
}

train il of m on data.file("points.npz", x = f32[6], y = f32[4]) {
  clamp x = sample.x
  clamp y = sample.y
  method    = learn.il(steps = 3, rate = 0.1)
  optimizer = learn.sgd()
  batch     = 4
  epochs    = 1
}
${schedule === '' ? '' : `\nschedule home of m {\n${schedule}\n}\n`}`;
  const all = checked(text);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  return buildProgram({ checked: all, model: task.model, task, predicts: [] });
}

function cutInto(shards: number, schedule: string, pinned?: CutOptions['pinned']): CutModel {
  const cut = cutModel(staged(schedule), uniformMachines(shards), { pinned });
  if (cut.kind === 'impossible') throw new Error(cut.reason);
  return cut;
}

const shardOf = ({ nodes }: CutModel, name: string): number => nodes.findIndex((own) => own.includes(name));

test('nodes that stay together are whole and on one machine, however many shards there are', () => {
  for (const shards of [2, 5, 12]) {
    const cut = cutInto(shards, '  keep_together = [x, y]');
    expect(shardOf(cut, 'x')).toBeGreaterThanOrEqual(0);
    expect(shardOf(cut, 'y')).toBe(shardOf(cut, 'x'));
  }
});

test('groups that share a node are one group', () => {
  const cut = cutInto(3, '  keep_together = [[x, y], [y, p[1].low]]');
  expect(new Set(['x', 'y', 'p[1].low'].map((name) => shardOf(cut, name))).size).toBe(1);
});

test('cut_at says what stays whole: clusters, nodes, or neither', () => {
  const clusters = cutInto(3, '  cut_at = clusters');
  for (let i = 0; i < 3; i++) expect(shardOf(clusters, `p[${i}].low`)).toBe(shardOf(clusters, `p[${i}].high`));
  expect(cutInto(6, '  cut_at = nodes').tiling.size).toBe(0);
  expect(cutInto(12, '  cut_at = anywhere').tiling.size).toBeGreaterThan(0);
  const most = (schedule: string): string => {
    const cut = cutModel(staged(schedule), uniformMachines(1000));
    return cut.kind === 'impossible' ? cut.reason : 'it was cut';
  };
  expect(most('  cut_at = clusters')).toBe('m can be cut into at most 5 parts, not into 1000');
  expect(most('  cut_at = nodes')).toBe('m can be cut into at most 8 parts, not into 1000');
  expect(most('')).toBe('m can be cut into at most 58 parts, not into 1000');
});

test('a node is on the machine that a mesh file pins it to', () => {
  for (const shards of [2, 4, 12])
    for (const machine of [0, shards - 1]) {
      const cut = cutInto(shards, '', new Map([['x', machine]]));
      expect(cut.nodes[machine], `${shards} shards`).toContain('x');
    }
});

test('a schedule says what each machine has', () => {
  const model = staged('  memory = 1MiB\n  uplink = 8Mbit/s\n  latency = 40ms');
  const { list, latency } = scheduledMachines(model, 2);
  expect(list).toMatchObject([
    { memory: 2 ** 20, upload: 1e6, download: Infinity },
    { memory: 2 ** 20, upload: 1e6, download: Infinity },
  ]);
  expect([...(latency ?? [])]).toEqual([0.02, 0.02, 0.02, 0.02]);
  const tight = cutModel(model, { list: list.map((m) => ({ ...m, memory: 100 })) });
  expect(tight.kind === 'impossible' && tight.reason).toMatch(/needs 0\.\d MiB/);
});

test('a setting that no runtime supports yet is refused rather than ignored', () => {
  const refusal = (schedule: string): string => {
    const cut = cutModel(staged(schedule), uniformMachines(2));
    return cut.kind === 'impossible' ? cut.reason : 'it was cut';
  };
  expect(refusal('  mode = async\n  staleness = 2')).toBe('it was cut');
  expect(refusal('  mode = pipelined\n  staleness = 2')).toContain('no stale borders');
  expect(refusal('  ahead = 1')).toBe('schedule home: only pipelined batches can begin ahead');
  expect(refusal('  mode = lockstep\n  microbatches = 1\n  ahead = 1')).toContain('only pipelined');
  expect(refusal('  mode = pipelined\n  ahead = 1')).toBe('it was cut');
  expect(refusal('  staleness = 2')).toContain('no stale borders');
  expect(refusal('  mode = async\n  late = absent')).toBe('it was cut');
  expect(refusal('  mode = lockstep\n  late = absent')).toContain('wait for all frames');
  expect(refusal('  mode = pipelined\n  ahead = 0')).toBe('it was cut');
});
