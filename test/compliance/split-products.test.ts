/** Long sums into few elements, in two passes, against the reference; and the same bits each time. */

import { expect, test } from 'vitest';
import type { Tensor } from '../../runtime/device/device.ts';
import { nodeOrigin } from '../../spec/names.ts';
import type { Op, Program } from '../../spec/program.ts';
import { launchByLaunch } from '../support/lowered.ts';
import { relativeError } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';
import { runOnce } from '../support/run-program.ts';
import { fieldNumbers } from '../support/small-training.ts';
import { openWebGpu } from '../support/webgpu.ts';
import type { Opener } from './harness.ts';

/** tanh(left^T right / 16). */
function gradient(m: number, n: number, k: number): Program {
  const inputs = (
    [
      ['a', [k, m]],
      ['b', [k, n]],
    ] as const
  ).map(([id, shape]) => ({
    id,
    field: id,
    type: 'f32' as const,
    shape: [...shape],
  }));
  const ops: Op[] = [
    {
      id: 'p',
      op: 'matmul',
      args: ['a', 'b'],
      attributes: { ta: true, tb: false },
      shape: [m, n],
      origin: nodeOrigin('w'),
    },
    { id: 'c', op: 'constant', args: [], attributes: { value: 1 / 16 }, shape: [], origin: nodeOrigin('w') },
    { id: 's', op: 'mul', args: ['p', 'c'], attributes: {}, shape: [m, n], origin: nodeOrigin('w') },
    { id: 't', op: 'tanh', args: ['s'], attributes: {}, shape: [m, n], origin: nodeOrigin('w') },
  ];
  const block = { name: 'work', repeat: 1, firstTick: 0, scalars: [], carries: [], ops };
  const results = [{ name: 't', value: 't' }];
  return {
    name: 'gradient',
    states: [],
    functions: [{ name: 'run', role: 'other', batch: 1, inputs, blocks: [block], updates: [], results }],
  };
}

async function run(open: Opener, program: Program): Promise<Tensor> {
  const [f] = program.functions;
  const { t = new Float32Array() } = await runOnce(open, program, { inputs: f ? fieldNumbers(f, 2) : {} });
  return t;
}

test.each([
  [1, 1, 512, 2],
  [3, 17, 1024, 2],
  [63, 65, 640, 2],
  [10, 33, 2000, 2],
  // Too short, odd, or enough elements already.
  [10, 33, 256, 1],
  [3, 17, 1023, 1],
  [200, 130, 512, 1],
])('%i x %i sums of %i terms are right in %i passes', async (m, n, k, passes) => {
  const program = gradient(m, n, k);
  const { kernels } = launchByLaunch(program);
  expect(kernels.functions[0]?.dispatches.length).toBe(passes);
  const found = await run(openWebGpu, program);
  expect(relativeError(found, await run(openReference, program))).toBeLessThan(1e-5);
  expect(await run(openWebGpu, program)).toEqual(found);
});
