/** A plan for people: the same figures as a table, as one object, as a picture and as a page. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import type { PlanFigures } from '../../../runtime/cli/planning/plan-figures.ts';
import { planMemory } from '../../../runtime/cli/planning/plan-memory.ts';
import type { Plan } from '../../../spec/plan.ts';
import { nmcInProcess as nmc } from '../../support/nmc-in-process.ts';
import { removeFolder } from '../../support/remove-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'nmc-show-'));
const PLAN = join(folder, 'digits.plan');
const MESH = join(folder, 'mesh.json');

const machines = [
  { name: 'desk', rate: 4e10, memory: 1e9 },
  { name: 'attic', rate: 2e10, memory: 1e9, upload: 1e7, download: 1e7 },
  { name: 'shed <1>', rate: 1e10, memory: 1e9 },
];

beforeAll(async () => {
  writeFileSync(MESH, JSON.stringify({ format: '1.0', machines }));
  const args = ['dsl-examples/digits.pcn', '--set', 'hidden=12', '-o', PLAN];
  expect(await nmc('compile', ...args, '--mesh', MESH)).toMatchObject({ code: 0, stderr: '' });
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => removeFolder(folder));

async function figures(): Promise<PlanFigures> {
  return JSON.parse((await nmc('show', PLAN, '--json')).stdout) as PlanFigures;
}

test('--json has the figures of the plan, a row for each shard, and their sums', async () => {
  const plan = JSON.parse(readFileSync(join(PLAN, 'plan.json'), 'utf8')) as Plan;
  const shown = await figures();
  expect(shown.shards.map((s) => s.machine)).toEqual(['desk', 'attic', 'shed <1>']);
  const counted = planMemory(openPlan(PLAN));
  expect(shown.shards.map((s) => s.memory)).toEqual(counted);
  // States, values and what a trainer holds beside them.
  for (const [i, { memory }] of plan.shards.entries()) expect(counted[i]).toBeGreaterThan(memory);
  expect(shown.shards.map((s) => s.holds)).toEqual(plan.shards.map((s) => s.nodes));
  const sent = plan.borders.flatMap((b) => b.flows).reduce((sum, f) => sum + f.bytesPerTick.f32, 0);
  expect(shown.totals.borderBytes).toBe(sent);
  // Each byte is sent by one shard and received by another.
  expect(shown.shards.reduce((sum, s) => sum + s.borderBytes, 0)).toBe(2 * sent);
  expect(shown.totals.parameters).toBe(plan.shards.reduce((sum, s) => sum + s.parameterCount, 0));
  const slowest = Math.min(...shown.shards.map((s) => s.ticksPerSecond ?? Infinity));
  expect(shown.totals.ticksPerSecond).toBeCloseTo(slowest, 6);
  expect(shown.bottleneck).toMatchObject({ machine: machines[shown.bottleneck?.shard ?? -1]?.name });
});

test('the table shows the same as the JSON, with the machine of each shard', async () => {
  const { stdout } = await nmc('show', PLAN);
  const { bottleneck } = await figures();
  const rows = stdout.split('\n').filter((line) => /^ +(\d|all) /.test(line));
  expect(rows).toHaveLength(4);
  for (const [i, { name }] of machines.entries()) expect(rows[i]).toContain(` ${name} `);
  expect(stdout).toContain(`bottleneck  shard ${bottleneck?.shard} on ${bottleneck?.machine}, by ${bottleneck?.by}`);
});

test('--svg draws every node in its shard and says what limits the plan; --html is a page', async () => {
  const { code, stdout } = await nmc('show', PLAN, '--svg');
  expect(code).toBe(0);
  expect(stdout.match(/class="cluster"/g)).toHaveLength(3);
  const pieces = (await figures()).shards.flatMap((shard) => shard.holds);
  expect(stdout.match(/class="node"/g)).toHaveLength(pieces.length);
  expect(stdout).toContain('limits the rest, by');
  const page = join(folder, 'plan.html');
  expect(await nmc('show', PLAN, '--html', page)).toEqual({ code: 0, stdout: '', stderr: '' });
  const html = readFileSync(page, 'utf8');
  expect(html).toMatch(/^<!doctype html>[\s\S]*<svg [\s\S]*<\/svg>[\s\S]*bottleneck/);
  expect(html).toContain('shed &lt;1&gt;');
  expect(html).not.toContain('shed <1>');
  expect(await nmc('show', 'dsl-examples/digits.pcn', '--html', page)).toMatchObject({ code: 2 });
});

test('machines that are too small, or of another number than shards, are refused in words', async () => {
  const tiny = join(folder, 'tiny.json');
  writeFileSync(tiny, JSON.stringify({ format: '1.0', machines: machines.map((m) => ({ ...m, memory: 1e4 })) }));
  const out = ['-o', join(folder, 'none.plan')];
  const refused = await nmc('compile', 'dsl-examples/digits.pcn', '--mesh', tiny, ...out);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/error\[partition\/impossible\]: .* needs .* MiB/);
  const asked = await nmc('compile', 'dsl-examples/digits.pcn', '--mesh', MESH, '--partition', '2', ...out);
  expect(asked).toMatchObject({ code: 2 });
  expect(asked.stderr).toContain('has 3 machines, --partition asks for 2 shards');
});
