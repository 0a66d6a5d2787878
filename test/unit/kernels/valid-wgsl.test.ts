/**
 * Every kernel of every golden model and of every example but the largest, its predictions too: a WebGPU implementation
 * takes the module, the sizes and the bindings. Dawn's null backend checks all that, and carries nothing out.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lowerToWgsl } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { buildProgram, checkFile } from '../../../compiler/compile.ts';
import { fileHost } from '../../../compiler/host.ts';
import { openNothing } from '../../../runtime/device/webgpu/dawn.ts';
import { Pipelines } from '../../../runtime/device/webgpu/pipelines.ts';
import type { Program } from '../../../spec/program.ts';
import { launchByLaunch } from '../../support/lowered.ts';
import { expectPipelines } from '../../support/pipelines.ts';

/** Thousands of nodes of a few forms: its small size trains in `test/compliance/programs-webgpu.test.ts`. */
const LARGE = 'cortex.pcn';

const models = [
  ...readdirSync('test/golden').map((name) => join('test/golden', name, 'model.pcn')),
  ...readdirSync('dsl-examples')
    .filter((name) => name.endsWith('.pcn') && name !== LARGE)
    .map((name) => join('dsl-examples', name)),
].filter((path) => existsSync(path));

/** One for each task, with all predictions of its model. */
function programsOf(path: string): Program[] {
  const { value: checked } = checkFile(fileHost(), path);
  if (!checked) throw new Error(path);
  return checked.trains.map((task) => {
    const predicts = checked.predicts.filter((p) => p.model.name === task.model.name);
    return buildProgram({ checked, model: task.model, task, predicts }).program;
  });
}

test.each(models)('kernels of %s are valid WGSL', { timeout: 180_000 }, async (path) => {
  const gpu = await openNothing();
  // Small networks are one kernel, unless somebody asks for each by itself.
  for (const program of programsOf(path))
    for (const lowered of [lowerToWgsl(program), launchByLaunch(program)]) await expectPipelines(gpu, lowered);
});

test('a kernel that is not WGSL is refused with its line', async () => {
  const { device } = await openNothing();
  const files = new Map([['kernels/map-0.wgsl', new TextEncoder().encode('@compute\nfn main() { wrong; }\n')]]);
  const module = { id: 'map-0', buffers: [], tensors: [], parts: [], places: 'overrides' as const };
  await expect(new Pipelines(device, files).get({ module, constants: {}, accesses: [] })).rejects.toMatchObject({
    code: 'device/kernels',
    message: expect.stringContaining('2: fn main() { wrong; }'),
  });
});
