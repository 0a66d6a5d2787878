/** `nmc train --device webgpu` and `nmc doctor`, on a software driver and on a machine without any. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import type { Capability } from '../../spec/capability.ts';
import { COSTS, OPTIONAL_COSTS } from '../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../spec/default-machine.ts';
import { EVERY } from '../support/every.ts';
import { jsonLines, nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';
import { softwareVulkanEnvironment } from '../support/software-vulkan.ts';

const folder = temporaryFolder();
const model = writeTiny(folder);
/** No driver can be found: what Dawn looks for lies in no folder. */
const NONE = { VK_DRIVER_FILES: join(folder, 'none.json'), VK_ICD_FILENAMES: join(folder, 'none.json') };

test('a training on the GPU reaches the energies of the reference, and its run predicts on the processor', async () => {
  const env = await softwareVulkanEnvironment();
  const train = (device: string): ReturnType<typeof nmc> =>
    nmc(['train', model, '--limit', '64', '--device', device, '--out', device, '--json'], { cwd: folder, env });
  const [gpu, reference] = [await train('webgpu'), await train('reference')];
  expect(gpu.stderr).toBe('');
  expect([gpu.code, reference.code]).toEqual([0, 0]);
  const epochs = (outcome: typeof gpu): number[] =>
    jsonLines(outcome).flatMap((line) => (line.event === 'epoch' ? [line.energy as number] : []));
  const wanted = epochs(reference);
  expect(wanted.length).toBeGreaterThan(0);
  epochs(gpu).forEach((energy, i) => {
    expect(Math.abs(energy / (wanted[i] ?? 0) - 1)).toBeLessThan(1e-4);
  });
  const evaluated = await nmc(['eval', 'webgpu', '--limit', '32', '--json', '--device', 'cpu'], { cwd: folder, env });
  expect([0, 1]).toContain(evaluated.code);
});

test('a run whose GPU is gone can be resumed without it', async () => {
  const env = await softwareVulkanEnvironment();
  const other = join(folder, 'other');
  mkdirSync(other);
  const long = writeTiny(other, { epochs: 3, batch: 4 });
  const settings = [long, '--limit', '64', '--json'];
  const whole = await nmc(['train', ...settings, '--device', 'reference', '--out', 'whole'], { cwd: folder, env });
  const begun = await nmc(['train', ...settings, '--device', 'webgpu', '--out', 'gone'], {
    cwd: folder,
    env,
    onLine: (line, child) => {
      if (line.startsWith('{"event":"epoch"')) child.kill('SIGKILL');
    },
  });
  expect(begun.code).not.toBe(0);
  const without = await nmc(['train', '--resume', 'gone', '--json'], { cwd: folder, env: NONE });
  expect([without.code, without.stderr]).toEqual([3, expect.stringContaining('--device cpu')]);
  const resumed = await nmc(['train', '--resume', 'gone', '--device', 'cpu', '--json'], { cwd: folder, env: NONE });
  expect(resumed.code, resumed.stderr).toBe(whole.code);
  const energies = (run: string): number[] =>
    readFileSync(join(folder, run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { energy: number }).energy);
  expect(energies('gone')).toHaveLength(3);
  energies('whole').forEach((energy, i) => {
    expect(Math.abs((energies('gone')[i] ?? Number.NaN) / energy - 1)).toBeLessThan(1e-4);
  });
});

test('a training that asks for a GPU where there is none says so, and what to do', async () => {
  const { code, stderr } = await nmc(['train', model, '--device', 'webgpu'], { cwd: folder, env: NONE });
  expect(code).toBe(3);
  expect(stderr).toContain('this machine has no usable GPU');
  expect(stderr).toContain('--device cpu');
});

const schema = JSON.parse(readFileSync(join(ROOT, 'spec/capability.schema.json'), 'utf8')) as object;
const follows = new Ajv2020({ strict: false }).compile(schema);

