/**
 * Every example, cut as `nmc compile --partition` cuts it: K shards in lockstep train as one does, over batches with
 * weight steps. The same bits where no node is cut, else within the rounding of f64. The first train block of each, in its
 * small form; `npm run accept -- lockstep` takes every train block with few ticks, and some widths small, so that the
 * reference device can run them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { runPassesByNode } from '../../../compiler/5-program/passes/index.ts';
import { cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { buildProgram, type Staged } from '../../../compiler/compile.ts';
import type { Tensor } from '../../../runtime/device/device.ts';
import { checked } from '../../support/check-source.ts';
import { narrowCortex } from '../../support/narrow-cortex.ts';
import { runShards, runWhole } from '../../support/shards.ts';
import { smallStaged } from '../../support/small-examples.ts';

vi.setConfig({ testTimeout: 3_600_000 });

/**
 * Sums of up to 784 terms in another order differ by some 1e-13 of their size. Adam divides by a gradient's own size and
 * 1e-8: where a gradient is nearly zero, its step is moved by up to 1e-5 of itself, 1e-9 of a weight in four batches.
 */
const BOUND = 1e-8;
const EVERY = process.env.NMC_LOCKSTEP === 'all';

const SETTINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  digits: { hidden: '12' },
  fan_out: { hidden: '12', replicas: '3' },
  generate: { styles: '4', hidden: '12' },
  mnist: { hidden: '12' },
  predify: { hidden: '12' },
  rec_lra: { width: '12' },
  resnet: { channels: '1' },
  sequence: { hidden: '12' },
  transformer: { width: '8', heads: '2' },
  vgg: { channels: '1' },
};

const examples = readdirSync('dsl-examples').filter((file) => file.endsWith('.pcn'));

function textOf(name: string): string {
  const text = readFileSync(`dsl-examples/${name}.pcn`, 'utf8')
    .replace(/batch( *)= \d+/g, 'batch$1= 3')
    // As many as errors need to come everywhere in the deepest of them.
    .replace(/steps = \d+/g, 'steps = 4')
    // As in `small-examples.ts`: rounding is then far below the errors of the first layers.
    .replace(/rate = [\d.]+, deviations/g, 'rate = 0.1, deviations')
    .replace(/sequence = 16/g, 'sequence = 4')
    .replace(/sequences\(16\)/g, 'sequences(4)');
  return name === 'cortex' ? narrowCortex(text) : text;
}

/** Every train block with its own widths, as far as an interpreter can bear them. */
function wholeTasks(file: string): readonly (readonly [string, Staged])[] {
  const name = file.replace(/\.pcn$/, '');
  const all = checked(textOf(name), { set: SETTINGS[name] ?? {} });
  return all.trains.map((task) => [
    `${file}: ${task.name}`,
    buildProgram({ checked: all, model: task.model, task, predicts: [] }),
  ]);
}

const cases = examples.flatMap((file) =>
  EVERY
    ? wholeTasks(file)
    : smallStaged(file, 3)
        .slice(0, 1)
        .map(({ name, staged }) => [name, staged] as const),
);

test.each(cases)('%s trains in shards as in one piece', async (name, staged) => {
  const program = runPassesByNode(staged.lowered);
  const whole = await runWhole(program);
  for (const shards of [2, 3, 8]) {
    const cut = cutModel(staged, uniformMachines(shards));
    const what = `${name}, ${shards} shards`;
    if (cut.kind === 'impossible') {
      expect(cut.reason, what).toMatch(/can be cut into at most \d parts/);
      continue;
    }
    expect(cut.split, what).toHaveLength(shards);
    const parts = await runShards(program, cut.split);
    const bound = cut.tiling.size > 0 ? BOUND : 0;
    parts.results.forEach((results, i) => {
      for (const [id, values] of Object.entries(whole.results[i] ?? {}))
        expectClose(results[id], values, bound, `${what}, ${id}`);
    });
    for (const [id, values] of parts.states) expectClose(values, whole.states.get(id), bound, `${what}, ${id}`);
  }
});

function expectClose(got: Tensor | undefined, wanted: Tensor | undefined, bound: number, what: string): void {
  if (!got || !wanted) throw new Error(`${what}: ${got ? 'one shard' : 'the shards'} did not give it`);
  expect(got.length, what).toBe(wanted.length);
  const off = wanted.findIndex((b, i) => !(Math.abs((got[i] as number) - b) <= bound * Math.max(1, Math.abs(b))));
  expect(off < 0 ? 'as one' : `[${off}] is ${got[off]}, not ${wanted[off]}`, what).toBe('as one');
}
