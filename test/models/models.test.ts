/**
 * Models that nobody wrote, trained for two batches and compared with an interpreter of `spec/semantics.md` that shares
 * nothing with the compiler behind the graph. Every model is trained on the reference device and on one other, each of
 * which has twelve models of its own (`numbered.ts`), and the drivers of GPUs four each. `NMC_MODELS` says how many times as
 * many, `NMC_MODELS_SEED` which; `npm run accept -- models` takes many more.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { check } from './check.ts';
import { reference } from './devices.ts';
import { short } from './generator.ts';
import { turns } from './numbered.ts';
import { textOf } from './print-model.ts';

const SEED = Number(process.env.NMC_MODELS_SEED ?? 1);
const TIMES = Number(process.env.NMC_MODELS ?? 1);
const NUMBERS = { others: 12, webgpu: 4 } as const;

const rows = (['others', 'webgpu'] as const).flatMap((kind) =>
  turns[kind].map(({ machine, described }) => ({
    machine,
    name: machine.name,
    // Drivers of GPUs that are programs are slow.
    described: kind === 'webgpu' ? short : described,
    numRuns: Math.ceil(NUMBERS[kind] * TIMES),
  })),
);

test.each(rows)('$name learns what the equations say', { timeout: 600_000 }, async (row) => {
  const property = fc.asyncProperty(row.described, async (description) => {
    const text = textOf(description);
    expect((await check(text, [reference, row.machine])).found, text).toEqual([]);
  });
  await fc.assert(property, { numRuns: row.numRuns, seed: SEED + row.name.length });
});
