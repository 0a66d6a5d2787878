/** Which cut trains fastest in lockstep: the way through the work of all shards counts, not how even it is. */
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { scheduledMachines } from '../../../compiler/6-partition/scheduled-machines.ts';
import { longestWay } from '../../../compiler/6-partition/shards/longest-way.ts';
import type { ShardProgram } from '../../../compiler/6-partition/shards/split.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { type Costs, FREE } from '../../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';
import { TRAIN } from '../../../spec/names.ts';
import type { Segment } from '../../../spec/schedule.ts';
import { checked } from '../../support/check-source.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Nothing costs anything but a call, a second. */
const CALLS: Costs = { ...FREE, call: 1 };
/** Nothing costs anything but a floating-point operation, a second. */
const OPERATIONS: Costs = { ...FREE, flop: 1 };

const shardOf = (shard: number, segments: readonly Segment[]): ShardProgram => ({
  program: {
    name: 'm',
    states: [],
    functions: segments.flatMap(({ run }) =>
      run === undefined
        ? []
        : [{ name: run, role: 'segment' as const, batch: 1, inputs: [], blocks: [], updates: [], results: [] }],
    ),
  },
  schedule: {
    shard,
    messages: [],
    functions: [
      {
        name: TRAIN,
        batch: 1,
        inputs: [],
        results: [],
        stages: [{ name: 'tick', repeat: 3, firstTick: 0, begin: [], next: [], end: [], segments }],
      },
    ],
  },
});

const wayOf = (...shards: readonly (readonly Segment[])[]): number =>
  longestWay(
    shards.map((segments, shard) => shardOf(shard, segments)),
    TRAIN,
    shards.map(() => CALLS),
  );

test('work that waits for nothing runs side by side', () => {
  const own = { receive: [], run: 'own', send: [] };
  expect(wayOf([own], [own, { ...own, run: 'more' }])).toBe(6);
});

test('work that waits for a frame comes after the work that makes it', () => {
  const first = [
    { receive: [], run: 'a', send: [0] },
    { receive: [1], run: 'b', send: [] },
  ];
  expect(wayOf(first, [{ receive: [0], run: 'c', send: [1] }])).toBe(9);
});

function staged(source: string) {
  const all = checked(source);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  return buildProgram({ checked: all, model: task.model, task, predicts: [] });
}

const mnist = readFileSync('dsl-examples/mnist.pcn', 'utf8');

test.each([2, 4])(
  'mnist.pcn in %i shards has whole nodes, since each node that is cut adds a frame to wait for',
  (shards) => {
    const uncut = staged(mnist);
    const machines = scheduledMachines(uncut, shards);
    const [even, chosen] = [cutModel(uncut, machines), cutModel(uncut, machines, { quickest: true })];
    if (even.kind !== 'cut' || chosen.kind !== 'cut') throw new Error('it can be cut');
    expect(even.tiling.size).toBeGreaterThan(0);
    expect(chosen.tiling.size).toBe(0);
    const way = ({ split }: typeof even): number =>
      longestWay(
        split,
        TRAIN,
        split.map(() => DEFAULT_MACHINE.costs),
      );
    expect(way(chosen)).toBeLessThan(0.85 * way(even));
  },
);

test('a wide network has whole nodes, too, where its way through the operations alone is no longer with them', () => {
  const uncut = staged(mnist.replaceAll('hidden: int = 128', 'hidden: int = 4096').replaceAll('= 128\n', '= 256\n'));
  const machines = scheduledMachines(uncut, 2);
  const [even, chosen] = [cutModel(uncut, machines), cutModel(uncut, machines, { quickest: true })];
  if (even.kind !== 'cut' || chosen.kind !== 'cut') throw new Error('it can be cut');
  expect(even.tiling.size).toBeGreaterThan(0);
  expect(chosen.tiling.size).toBe(0);
  const operations = ({ split }: typeof even): number => longestWay(split, TRAIN, [OPERATIONS, OPERATIONS]);
  expect(operations(chosen)).toBeLessThan(0.95 * operations(even));
});

test('weights move while the last frames are on their way, and a batch begins with the work that others wait for', () => {
  const uncut = staged(mnist);
  const cut = cutModel(uncut, scheduledMachines(uncut, 2), { quickest: true });
  if (cut.kind !== 'cut') throw new Error('it can be cut');
  for (const { program, schedule } of cut.split) {
    const updates = new Map(program.functions.map((f) => [f.name, f.updates.length]));
    const stages = schedule.functions.find((f) => f.name === TRAIN)?.stages ?? [];
    const learn = stages.find((s) => s.name === 'learn')?.segments ?? [];
    const last = learn.findLastIndex((s) => s.receive.length > 0);
    const early = learn.slice(0, last).filter((s) => (updates.get(s.run ?? '') ?? 0) > 0);
    expect(early.length).toBeGreaterThan(0);
  }
  const starts = cut.split.map(({ schedule }) => {
    const stage = schedule.functions.find((f) => f.name === TRAIN)?.stages.find((s) => s.name === 'start');
    const segments = stage?.segments ?? [];
    const sends = segments.findLastIndex((s) => s.send.length > 0);
    return segments.slice(sends + 1).some((s) => s.receive.length === 0 && s.run !== undefined);
  });
  expect(starts).toContain(true);
});
