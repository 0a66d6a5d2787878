/** `last = keep`: what does not fill a batch is trained with the mean of its own gradients. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildProgram } from '../../../compiler/compile.ts';
import { memoryDataset } from '../../../runtime/data/dataset.ts';
import { batchOrder } from '../../../runtime/data/order.ts';
import { planWithoutFiles } from '../../support/built-plans.ts';
import { checked } from '../../support/check-source.ts';
import { jsonLines, temporaryFolder } from '../../support/nmc.ts';
import { nmcInProcess } from '../../support/nmc-in-process.ts';
import { trainHere } from '../../support/one-machine.ts';

const RATE = 0.1;
const BATCH = 4;
const model = (last: string): string => `pcn 1

import std/links
import std/learn
import std/data

model line {
  sense x: f32[1]
  node  y: f32[1]
  link x -> y = links.dense(bias = false)
}

train fit of line on data.file("d.csv", x = f32[1], y = f32[1]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = learn.bp()
  optimizer = learn.sgd(rate = ${RATE})
  batch     = ${BATCH}
  epochs    = 2
  ${last}
}
`;

const xs = [0.5, -1, 2, 0.25, 1.5, -0.75, 1];
const ys = [1, 0.5, -1, 2, 0.75, -0.5, 3];
const column = (name: string, values: readonly number[]) => ({
  field: { name, type: 'f32' as const, shape: [1] },
  data: Float32Array.from(values),
});
const data = { train: memoryDataset('d', 'given', [column('x', xs), column('y', ys)]), checks: [] };

function planOf(last: string, batch?: number) {
  const all = checked(model(last));
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  const sized = batch === undefined ? task : { ...task, batch };
  const staged = buildProgram({ checked: all, model: task.model, task: sized, predicts: [] });
  return planWithoutFiles(staged);
}

/** Two epochs by hand: `y = w·x`, a step of the mean gradient behind each part. */
function byHand(from: number, keeps: boolean): number {
  let w = from;
  for (const epoch of [0, 1]) {
    const order = batchOrder({ seed: 1, epoch, length: xs.length, batch: BATCH, dropLast: !keeps });
    for (let b = 0; b < order.batches; b++) {
      const rows = [...order.indices(b)];
      const gradients = rows.map((row) => ((ys[row] as number) - w * (xs[row] as number)) * (xs[row] as number));
      w += (RATE * gradients.reduce((sum, g) => sum + g, 0)) / rows.length;
    }
  }
  return w;
}

test('a kept last part moves the weight by the mean over its own samples, and no sample is left out', async () => {
  const { reports, weights, before } = await trainHere(planOf('last = keep'), data, 2, planOf('last = keep', 3));
  const [from, to] = [before, weights].map((all) => [...all.values()][0]?.[0] as number) as [number, number];
  expect(to).toBeCloseTo(byHand(from, true), 12);
  expect(Math.abs(to - byHand(from, false))).toBeGreaterThan(1e-3);
  expect(reports.map((r) => r.leftOut)).toEqual([undefined, undefined]);
});

test('a last part is dropped by default, which is reported', async () => {
  const { reports, weights, before } = await trainHere(planOf('last = drop'), data, 2);
  const [from, to] = [before, weights].map((all) => [...all.values()][0]?.[0] as number) as [number, number];
  expect(to).toBeCloseTo(byHand(from, false), 12);
  expect(reports.map((r) => r.leftOut)).toEqual([3, 3]);
});

const folder = temporaryFolder();
writeFileSync(
  join(folder, 'd.csv'),
  `x[0],y[0]\n${xs.map((x, i) => `${x.toFixed(2)},${ys[i]?.toFixed(2)}`).join('\n')}\n`,
);

test('nmc train keeps a last part, and refuses by name to keep it in shards', async () => {
  const path = join(folder, 'keep.pcn');
  writeFileSync(path, model('last = keep'));
  const train = (...more: string[]) => nmcInProcess('train', path, '--device', 'reference', '--json', ...more);
  const kept = await train('--out', join(folder, 'run'));
  const epochs = jsonLines({ ...kept, signal: null }).filter((e) => e.event === 'epoch');
  expect(
    epochs.map((e) => [e.epoch, 'leftOut' in e]),
    kept.stderr,
  ).toEqual([
    [1, false],
    [2, false],
  ]);
  const cut = await train('--shards', '2', '--out', join(folder, 'cut'));
  expect([cut.code, cut.stderr]).toEqual([2, expect.stringContaining('error[train/last]')]);
});

test('a last part is trained, and again after a resume, where links remember values of a whole batch', async () => {
  const path = join(folder, 'remembers.pcn');
  writeFileSync(path, model('last = keep').replace('(bias = false)', '$&\n  link y -> y = links.dense(delay = 1)'));
  const [run, json] = [join(folder, 'remembers'), ['--device', 'reference', '--json']];
  const trained = await nmcInProcess('train', path, '--out', run, ...json);
  expect(trained.code, trained.stderr).toBe(0);
  const resumed = await nmcInProcess('train', '--resume', run, '--epochs', '+1', ...json);
  expect(resumed.code, resumed.stderr).toBe(0);
});