test('nmc doctor says what the GPU is and what it measured', async () => {
  const { code, stdout } = await nmc(['doctor', '--json'], { cwd: folder, env: await softwareVulkanEnvironment() });
  expect(code).toBe(0);
  expect(stdout.trimEnd()).not.toContain('\n');
  const found = JSON.parse(stdout) as Capability;
  expect(follows(found), JSON.stringify(follows.errors)).toBe(true);
  const gpu = found.devices.find((d) => d.device === 'webgpu');
  expect(gpu).toMatchObject({ available: true, adapter: { software: true } });
  expect(gpu?.adapter?.description).toContain('SwiftShader');
  for (const device of found.devices.filter((d) => d.device !== 'reference'))
    for (const [name, value] of Object.entries(device.measured ?? { nothing: 0 }))
      if (typeof value === 'number') expect(value, `${device.device} ${name}`).toBeGreaterThan(0);
      // A cost that is lost in others is 0.
      else for (const cost of Object.values(value)) expect(cost, device.device).toBeGreaterThanOrEqual(0);
  expect(found.auto).toEqual({ device: 'cpu', why: expect.stringContaining('slow') });
});

test('nmc doctor on a machine without a GPU says what to do, and measures each cost of the processor', async () => {
  const temporary = join(folder, 'temporary');
  mkdirSync(temporary);
  const json = await nmc(['doctor', '--json'], { cwd: folder, env: { ...NONE, TMPDIR: temporary } });
  expect(json.code, json.stderr).toBe(0);
  const found = JSON.parse(json.stdout) as Capability;
  expect(follows(found), JSON.stringify(follows.errors)).toBe(true);
  const gpu = found.devices.find((d) => d.device === 'webgpu');
  expect(gpu?.available).toBe(false);
  expect(gpu?.repair).toMatch(/driver/);
  expect(found.auto.why).toContain('no GPU');
  const costs = found.devices.find(({ device }) => device === 'cpu')?.measured?.costs;
  expect(Object.keys(costs ?? {}).sort()).toEqual([...COSTS, ...OPTIONAL_COSTS].sort());
  // Those of frames between two trainers are this machine's own, not what stands in for them.
  for (const name of ['frame', 'window'] as const) expect(costs?.[name]).not.toBe(DEFAULT_MACHINE.costs[name]);
  for (const [name, seconds] of Object.entries(costs ?? {})) expect([name, seconds >= 0]).toEqual([name, true]);
  expect(readdirSync(temporary).filter((name) => name.startsWith('nmc-'))).toEqual([]);
}, 180_000);

test('nmc bench measures the GPU in lines of JSON, and says what to do without one', async () => {
  const none = await nmc(['bench', '--device', 'webgpu', '--json'], { cwd: folder, env: NONE });
  expect(none.code).toBe(3);
  expect(none.stderr).toContain('this machine has no usable GPU');
  const outcome = await nmc(['bench', '--device', 'webgpu', '--json', '--only', 'product'], {
    cwd: folder,
    env: await softwareVulkanEnvironment(),
  });
  expect(outcome.code).toBe(0);
  const [head, ...found] = jsonLines(outcome);
  expect(head).toMatchObject({ event: 'device', device: 'webgpu', software: true });
  const lines = found.filter((line) => line.event !== 'not-run');
  // What the adapter does not offer is not a figure.
  expect(found.slice(lines.length)).toEqual(
    ['shader-f16', 'subgroup matrices'].map((name) => ({
      event: 'not-run',
      name,
      reason: 'not offered by this adapter, not run',
      device: 'webgpu',
    })),
  );
  expect(lines.length).toBeGreaterThan(2);
  for (const { name, value, unit, ceiling } of lines) {
    expect(name).toMatch(/^product \d+x\d+x\d+/);
    expect(value, String(name)).toBeGreaterThan(0);
    expect(unit).toBe('GFLOP/s');
    expect(ceiling === null || Number(ceiling) > 0, String(name)).toBe(true);
  }
});

test.runIf(EVERY)(
  'nmc bench times a tick with attention, at a size for the processor that plays the GPU',
  {
    timeout: 300_000,
  },
  async () => {
    const outcome = await nmc(['bench', '--device', 'webgpu', '--json', '--only', 'attention'], {
      cwd: folder,
      env: await softwareVulkanEnvironment(),
    });
    expect(outcome.code, outcome.stderr).toBe(0);
    const [tick] = jsonLines(outcome).filter((line) => String(line.name).startsWith('tick'));
    expect(tick).toMatchObject({
      name: 'tick, attention of 8 x 16, 2 heads, B=2',
      unit: 'ms',
      value: expect.any(Number),
    });
  },
);

