/**
 * Many small kernels as one dispatch give the bits that they give one by one, all poisoned before: operators with their
 * derivatives, and networks of odd sizes. (Golden models do so in `programs-webgpu.test.ts`.)
 */
import { describe, expect, test } from 'vitest';
import type { LoweredKernels } from '../../compiler/7-kernels/wgsl/lower.ts';
import { type OperatorName, operators } from '../../compiler/operators/table.ts';
import type { Device } from '../../runtime/device/device.ts';
import { verifyKernels } from '../../spec/kernel-verify.ts';
import { MAX_WRITTEN_STEPS } from '../../spec/kernels.ts';
import { type Program, sizeOf } from '../../spec/program.ts';
import { inOneGroup, launchByLaunch } from '../support/lowered.ts';
import { type SmallTraining, trainSmall } from '../support/small-training.ts';
import { trainingProgram } from '../support/training-program.ts';
import { openLaunches, openLowered } from '../support/webgpu.ts';
import { caseProgram, runCases } from './harness.ts';
import { type OperatorCase, operatorCases } from './operators.ts';

const openOneGroup = openLowered((program) => inOneGroup(program));

/** Of each operator the smallest, one element for each thread, more than there are threads. */
function someCases(name: OperatorName): OperatorCase[] {
  const size = (c: OperatorCase): number => c.args.reduce((sum, a) => sum + sizeOf(a.shape), 0);
  const cases = operatorCases().filter((c) => c.operator === name && size(c) < 20_000);
  cases.sort((a, b) => size(a) - size(b));
  return cases.filter((_, i) => i === 0 || i === cases.length >> 1 || i === cases.length - 1);
}

test.each(Object.keys(operators) as OperatorName[])(
  '%s gives the same bits in one group as in its own kernels',
  async (name) => {
    const cases = someCases(name);
    const { kernels } = inOneGroup(caseProgram(cases));
    verifyKernels(kernels);
    for (const { dispatches } of kernels.functions) expect(dispatches.some((d) => d.steps.length > 0)).toBe(true);
    expect(await runCases(openOneGroup, cases)).toEqual(await runCases(openLaunches, cases));
  },
);

interface Network {
  readonly widths: readonly number[];
  readonly batch: number;
  readonly rule: 'il' | 'ipc';
  readonly ticks: number;
}

function programOf({ widths, batch, rule, ticks }: Network): Program {
  const hidden = widths.slice(1, -1).map((width, i) => ({ name: `h${i}`, width }));
  return trainingProgram(`pcn 1
import std/nodes
import std/links
import std/learn
import std/data

model odd {
  sense x: f32[${widths[0]}]
${hidden.map(({ name, width }) => `  node ${name}: f32[${width}] = nodes.gaussian(act = tanh)`).join('\n')}
  node y: f32[${widths.at(-1)}] = nodes.gaussian()
  link ${['x', ...hidden.map((h) => h.name), 'y'].join(' -> ')} = links.dense()
}

train task of odd on data.file("odd.npz", x = f32[${widths[0]}], y = f32[${widths.at(-1)}]) {
  clamp x   = sample.x
  clamp y   = sample.y
  method    = learn.${rule}(steps = ${ticks}, rate = 0.1)
  optimizer = learn.adam(rate = 0.01)
  batch     = ${batch}
  epochs    = 1
}
`);
}

async function trained(program: Program, lowered: LoweredKernels): Promise<SmallTraining> {
  const open: Device['open'] = ({ program }) => openLowered(() => lowered)(program);
  return trainSmall({ name: 'webgpu', description: '', open }, { program, files: new Map() }, 2);
}

describe('networks', () => {
  test.each<Network>([
    { widths: [1, 1, 1], batch: 1, rule: 'il', ticks: 3 },
    { widths: [2, 8, 1], batch: 4, rule: 'ipc', ticks: 20 },
    { widths: [3, 17, 63, 1], batch: 3, rule: 'il', ticks: 4 },
    { widths: [17, 65, 3], batch: 65, rule: 'ipc', ticks: 2 },
  ])('of $widths units train in one group as in their own kernels: $batch samples, $rule', async (network) => {
    const program = programOf(network);
    const lowered = inOneGroup(program);
    verifyKernels(lowered.kernels);
    expect(await trained(program, lowered)).toEqual(await trained(program, launchByLaunch(program)));
  });

  test('copy weights in half precision and read them in the same group', async () => {
    const program = programOf({ widths: [5, 17, 3, 1], batch: 3, rule: 'il', ticks: 6 });
    const lowered = inOneGroup(program, 'f16-weights');
    expect([...lowered.modules.values()].join('')).toMatch(/fn step_pack\d/);
    expect(await trained(program, lowered)).toEqual(await trained(program, launchByLaunch(program, 'f16-weights')));
  });

  test('repeat ticks in a loop, so ten times as many ticks give no larger kernel', () => {
    const of = (ticks: number): LoweredKernels =>
      inOneGroup(programOf({ widths: [2, 8, 1], batch: 4, rule: 'il', ticks }));
    const size = ({ modules }: LoweredKernels): number => [...modules.values()].join('').length;
    expect(size(of(200))).toBeLessThan(1.01 * size(of(20)));
    const written = (lowered: LoweredKernels): number =>
      [...lowered.modules.values()].reduce((sum, text) => sum + [...text.matchAll(/^ +step_/gm)].length, 0);
    expect(written(of(200))).toBeLessThan(MAX_WRITTEN_STEPS);
  });
});
