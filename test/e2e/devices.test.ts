/** The built cpu device, with its threads and lanes, trains to the weights of the reference device. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSafetensors } from '../../runtime/store/safetensors.ts';
import { relativeError } from '../support/networks.ts';
import { nmc, temporaryFolder } from '../support/nmc.ts';

const folder = temporaryFolder();

const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model small {
  sense pixels: f32[784]
  node  h1:     f32[20] = nodes.gaussian()
  node  h2:     f32[12] = nodes.gaussian()
  node  label:  f32[10] = nodes.gaussian()

  link pixels -> h1 -> h2 = links.dense(after = gelu)
  link h2 -> label        = links.dense()
}
`;

const METHODS = ['il(steps = 5, rate = 0.1)', 'ipc(steps = 4, rate = 0.1)', 'z_il()', 'fa_z_il()', 'bp()'];
/**
 * With bounds on the relative error of each tensor. Adam's epsilon is large here: with its own, of 1e-8, it divides
 * gradients that are nothing but rounding by their own size, and both devices take whole steps of noise.
 */
const OPTIMIZERS = { 'sgd(rate = 0.1)': 1e-5, 'adamw(rate = 0.001, epsilon = 1.0e-3)': 1e-4 };
const pairs = METHODS.flatMap((method) =>
  Object.entries(OPTIMIZERS).map(([optimizer, bound]) => ({ method, optimizer, bound })),
);

function taskText({ method, optimizer }: { method: string; optimizer: string }, index: number): string {
  return `
train t${index} of small on data.glyphs.train {
  clamp pixels = sample.image / 255
  clamp label  = one_hot(sample.digit, 10)

  method    = learn.${method}
  optimizer = learn.${optimizer}
  batch     = 32
  epochs    = 1
}
`;
}

const file = join(folder, 'small.pcn');
writeFileSync(file, MODEL + pairs.map(taskText).join(''));

test.each(pairs.map((pair, i) => ({ ...pair, task: `t${i}` })))(
  '$method with $optimizer trains alike on every device',
  async ({ task, bound }) => {
    const train = (device: string): ReturnType<typeof nmc> =>
      nmc(['train', file, task, '--limit', '96', '--device', device, '--out', `${task}-${device}`, '--json'], {
        cwd: folder,
      });
    const [cpu, reference] = [await train('cpu'), await train('reference')];
    expect([cpu.code, reference.code]).toEqual([0, 0]);
    const found = readSafetensors(join(folder, `${task}-cpu`, 'model.safetensors')).tensors;
    const expected = readSafetensors(join(folder, `${task}-reference`, 'model.safetensors')).tensors;
    expect(found.map((t) => t.name)).toEqual(expected.map((t) => t.name));
    for (const [i, tensor] of expected.entries()) {
      const error = relativeError(found[i]?.data as Float32Array, tensor.data as Float64Array);
      expect(error, tensor.name).toBeLessThan(bound);
    }
  },
);
