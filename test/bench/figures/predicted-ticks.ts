/**
 * The time of a tick that a plan predicts, against the measured one: 1, 2, 4 and 8 shards in lockstep in one process.
 * The machine's rate is what `nmc doctor` measures a moment before; the shards share it, so each of K machines of the
 * mesh file has a Kth.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../runtime/cli/shell/package-root.ts';
import type { Plan } from '../../../spec/plan.ts';
import { type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { median } from '../statistics.ts';

const SHARDS = [1, 2, 4, 8];
const ROUNDS = 3;
const HIDDEN = 512;
const SAMPLES = 1280;
const BATCH = 64;
const TICKS = 8;

export async function predictedTickFigures(folder: string): Promise<readonly Figure[]> {
  const model = join(packageRoot(), 'dsl-examples/digits.pcn');
  const found = SHARDS.map((shards) => ({ shards, predicted: [] as number[], measured: [] as number[] }));
  // In turns, the rate anew each time: the machine's speed moves.
  for (let round = 0; round < ROUNDS; round++)
    for (const { shards, predicted, measured } of found) {
      predicted.push(await predictedTick(folder, model, shards, await machineRate()));
      measured.push(await measuredTick(folder, model, shards, round));
    }
  return found.flatMap(({ shards, predicted, measured }) => {
    const name = `a tick of digits.pcn, hidden = ${HIDDEN}, ${shards} shard${shards > 1 ? 's' : ''}`;
    const error = median(predicted.map((p, i) => Math.abs(p / (measured[i] ?? Number.NaN) - 1)));
    return [
      told(`${name}, predicted`, median(predicted), 'ms'),
      told(`${name}, measured`, median(measured), 'ms', median(predicted)),
      told(`${name}, error of the prediction`, 100 * error, '%'),
    ];
  });
}

/** FLOP per second of the device that a training takes by itself. */
async function machineRate(): Promise<number> {
  const { stdout } = await runProcess(process.execPath, [nmc, 'doctor', '--json']);
  const { devices, auto } = JSON.parse(stdout) as {
    readonly devices: readonly { readonly device: string; readonly measured?: { readonly gflops: number } }[];
    readonly auto: { readonly device: string };
  };
  const gflops = devices.find(({ device }) => device === auto.device)?.measured?.gflops;
  if (gflops === undefined) throw new Error('nmc doctor measured no device');
  return gflops * 1e9;
}

async function predictedTick(folder: string, model: string, shards: number, rate: number): Promise<number> {
  const out = join(folder, `plan-${shards}`);
  const mesh = join(folder, `mesh-${shards}.json`);
  const machines = Array.from({ length: shards }, (_, i) => ({ name: `m${i}`, rate: rate / shards, memory: 2 ** 36 }));
  writeFileSync(mesh, JSON.stringify({ format: '1.0', machines }));
  await runProcess(process.execPath, [nmc, 'compile', model, '--set', `hidden=${HIDDEN}`, '--mesh', mesh, '-o', out]);
  const plan = JSON.parse(readFileSync(join(out, 'plan.json'), 'utf8')) as Plan;
  const alone = (plan.shards[0]?.flopsPerBatch ?? 0) / rate / TICKS;
  return 1000 * (plan.predicted?.tick ?? alone);
}

async function measuredTick(folder: string, model: string, shards: number, round: number): Promise<number> {
  const out = join(folder, `run-${shards}-${round}`);
  const args = [nmc, 'train', model, '--set', `hidden=${HIDDEN}`, '--limit', String(SAMPLES), '--epochs', '3'];
  if (shards > 1) args.push('--shards', String(shards));
  const { stdout } = await runProcess(process.execPath, [...args, '--out', out, '--json'], { expected: [0, 1] });
  const seconds = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly event: string; readonly seconds?: number })
    .findLast(({ event }) => event === 'epoch')?.seconds;
  if (seconds === undefined) throw new Error('nmc train told of no epoch');
  return (1000 * seconds) / (SAMPLES / BATCH) / TICKS;
}
