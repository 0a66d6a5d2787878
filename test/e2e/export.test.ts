/** `nmc export`: other programs get what `nmc predict` says, for any number of samples, step by step of sequences too. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { beforeAll, expect, test } from 'vitest';
import { initialValues } from '../../spec/initialise.ts';
import { stream } from '../../spec/random.ts';
import { jsonLines, nmc, temporaryFolder } from '../support/nmc.ts';
import { npyF32, npz } from '../unit/data/fixtures.ts';

const STEPS = 3;
const COUNT = 5;
const folder = temporaryFolder();
const rng = stream(11, 'walks');
const walks = Float32Array.from({ length: COUNT * STEPS * 2 }, (_, i) => rng.normal(i));

writeFileSync(
  join(folder, 'walk.pcn'),
  `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model walk {
  sense at: f32[2]
  node  s:  f32[3] = nodes.gaussian(act = tanh)

  link s -> at = links.dense()
  link s -> s  = links.dense(delay = 1, bias = false)
}

train il of walk on data.file("walks.npz", at = f32[${STEPS}, 2]) {
  sequence = ${STEPS}
  clamp at = sample.at

  method    = learn.il(steps = 3, rate = 0.1)
  optimizer = learn.adam(rate = 0.03)
  batch     = 5
  epochs    = 2
}

predict go_on of walk {
  clamp at = input.at when step < 2
  settle = learn.settle(steps = 5, rate = 0.1, start = noise)
  read at = at
  read s  = s
  read off = error(at)
  read surprise = energy(at) + energy(s)
}
`,
);
writeFileSync(join(folder, 'walks.npz'), npz({ at: npyF32([COUNT, STEPS, 2], [...walks]) }));

beforeAll(async () => {
  expect(await nmc(['train', 'walk.pcn', '--out', 'run', '--json'], { cwd: folder })).toMatchObject({ code: 0 });
});

const float = (values: Iterable<number>, shape: readonly number[]): ort.Tensor =>
  new ort.Tensor('float32', Float32Array.from(values), shape);

/** The first samples' sequences, one call a step: what is remembered goes in again. */
async function follow(session: ort.InferenceSession, count: number): Promise<Record<string, number[][]>> {
  const noiseOf = (node: string, width: number): ort.Tensor => {
    const id = `noise:predict.go_on:${node}`;
    const shape = [count, width];
    return float(initialValues({ id, shape, role: 'memory', init: { kind: 'normal', std: 1 } }, 0), shape);
  };
  let memory = float(new Float32Array(count * 3).fill(9), [count, 3]);
  const read: Record<string, number[][]> = { at: [], s: [], off: [], surprise: [] };
  for (let step = 0; step < STEPS; step++) {
    const at = Array.from({ length: count * 2 }, (_, i) => walks[(i >> 1) * STEPS * 2 + step * 2 + (i & 1)] as number);
    const found = await session.run({
      at: float(at, [count, 2]),
      'sequence.step': float([step], []),
      'memory.s.1': memory,
      'noise.s': noiseOf('s', 3),
      'noise.at': noiseOf('at', 2),
    });
    const numbers = (output: string): number[] => [...((found[output] as ort.Tensor).data as Float32Array)];
    memory = found['memory.s.1.next'] as ort.Tensor;
    read.at?.push(numbers('at.read'));
    read.s?.push(numbers('s'));
    read.off?.push(numbers('off'));
    read.surprise?.push(numbers('surprise'));
  }
  return read;
}

test('a predictor that remembers and starts from noise predicts the same in another program, whatever the batch', async () => {
  const [exported, predicted] = await Promise.all([
    nmc(['export', 'run', '--onnx', 'any.onnx', '--json'], { cwd: folder }),
    nmc(['predict', 'run', '--input', 'walks.npz', '--json'], { cwd: folder }),
  ]);
  expect(exported).toMatchObject({ code: 0, stderr: '' });
  expect(jsonLines(exported)).toMatchObject([{ event: 'exported', batch: 'any' }]);
  const session = await ort.InferenceSession.create(readFileSync(join(folder, 'any.onnx')));
  const expected = jsonLines(predicted) as unknown as Record<string, number[][]>[];
  for (const count of [1, 3, COUNT]) {
    const read = await follow(session, count);
    for (let sample = 0; sample < count; sample++)
      for (const [name, width] of Object.entries({ at: 2, s: 3, off: 2, surprise: 1 }))
        for (let step = 0; step < STEPS; step++) {
          const own = read[name]?.[step]?.slice(sample * width, (sample + 1) * width) ?? [];
          own.forEach((value, i) => {
            const wanted = [expected[sample]?.[name]?.[step]].flat();
            expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 4);
          });
        }
  }
  await session.release();
});

test('an export may fix the batch size, and its report lists memory, noise and steps beside fields and reads', async () => {
  const { code, stdout } = await nmc(['export', 'run', '--onnx', 'two.onnx', '--batch', '2'], { cwd: folder });
  expect(code).toBe(0);
  expect(stdout).toContain('one call takes exactly 2 samples');
  expect(stdout).toContain(`one call is one step of a sequence of ${STEPS}`);
  for (const name of ['memory.s.1', 'memory.s.1.next', 'noise.s', 'sequence.step', 'at.read'])
    expect(stdout).toContain(`\n  ${name}: `);
});

test('a batch size that is not a number is refused', async () => {
  const outcome = await nmc(['export', 'run', '--onnx', 'no.onnx', '--batch', 'many'], { cwd: folder });
  expect(outcome).toMatchObject({ code: 2, stdout: '' });
  expect(outcome.stderr).toContain('--batch');
});