test.runIf(EVERY)('nmc bench has a row for half precision where it is asked for', { timeout: 300_000 }, async () => {
  const env = await softwareVulkanEnvironment();
  const asked = ['--precision', 'f16-weights', '--json'];
  const bench = await nmc(['bench', '--device', 'webgpu', '--only', 'product', ...asked], { cwd: folder, env });
  expect(bench.code, bench.stderr).toBe(0);
  const lines = jsonLines(bench).filter((line) => typeof line.value === 'number');
  // The ceiling is the device's best in f32.
  expect(lines.map((line) => line.precision)).toEqual([undefined, 'f16-weights']);
});

test('a training in half precision says so, and is refused where nothing would change', {
  timeout: 300_000,
}, async () => {
  const env = await softwareVulkanEnvironment();
  const asked = ['--precision', 'f16-weights', '--json'];
  const train = (...args: string[]): ReturnType<typeof nmc> =>
    nmc(['train', model, '--limit', '64', ...args], { cwd: folder, env });
  const trained = await train('--device', 'webgpu', '--out', 'halves', ...asked);
  expect(trained.code, trained.stderr).toBe(0);
  expect(jsonLines(trained)[0]).toMatchObject({ event: 'start', device: 'webgpu', precision: 'f16-weights' });
  const config = JSON.parse(readFileSync(join(folder, 'halves/config.json'), 'utf8')) as { settings: object };
  expect(config.settings).toMatchObject({ precision: 'f16-weights' });
  const refusals = [
    [['--device', 'cpu'], 'precision/device'],
    [['--device', 'webgpu', '--shards', '2'], 'precision/nothing'],
  ] as const;
  for (const [args, code] of refusals) {
    const refused = await train(...args, ...asked);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(code)]);
  }
  const resumed = await nmc(['train', '--resume', 'halves', ...asked], { cwd: folder, env });
  expect([resumed.code, resumed.stderr]).toEqual([2, expect.stringContaining('precision cannot be given with it')]);
  const f16 = await train('--device', 'webgpu', '--precision', 'f16');
  expect([f16.code, f16.stderr]).toEqual([2, expect.stringContaining('precision/device')]);
  const unknown = await train('--device', 'webgpu', '--precision', 'f8');
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('use one of f32, f16-weights')]);
});

test('a plan in half precision has kernels in half precision', async () => {
  const compile = (...args: string[]): ReturnType<typeof nmc> =>
    nmc(['compile', model, '--precision', 'f16-weights', ...args], { cwd: folder });
  const compiled = await compile('-o', 'halves.plan');
  expect(compiled.code, compiled.stderr).toBe(0);
  expect(readdirSync(join(folder, 'halves.plan/kernels')).some((name) => name.startsWith('pack-'))).toBe(true);
  const cut = await compile('--partition', '2', '-o', 'cut.plan');
  expect([cut.code, cut.stderr]).toEqual([2, expect.stringContaining('precision/shards')]);
});

test.runIf(EVERY)(
  'nmc bench finds the tiles that suit the GPU and keeps them for trainings',
  { timeout: 600_000 },
  async () => {
    const env = { ...(await softwareVulkanEnvironment()), XDG_CACHE_HOME: join(folder, 'cache') };
    const outcome = await nmc(['bench', '--device', 'webgpu', '--json', '--only', 'tiles'], { cwd: folder, env });
    expect([outcome.code, outcome.stderr]).toEqual([0, expect.any(String)]);
    const [, ...lines] = jsonLines(outcome);
    const [chosen] = lines.slice(-1);
    expect(chosen).toMatchObject({ event: 'tiles', path: join(folder, 'cache/nmc/tiles.json') });
    expect(lines.filter((line) => Number(line.value) > 0 && line.unit === 'GFLOP/s')).toHaveLength(lines.length - 1);
    const { adapters } = JSON.parse(readFileSync(String(chosen?.path), 'utf8')) as { adapters: Record<string, object> };
    expect(Object.keys(adapters)[0]).toContain('SwiftShader');
    expect(Object.values(adapters)[0]).toMatchObject({ tiles: { large: chosen?.large, middle: chosen?.middle } });
    const cpu = await nmc(['bench', '--device', 'cpu', '--only', 'tiles'], { cwd: folder, env });
    expect([cpu.code, cpu.stderr]).toEqual([2, expect.stringContaining('has no tiles')]);
  },
);
