/**
 * Two shards of `mnist.pcn` in lockstep, each in a trainer's process of its own, which reach each other over loopback:
 * what a tick takes beyond the work of both devices, and the rate beside that of one shard. The devices' work alone is
 * the longest way through the schedule, if frames crossed in no time: the runs of both shards, one after the other where
 * one waits for the other's frames.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openPlan, openShardsOf } from '../../../runtime/cli/planning/open-plan.ts';
import { packageRoot } from '../../../runtime/cli/shell/package-root.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import { openWithin } from '../../../runtime/device/cpu/here.ts';
import type { DeviceSession, FieldData } from '../../../runtime/device/device.ts';
import { openSession, type ShardSession } from '../../../runtime/shard/session.ts';
import { fillStates } from '../../../runtime/shard/shard.ts';
import type { ShardSource } from '../../../runtime/shard/shards.ts';
import { type Frame, frameName } from '../../../runtime/training/frame.ts';
import { append } from '../../../spec/append.ts';
import { TRAIN } from '../../../spec/names.ts';
import { measureCeiling } from '../ceiling.ts';
import { atLeast, atMost, type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';
import { writeDigits } from './digits-on-disk.ts';
import { sealedAndOpened, thereAndBack } from './packet-floor.ts';

const WANTED = { rounds: 3, patience: 90_000 };
const [SAMPLES, BATCH, TICKS] = [12_800, 128, 8];
/** Of all but the first the quickest counts: threads compile what they do often, and that takes cores for some of them. */
const EPOCHS = 10;
const [WARM, CALLS] = [40, 40];
/** Of a frame: 128 values of 128 samples. */
const FRAME_BYTES = 4 * 128 * BATCH;
const MOST_OVERHEAD_MS = 0.5;
const LEAST_SHARE = 0.5;

export async function meshTickFigures(folder: string): Promise<readonly Figure[]> {
  const { model, sources } = await digitsInTwo(folder);
  const { mesh, names } = await startMesh(folder, 2);
  try {
    const rounds = await calmRounds(WANTED, measureCeiling, async (round) => ({
      devices: await longestWay(sources),
      one: await alone(folder, model, round),
      two: perTick(quickestEpoch(await mesh.deploy(model, lengths(folder), names))),
      floor: { way: await thereAndBack(FRAME_BYTES), sealed: sealedAndOpened(FRAME_BYTES) },
    }));
    const of = (pick: (value: (typeof rounds)[number]['value']) => number): number =>
      median(rounds.map(({ value }) => pick(value)));
    const network = `mnist.pcn il, B=${BATCH}, two shards in two processes`;
    const figures = [
      told(
        `${network}: a tick`,
        of((v) => v.two),
        'ms',
        of((v) => v.devices),
      ),
      atMost(
        `${network}: a tick beyond the devices' work`,
        of((v) => v.two - v.devices),
        'ms',
        MOST_OVERHEAD_MS,
        0,
      ),
      atLeast(
        `${network}: rate beside one shard`,
        of((v) => v.one / v.two),
        'share',
        LEAST_SHARE,
        1,
      ),
    ];
    const packet = `a packet of ${FRAME_BYTES / 1024} KiB on a direct border`;
    const floor = [
      told(
        `${packet}: there and back between two processes`,
        of((v) => v.floor.way),
        'ms',
      ),
      told(
        `${packet}: sealed and opened`,
        of((v) => v.floor.sealed),
        'ms',
      ),
    ];
    return [...figures, ...floor].map((figure) => ({ ...figure, disturbed: wereDisturbed(rounds) }));
  } finally {
    await mesh.stop();
  }
}

/** The model in two shards, and the digits that it learns from in the folder. */
export async function digitsInTwo(
  folder: string,
): Promise<{ readonly model: string; readonly sources: readonly ShardSource[] }> {
  writeDigits(folder);
  const model = join(packageRoot(), 'dsl-examples/mnist.pcn');
  const plan = join(folder, 'plan');
  await runProcess(process.execPath, [nmc, 'compile', model, 'il', '--partition', '2', '-o', plan]);
  const { sources } = await openShardsOf(plan, openPlan(plan), cpuDevice);
  return { model, sources };
}

const perTick = (seconds: number): number => (1000 * seconds) / (SAMPLES / BATCH) / TICKS;

/** Seconds of the quickest epoch but the first. @param stdout of a training with `--json` */
export function quickestEpoch(stdout: string): number {
  const events = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Event]));
  const seconds = events.flatMap((e) => (e.event === 'epoch' && e.seconds !== undefined ? [e.seconds] : []));
  return Math.min(...seconds.slice(1));
}

interface Event {
  readonly event: string;
  readonly seconds?: number;
}

const lengths = (folder: string): string[] => [
  '--data',
  folder,
  '--limit',
  String(SAMPLES),
  '--epochs',
  String(EPOCHS),
];

/** Milliseconds of a tick in one process. @param folder that holds the digits */
export async function alone(folder: string, model: string, round: number, shards = 1): Promise<number> {
  const out = join(folder, `run-${shards}-${round}`);
  const args = [nmc, 'train', model, 'il', ...lengths(folder), '--out', out, '--json'];
  if (shards > 1) args.push('--shards', String(shards));
  return perTick(quickestEpoch((await runProcess(process.execPath, args, { expected: [0, 1] })).stdout));
}

