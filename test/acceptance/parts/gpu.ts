/** Measurements that need a machine with a GPU: speed there, in turns with JAX on the same GPU. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonLines, runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

const BATCH = 'batch, il, 784-512-512-10, B=256, T=20';
const MAX_MILLISECONDS = 0.8;
const what = `${BATCH}, in true float32 on a GPU`;
const targets = {
  'gpu-batch': `<= ${MAX_MILLISECONDS} ms`,
  'gpu-jax': 'ahead of JAX with jit, in turns on the same GPU',
} as const;

export const gpuPart: Part = {
  name: 'gpu',
  what: 'a batch on a real GPU, beside JAX',
  takes: '5 minutes on a machine with a GPU',
  run: measure,
};

async function measure(context: Context): Promise<readonly Row[]> {
  const command = join(context.root, 'dist/nmc.cjs');
  const doctor = await runCommand(process.execPath, [command, 'doctor', '--json'], { cwd: context.root });
  const [found] = jsonLines(doctor.lines);
  const devices = (found?.devices ?? []) as { device: string; available: boolean; adapter?: { software: boolean } }[];
  const gpu = devices.find((d) => d.device === 'webgpu');
  const reason = gpu?.available ? 'the only GPU here is one that the processor plays' : 'there is no GPU here';
  if (gpu?.adapter?.software !== false)
    return Object.entries(targets).map(([name, target]) => notRun(name, what, target, reason));
  const folder = mkdtempSync(join(tmpdir(), 'nmc-gpu-'));
  const file = join(folder, 'lines.json');
  await runCommand(process.execPath, ['test/bench/gpu/run.mjs', '--json', file], {
    cwd: context.root,
    onLine: context.progress,
  });
  const lines = jsonLines(readFileSync(file, 'utf8').split('\n'));
  rmSync(folder, { recursive: true });
  const of = (who: string): number | undefined =>
    lines.find((line) => line.who === who && String(line.precision).startsWith('f32'))?.value as number | undefined;
  const [own, jax] = [of('nmc'), of('JAX')];
  const first: Row =
    own === undefined
      ? notRun('gpu-batch', what, targets['gpu-batch'], 'the measurement failed')
      : {
          name: 'gpu-batch',
          what,
          target: targets['gpu-batch'],
          measured: `${own} ms`,
          holds: own <= MAX_MILLISECONDS,
        };
  const second: Row =
    own === undefined || jax === undefined
      ? notRun('gpu-jax', what, targets['gpu-jax'], 'JAX did not run')
      : { name: 'gpu-jax', what, target: targets['gpu-jax'], measured: `${own} ms, JAX ${jax} ms`, holds: own < jax };
  return [first, second];
}
