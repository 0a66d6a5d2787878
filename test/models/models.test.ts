/**
 * Models that nobody wrote, trained for two batches on every device, against an interpreter of `spec/semantics.md` that
 * shares nothing with the compiler behind the graph. `NMC_MODELS` and `NMC_MODELS_SEED` say how many, and which.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { check } from './check.ts';
import { cpu, reference } from './devices.ts';
import { descriptions } from './generator.ts';
import { textOf } from './print-model.ts';

const RUNS = Number(process.env.NMC_MODELS ?? 100);
const SEED = Number(process.env.NMC_MODELS_SEED ?? 1);

test(`${RUNS} models on the reference and the cpu device`, { timeout: 600_000 }, async () => {
  const property = fc.asyncProperty(descriptions, async (description) => {
    const text = textOf(description);
    expect(await check(text, [reference, cpu(1)]), text).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
});
