/**
 * Everything there is to measure on a machine with a GPU, in one command, as a table:
 *
 *   node test/bench/gpu/run.mjs [--python PYTHON] [--rounds 5] [--peak GFLOPS] [--json FILE]
 *
 * What the GPU is and can do (`nmc doctor`, `nmc bench --device webgpu`), and milliseconds a batch of 784-512-512-10,
 * B=256, T=20, in turns with the same step written in JAX and PyTorch, where PYTHON has them: in true float32, and in
 * reduced precision as rows of their own. `--peak`: the datasheet's, beside the products. It needs `dist/` and nothing
 * else of the repository: `pack.sh` makes an archive of it for a machine without a network. Exit code 3 without a GPU.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '5' },
    peak: { type: 'string' },
    json: { type: 'string' },
  },
});
const lines = [];
const BATCH = 'batch, il, 784-512-512-10, B=256, T=20';

/** The folder with `dist/` above this file: the repository, or the archive. */
function root() {
  let folder = HERE;
  while (!existsSync(join(folder, 'dist/nmc.cjs'))) {
    if (folder === dirname(folder)) throw new Error('no dist/ above this file: npm run build');
    folder = dirname(folder);
  }
  return folder;
}

const nmc = join(root(), 'dist/nmc.cjs');

/** The objects that a command prints; nothing where it failed. */
function objects(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) return { failed: status ?? 1, why: (stderr ?? '').trim().split('\n').at(-1) ?? '', found: [] };
  const found = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  return { failed: 0, why: '', found };
}

function row(name, value, unit, beside = '') {
  process.stdout.write(`${name.padEnd(62)} ${String(value).padStart(10)} ${unit.padEnd(8)} ${beside}\n`);
}

function keep(line) {
  lines.push(line);
  return line;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

function device() {
  const { failed, why, found } = objects(process.execPath, [nmc, 'doctor', '--json']);
  if (failed) throw new Error(`nmc doctor: ${why}`);
  const gpu = found[0].devices.find((d) => d.device === 'webgpu');
  keep({ event: 'doctor', ...found[0] });
  if (!gpu?.available) {
    process.stderr.write(`${gpu?.reason ?? 'no GPU'}\n${gpu?.repair ?? ''}\n`);
    process.exit(3);
  }
  process.stdout.write(`${gpu.description}${gpu.adapter.software ? ', played by the processor' : ''}\n`);
  const halves = gpu.adapter.halves.map((unit) =>
    unit.kind === 'matrices' ? `${unit.m}x${unit.n}x${unit.k}` : unit.kind,
  );
  process.stdout.write(`multiplies f16 by: ${halves.join(', ') || 'nothing'}\n\n`);
  return gpu;
}

function bench(precision, ...more) {
  const asked = ['bench', '--device', 'webgpu', '--precision', precision, '--json', ...more];
  const { failed, why, found } = objects(process.execPath, [nmc, ...asked]);
  if (failed) throw new Error(`nmc bench: ${why}`);
  const peak = values.peak === undefined ? undefined : Number(values.peak);
  for (const line of found.filter((l) => l.value !== undefined)) {
    keep(line);
    const share =
      peak && line.unit === 'GFLOP/s' ? `${((100 * line.value) / peak).toFixed(1)} % of the datasheet's` : '';
    row(
      [line.name, line.precision, line.by].filter(Boolean).join(', '),
      line.value,
      line.unit,
      share || (line.ceiling === null ? '' : `best ${line.ceiling}`),
    );
  }
}

/** In turns, because a GPU's clock moves. */
function peers() {
  const runs = [
    ['nmc', 'f32', process.execPath, [nmc, 'bench', '--device', 'webgpu', '--json', '--only', 'network']],
    [
      'nmc',
      'reduced (f16-weights)',
      process.execPath,
      [nmc, 'bench', '--device', 'webgpu', '--json', '--only', 'network', '--precision', 'f16-weights'],
    ],
    [
      'nmc',
      'reduced (f16)',
      process.execPath,
      [nmc, 'bench', '--device', 'webgpu', '--json', '--only', 'network', '--precision', 'f16'],
    ],
    ['JAX', 'f32 (highest)', values.python, ['step_jax.py', 'highest']],
    ['PyTorch', 'f32 (its default)', values.python, ['step_torch.py', 'highest']],
    ['JAX', 'reduced (default)', values.python, ['step_jax.py', 'default']],
    ['PyTorch', 'reduced (TF32)', values.python, ['step_torch.py', 'high']],
  ];
  const times = runs.map(() => []);
  const devices = runs.map(() => '');
  const problems = runs.map(() => '');
  for (let round = 0; round < Number(values.rounds); round++)
    runs.forEach(([, , command, args], i) => {
      if (problems[i]) return;
      const { failed, why, found } = objects(command, args, HERE);
      const line = found.find((l) => l.name === BATCH);
      if (failed || !line) problems[i] = why || `there is no line ${BATCH}`;
      else {
        times[i].push(line.value);
        devices[i] = line.device;
      }
    });
  process.stdout.write(`\n${BATCH}\n`);
  runs.forEach(([who, precision], i) => {
    if (problems[i]) row(`  ${who}, ${precision}`, 'not run', '', problems[i].slice(0, 80));
    else {
      const value = median(times[i]);
      keep({ who, precision, device: devices[i], name: BATCH, value, unit: 'ms', rounds: times[i] });
      row(`  ${who}, ${precision}`, value, 'ms', devices[i]);
    }
  });
}

device();
bench('f32');
bench('f16-weights', '--only', 'product');
peers();
if (values.json) writeFileSync(values.json, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
