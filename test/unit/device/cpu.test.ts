import { describe, expect, test } from 'vitest';
import { lowerProgram } from '../../../compiler/5-program/lower.ts';
import { runPasses } from '../../../compiler/5-program/passes/index.ts';
import { lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { openHere } from '../../../runtime/device/cpu/cpu.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import {
  call,
  chain,
  initialise,
  randomInputs,
  readParameters,
  relativeError,
  tanh,
  trainTask,
} from '../../support/networks.ts';

const methods = {
  il: call('learn.il', { steps: 6, rate: 0.1, momentum: 0.5 }),
  ipc: call('learn.ipc', { steps: 6, rate: 0.1, momentum: 0 }),
  z_il: call('learn.z_il'),
  fa_z_il: call('learn.fa_z_il'),
  nudged: call('learn.nudged', { steps: 6, rate: 0.1, momentum: 0, beta: 0.5, sign: 'centred' }),
  bp: call('learn.bp'),
};

describe.each(Object.keys(methods) as (keyof typeof methods)[])('%s', (method) => {
  test('the cpu device computes what the reference device computes', async () => {
    const graph = chain([17, 9, 7, 3], { act: tanh });
    const task = trainTask(graph, { method: methods[method], batch: 5, clamped: ['l0', 'l3'] });
    const program = runPasses(lowerProgram(graph, task, [], { predictBatch: 4 }));
    const cpu = openHere({ program, files: lowerToCpu(program) }, 1);
    const reference = await referenceDevice.open({ program, files: new Map() });
    const f = program.functions[0];
    if (!f) throw new Error('no function');
    for (const session of [cpu, reference]) await initialise(session, program, 3);
    for (let batch = 0; batch < 3; batch++) {
      const inputs = randomInputs(f, batch);
      const position = { batch, batches: 3 };
      const a = await cpu.run('train', inputs, position);
      const b = await reference.run('train', inputs, position);
      for (const [name, value] of Object.entries(b))
        expect(relativeError(a[name] ?? [], value), name).toBeLessThan(1e-5);
    }
    const [a, b] = [await readParameters(cpu, program), await readParameters(reference, program)];
    for (const [name, weight] of b) expect(relativeError(a.get(name) ?? [], weight), name).toBeLessThan(1e-5);
    await cpu.close();
  });
});
