/**
 * Damaged models through the whole compiler: only diagnostics, never a throw or a hang; what is accepted is lowered,
 * and its program is sound. NMC_FUZZ sets how many (300 by default; the full number is 100,000).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Checked } from '../../compiler/3-check/checked.ts';
import { verify } from '../../compiler/5-program/verify.ts';
import { buildProgram, checkFile } from '../../compiler/compile.ts';
import { renderDiagnostics } from '../../compiler/diagnostics/render.ts';
import { fileHost, overlayHost } from '../../compiler/host.ts';
import { LISTINGS } from '../unit/syntax/listings.ts';
import { mutate } from './mutate.ts';
import { MAX_MILLISECONDS, processorTime } from './processor-time.ts';

const COUNT = Number(process.env.NMC_FUZZ ?? 300);
const FIRST_SEED = Number(process.env.NMC_FUZZ_SEED ?? 1);
/** Larger models are checked but not lowered: the time would go into their size, not their shape. */
const MAX_NODES = 40;
const MAX_WEIGHTS = 2e6;

const examples = readdirSync('dsl-examples').filter((name) => name.endsWith('.pcn'));
const texts = [...Object.values(LISTINGS), ...examples.map((name) => readFileSync(join('dsl-examples', name), 'utf8'))];
const host = overlayHost({ 'column.pcn': LISTINGS.column ?? '' }, fileHost());

test(`${COUNT} damaged models are compiled or refused`, () => {
  let accepted = 0;
  let lowered = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
    const text = mutate(texts[seed % texts.length] ?? '', seed);
    const before = process.cpuUsage();
    try {
      const { value, diagnostics } = checkFile(overlayHost({ 'x.pcn': text }, host), 'x.pcn');
      expect(processorTime(before), `seed ${seed}`).toBeLessThan(MAX_MILLISECONDS);
      renderDiagnostics(diagnostics, new Map([['x.pcn', text]]));
      if (value === undefined) expect(diagnostics.some((d) => d.severity === 'error')).toBe(true);
      else {
        accepted++;
        lowered += lower(value);
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${JSON.stringify(text)}`, { cause: error });
    }
  }
  expect(accepted).toBeGreaterThan(COUNT / 50);
  expect(lowered).toBeGreaterThan(0);
}, 7_200_000);

/** @returns how many tasks were lowered */
function lower(checked: Checked): number {
  let count = 0;
  for (const task of checked.trains) {
    const { model } = task;
    const weights = model.links.reduce(
      (sum, l) => sum + l.weights.reduce((n, w) => n + w.shape.reduce((a, b) => a * b, 1), 0),
      0,
    );
    if (model.nodes.length > MAX_NODES || weights > MAX_WEIGHTS || task.batch > 10_000) continue;
    const predicts = checked.predicts.filter((p) => p.model.name === model.name);
    verify(buildProgram({ checked, model, task, predicts }).program);
    count++;
  }
  return count;
}