export interface Mesh {
  readonly address: string;
  /** Standard output of a command of the mesh. */
  ask(...args: string[]): Promise<string>;
  /** Trains in two shards. @returns standard output. @param options of `nmc deploy` */
  deploy(model: string, options: readonly string[], on: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

export async function startMesh(
  folder: string,
  count: number,
): Promise<{ readonly mesh: Mesh; readonly names: readonly string[] }> {
  const environment = { NMC_CONFIG: join(folder, 'config') };
  const args = [nmc, 'up', '--trainers', String(count), '--port', '0', '--state', join(folder, 'state'), '--json'];
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const up = spawn(process.execPath, args, { env: { ...process.env, ...environment }, stdio: [...stdio] });
  const line = await new Promise<string>((resolve) => createInterface({ input: up.stdout }).once('line', resolve));
  const { address, trainers } = JSON.parse(line) as { address: string; trainers: readonly { name: string }[] };
  const ask = async (...command: string[]): Promise<string> => {
    const asked = [nmc, ...command, '--mesh', address, '--json'];
    return (await runProcess(process.execPath, asked, { environment, expected: [0, 1] })).stdout;
  };
  const mesh = {
    address,
    ask,
    deploy: (model: string, options: readonly string[], on: readonly string[]) =>
      ask('deploy', model, '--task', 'il', ...options, '--partition', '2', '--on', on.join(','), '--watch'),
    stop: () => ended(up),
  };
  return { mesh, names: trainers.map(({ name }) => name) };
}

export async function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null) return;
  const exit = new Promise((resolve) => process.once('exit', resolve));
  process.kill('SIGINT');
  await exit;
}

/** A shard with a clock of its own: the work of its device, and waits for frames that others send by theirs. */
interface Walker {
  readonly session: ShardSession;
  readonly device: DeviceSession;
  readonly inputs: Record<string, FieldData>;
  /** Milliseconds of each call of a function. */
  readonly spent: Map<string, number[]>;
  now: number;
}

export interface TimedRun {
  readonly shard: number;
  /** The function, as the plan names it. */
  readonly run: string;
  readonly timesABatch: number;
  readonly microseconds: number;
}

/**
 * Milliseconds of a tick, if frames crossed in no time: of the quicker quarter of some calls.
 *
 * @param tell told of all runs of the devices, the quicker quarter of each
 */
export async function longestWay(
  sources: readonly ShardSource[],
  tell?: (runs: readonly TimedRun[]) => void,
): Promise<number> {
  const walkers = await Promise.all(sources.map(walkerOf));
  const times: number[] = [];
  try {
    for (let callIndex = 0; callIndex < WARM + CALLS; callIndex++) {
      const before = Math.max(...walkers.map((w) => w.now));
      for (const w of walkers) w.now = before;
      await call(walkers, callIndex);
      if (callIndex >= WARM) times.push(Math.max(...walkers.map((w) => w.now)) - before);
    }
  } finally {
    await Promise.all(walkers.map(({ device }) => device.close()));
  }
  tell?.(
    walkers.flatMap(({ spent }, shard) =>
      [...spent].map(([run, each]) => {
        const timesABatch = each.length / (WARM + CALLS);
        return { shard, run, timesABatch, microseconds: 1000 * quicker(each) };
      }),
    ),
  );
  return quicker(times) / TICKS;
}

function quicker(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 4)] ?? Number.NaN;
}

async function walkerOf({ schedule, executable }: ShardSource): Promise<Walker> {
  const device = openWithin(executable);
  await fillStates(device, executable.program.states, { seed: 1, statistics: new Map() });
  const fields = schedule.functions.find((f) => f.name === TRAIN)?.inputs ?? [];
  const inputs = Object.fromEntries(
    fields.map(({ name, type, shape }) => {
      const length = shape.reduce((size, n) => size * n, BATCH);
      const values = Array.from({ length }, (_, i) => (i * 31) % 10);
      return [name, type === 'u8' ? Uint8Array.from(values) : Int32Array.from(values)];
    }),
  );
  const walker: Walker = {
    session: openSession(schedule, executable, {
      ...(device.held ? { held: device.held } : {}),
      run: async (...asked) => {
        const began = device.computed?.() ?? 0;
        const results = await device.run(...asked);
        const took = (device.computed?.() ?? 0) - began;
        append(walker.spent, asked[0], took);
        walker.now += took;
        return results;
      },
    }),
    device,
    inputs,
    spent: new Map(),
    now: 0,
  };
  return walker;
}

/** Frames are delivered when they are needed: then the shard has waited until its sender's clock says when they were sent. */
async function call(walkers: readonly Walker[], callIndex: number): Promise<void> {
  const position = { batch: callIndex, batches: 1_000_000 };
  for (const w of walkers) w.session.start({ name: TRAIN, position, inputs: w.inputs, callIndex, microbatch: 0 });
  const sent = new Map<string, { readonly frame: Frame; readonly at: number }>();
  const going = new Set(walkers);
  while (going.size > 0)
    for (const walker of going) {
      const step = await walker.session.advance();
      if (step.kind === 'done') going.delete(walker);
      if (step.kind === 'send')
        for (const frame of step.frames) {
          // Memory of results is used again.
          const values = frame.values.map((v) => v.slice());
          sent.set(frameName(frame), { frame: { ...frame, values }, at: walker.now });
        }
      if (step.kind !== 'needs') continue;
      for (const key of step.frames) {
        const found = sent.get(frameName(key));
        if (!found || walker.session.deliver(found.frame) !== undefined) continue;
        walker.now = Math.max(walker.now, found.at);
      }
    }
}
