/** A plan says what its cut gains or costs, by the costs of the machines that it was made for. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { cutText, type PlanRate } from '../../../runtime/cli/planning/plan-rate.ts';
import { type Costs, FREE } from '../../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';
import type { Plan } from '../../../spec/plan.ts';
import { nmcInProcess as nmc } from '../../support/nmc-in-process.ts';
import { removeFolder } from '../../support/remove-folder.ts';

vi.setConfig({ testTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'nmc-plan-rate-'));
afterAll(() => removeFolder(folder));

const CHEAP: Costs = { ...FREE, valueByte: 0, flop: 1e-9, run: 0, handByte: 0 };

/** Of one shard, too, whose threads wait for each other. */
const DEAR = { frame: 1, aloneBatch: 1 };

interface Told {
  readonly rate: PlanRate | null;
}

/** Lines of `compile` and `show` about digits.pcn in two shards, pipelined. */
async function twoShards(name: string, costs?: Costs) {
  const plan = join(folder, `${name}.plan`);
  const args = ['dsl-examples/digits.pcn', '--set', 'hidden=32', '--microbatches', '8', '-o', plan];
  const mesh = join(folder, `${name}.json`);
  const machines = ['a', 'b'].map((machine) => ({ name: machine, rate: 1e9, memory: 1e9, cores: 1, costs }));
  writeFileSync(mesh, JSON.stringify({ format: '1.1', machines }));
  const compiled = await nmc('compile', ...args, ...(costs ? ['--mesh', mesh] : ['--partition', '2']));
  expect(compiled).toMatchObject({ code: 0, stderr: '' });
  const shown = JSON.parse((await nmc('show', plan, '--json')).stdout) as Told;
  const text = (await nmc('show', plan)).stdout;
  const { predicted } = JSON.parse(readFileSync(join(plan, 'plan.json'), 'utf8')) as Plan;
  return { compiled: compiled.stdout, text, rate: shown.rate, predicted };
}

test('a cut pays where frames cost nothing, and where they cost much the text says how much faster one shard is', async () => {
  const cheap = await twoShards('cheap', CHEAP);
  expect(cheap.rate?.samplesPerSecond).toBeGreaterThan(cheap.rate?.alone?.samplesPerSecond ?? Infinity);
  expect(cheap.compiled).toContain('times as fast as in one shard');
  const dear = await twoShards('dear', { ...CHEAP, ...DEAR });
  const times = (dear.rate?.alone?.samplesPerSecond ?? 0) / (dear.rate?.samplesPerSecond ?? Infinity);
  expect(times).toBeGreaterThan(10);
  expect(dear.rate?.alone?.samplesPerSecond).toBeLessThan((cheap.rate?.alone?.samplesPerSecond ?? 0) / 10);
  const said = `in one shard this trains ${Math.round(times).toString()}`;
  expect(dear.compiled.replaceAll(',', '')).toContain(said);
  expect(dear.text.replaceAll(',', '')).toContain(said);
  expect(dear.text).toContain('frames');
  // The costs are the file's: they are in the plan.
  expect(dear.predicted?.machines[1]).toMatchObject({ cores: 1, costs: { ...CHEAP, ...DEAR } });
  expect(dear.predicted?.assumed).toBeUndefined();
});

test('a plan without a mesh file is counted for the default machine, and says so', async () => {
  const { rate, predicted, text } = await twoShards('default');
  expect(rate?.machines).toBe(`${DEFAULT_MACHINE.name}, ${DEFAULT_MACHINE.date}`);
  expect(predicted?.assumed).toBe(rate?.machines);
  expect(text).toContain(rate?.machines);
  expect(predicted?.machines[0]?.costs).toBeUndefined();
});

test('differences below the accuracy of a prediction are not reported', () => {
  const rate = (samplesPerSecond: number): PlanRate => ({
    ...{ samplesPerSecond, limit: '', machines: '', alone: { samplesPerSecond: 100 }, paysFrom: null },
  });
  expect(cutText(rate(50))).toBe('in one shard this trains 2.0 times as fast');
  expect(cutText(rate(95))).toBe('it trains about as fast as in one shard');
  expect(cutText(rate(150))).toBe('it trains 1.5 times as fast as in one shard');
  expect(cutText({ ...rate(1), alone: null })).toBeUndefined();
});

test('a cut that pays only at other widths says at which, by the name of the parameter where it is known', async () => {
  const rate: PlanRate = {
    ...{ samplesPerSecond: 10, limit: '', machines: '', alone: { samplesPerSecond: 100 }, paysFrom: 8 },
  };
  const width = { name: 'hidden', value: 128 };
  expect(cutText(rate, width)).toBe('in one shard this trains 10 times as fast; shards pay from about hidden = 1,000');
  expect(cutText(rate)).toBe('in one shard this trains 10 times as fast; shards pay from about 8 times its widths');
  // A frame takes as long as sixteen thousand million operations of a product.
  const dear = await twoShards('wider', { ...CHEAP, frame: 0.05 });
  const wider = Number(dear.rate?.paysFrom);
  expect(wider).toBeGreaterThan(4);
  expect(wider).toBeLessThan(129);
  expect(dear.text).toContain(`shards pay from about ${Number(wider.toPrecision(2))} times its widths`);
  expect(dear.compiled).toMatch(/shards pay from about hidden = [0-9,]+\n/);
  const never = await twoShards('never', { ...CHEAP, frame: 1e9 });
  expect(never.rate?.paysFrom).toBe('never');
  expect(never.text).toContain('; this cut pays at no width');
});
