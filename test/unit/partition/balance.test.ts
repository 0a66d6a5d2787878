/** Shards do equal work: the heaviest at most 5 % more than the mean, as counted in the programs that they run. */
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { verify } from '../../../compiler/5-program/verify.ts';
import { cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { scheduledMachines } from '../../../compiler/6-partition/scheduled-machines.ts';
import { shardWork } from '../../../compiler/6-partition/shards/work.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { checked } from '../../support/check-source.ts';
import { SMALL_MEMORY } from '../../support/small-memory.ts';

vi.setConfig({ testTimeout: 60_000 });

const MAX_UNEVEN = 1.05;

function unevenness(source: string, shards: number, options = {}): number {
  const all = checked(source, options);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  const staged = buildProgram({ checked: all, model: task.model, task, predicts: [] });
  const cut = cutModel(staged, scheduledMachines(staged, shards));
  if (cut.kind !== 'cut') throw new Error(cut.reason);
  expect(cut.nodes.every((names) => names.length > 0)).toBe(true);
  for (const { program } of cut.split) verify(program);
  const work = shardWork(cut.split);
  return (Math.max(...work) * shards) / work.reduce((a, b) => a + b, 0);
}

const mnist = readFileSync('dsl-examples/mnist.pcn', 'utf8');

test.each([2, 3, 5, 7])('mnist.pcn is cut evenly into %i', (shards) => {
  expect(unevenness(mnist, shards)).toBeLessThanOrEqual(MAX_UNEVEN);
});

test.each([3, 6])('a narrow network is cut evenly into %i', (shards) => {
  expect(unevenness(mnist, shards, { set: { hidden: '40' } })).toBeLessThanOrEqual(MAX_UNEVEN);
});

test.each([11, 15])(
  '49 pixels that predict each other are cut evenly into %i, where a unit is a large part of a share',
  (shards) => {
    expect(unevenness(SMALL_MEMORY, shards)).toBeLessThanOrEqual(MAX_UNEVEN);
  },
);

test('memory.pcn is cut evenly into 64, where weights are spread in a program of sliced pixels', () => {
  expect(unevenness(readFileSync('dsl-examples/memory.pcn', 'utf8'), 64)).toBeLessThanOrEqual(MAX_UNEVEN);
});
