/**
 * Every example that needs no data of its own, with its own nodes and ticks (but for two of them), through the command:
 * two batches on `webgpu` under the software driver reach the energies that they reach on `cpu`. An interpreter in f64
 * would take hours for the larger ones.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonLines, nmc, temporaryFolder } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';
import { softwareVulkanEnvironment } from '../support/software-vulkan.ts';

const BOUND = 1e-3;
/** Samples of a batch where its own, of 17 and 52 GFLOP, would take a processor that plays a GPU more than minutes. */
const FEWER: Readonly<Record<string, number>> = { 'cortex.pcn': 2, 'memory.pcn': 4 };
/** Changes of an example. */
const CHANGED: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  // With 64 columns, even two samples take a processor that plays a GPU longer than a quarter of an hour.
  'cortex.pcn': [
    ['column[64]', 'column[16]'],
    ['column[0..31]', 'column[0..7]'],
    ['column[32..47]', 'column[8..11]'],
    ['column[48..63]', 'column[12..15]'],
  ],
  // With four samples, behind some 150 steps of Adam their length is all that is left of the energy: on the processor
  // alone, a rate that differs by 1e-6 of itself then changes it by a quarter.
  'memory.pcn': [['steps = 200', 'steps = 100']],
};
const EXAMPLES = join(ROOT, 'dsl-examples');
const folder = temporaryFolder();

/** Samples of a batch of its first task; nothing where its data are not generated ones. */
function batchOf(name: string): number | undefined {
  const text = readFileSync(join(EXAMPLES, name), 'utf8');
  const task = /^train [\s\S]*?^}/m.exec(text)?.[0] ?? '';
  const batch = Number(/batch\s*=\s*(\d+)/.exec(task)?.[1] ?? Number.NaN);
  return /on data\.(glyphs|senses|tracking)\./.test(task) && batch > 0 ? (FEWER[name] ?? batch) : undefined;
}

/** A copy of the model without its checks: hundreds of ticks on all samples took longer than both batches. */
function modelOf(name: string): string {
  let text = readFileSync(join(EXAMPLES, name), 'utf8').replaceAll(/^check .*$/gm, '');
  for (const [from, to] of CHANGED[name] ?? []) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const examples = readdirSync(EXAMPLES).flatMap((name) => {
  const batch = name.endsWith('.pcn') ? batchOf(name) : undefined;
  return batch === undefined ? [] : [[name, batch] as const];
});

test.each(examples)('%s', { timeout: 1_800_000 }, async (name, batch) => {
  const env = await softwareVulkanEnvironment();
  const energies = async (device: string): Promise<number[]> => {
    const sizes = ['--limit', String(2 * batch), '--batch', String(batch)];
    const settings = [...sizes, '--epochs', '1', '--seed', '1', '--out', `${device}-${name}`];
    const outcome = await nmc(['train', modelOf(name), ...settings, '--device', device, '--json'], {
      cwd: folder,
      env,
    });
    expect(outcome.code, outcome.stderr).toBe(0);
    return jsonLines(outcome).flatMap((line) => (line.event === 'epoch' ? [line.energy as number] : []));
  };
  const [found, wanted] = [await energies('webgpu'), await energies('cpu')];
  expect(wanted).toHaveLength(1);
  expect(Math.abs((found[0] ?? Number.NaN) / (wanted[0] ?? 0) - 1)).toBeLessThan(BOUND);
});
