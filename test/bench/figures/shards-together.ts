/**
 * Shards of one process, in lockstep, on the network of `mnist.pcn`: their rate beside that of one shard, and what a tick
 * takes beyond the work of the device.
 */
import { join } from 'node:path';
import { openPlan, openShardsOf } from '../../../runtime/cli/planning/open-plan.ts';
import { packageRoot } from '../../../runtime/cli/shell/package-root.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import type { FieldData } from '../../../runtime/device/device.ts';
import type { Shard } from '../../../runtime/shard/shard.ts';
import { openShards } from '../../../runtime/shard/shards.ts';
import { TickTimes } from '../../../runtime/support/tick-times.ts';
import { TRAIN } from '../../../spec/names.ts';
import { stream } from '../../../spec/random.ts';
import { measureCeiling } from '../ceiling.ts';
import { atLeast, atMost, type Figure, told } from '../figure.ts';
import { nmc, runProcess } from '../processes.ts';
import { calmRounds, median, wereDisturbed } from '../statistics.ts';

const COUNTS = [1, 2, 4] as const;
const WANTED = { rounds: 5, patience: 60_000 };
const [WARM, CALLS, WINDOW] = [20, 160, 10];
/** Under way at once, as in a training. */
const IN_FLIGHT = 3;
const [BATCH, TICKS] = [128, 8];
const LEAST_SHARE = { 2: 0.7, 4: 0.3 };
const MOST_OVERHEAD_MS = 0.2;

interface Measured {
  /** Milliseconds of a batch. */
  readonly batch: number;
  /** Of the device of each shard, in a batch. */
  readonly device: readonly number[];
}

export async function shardsTogetherFigures(folder: string): Promise<readonly Figure[]> {
  const model = join(packageRoot(), 'dsl-examples/mnist.pcn');
  for (const count of COUNTS)
    await runProcess(process.execPath, [nmc, 'compile', model, 'il', '--partition', String(count), '-o', planIn(folder, count)]); // biome-ignore format: one line
  const rounds = await calmRounds(WANTED, measureCeiling, async () => {
    const found = new Map<number, Measured>();
    for (const count of COUNTS) found.set(count, await measure(planIn(folder, count), count));
    return found;
  });
  const of = (pick: (found: ReadonlyMap<number, Measured>) => number): number =>
    median(rounds.map(({ value }) => pick(value)));
  const batch = (count: number) => (found: ReadonlyMap<number, Measured>) => found.get(count)?.batch ?? Number.NaN;
  const share = (count: number) => of((found) => batch(1)(found) / batch(count)(found));
  const network = `mnist.pcn il, B=${BATCH}`;
  const figures = [
    told(`${network}, one shard`, BATCH / of(batch(1)), 'samples/ms'),
    atLeast(`${network}, two shards in one process: rate beside one shard`, share(2), 'share', LEAST_SHARE[2], 1),
    atLeast(`${network}, four shards in one process: rate beside one shard`, share(4), 'share', LEAST_SHARE[4], 1),
    atMost(
      `${network}, two shards in one process: a tick beyond the device's work`,
      of((found) => (batch(2)(found) - Math.max(...(found.get(2)?.device ?? []))) / TICKS),
      'ms',
      MOST_OVERHEAD_MS,
      0,
    ),
    told(
      `${network}, two shards in one process: the device's work a tick`,
      of((found) => Math.max(...(found.get(2)?.device ?? [])) / TICKS),
      'ms',
    ),
  ];
  return figures.map((figure) => ({ ...figure, disturbed: wereDisturbed(rounds) }));
}

const planIn = (folder: string, count: number): string => join(folder, `plan-${count}`);

async function measure(plan: string, count: number): Promise<Measured> {
  const { sources } = await openShardsOf(plan, openPlan(plan), cpuDevice);
  const spent = new Map<number, DeviceTimes>();
  const shard = await openShards(
    cpuDevice,
    sources,
    () => ({ seed: 1, statistics: new Map() }),
    TRAIN,
    (id) => {
      const times = new DeviceTimes();
      spent.set(id, times);
      return times;
    },
  );
  try {
    const inputs = fieldsOf(sources.flatMap((s) => s.schedule.functions.find((f) => f.name === TRAIN)?.inputs ?? []));
    await train(shard, inputs, WARM);
    for (const times of spent.values()) times.calls.length = 0;
    const ends = await train(shard, inputs, CALLS);
    const device = [...spent.values()].map(({ calls }) => quartile(calls));
    return { batch: quartile(windowsOf(ends)), device: count > 1 ? device : [] };
  } finally {
    await shard.close();
  }
}

/** Milliseconds of a call, in windows: results of calls that are under way together come together. */
function windowsOf(ends: readonly number[]): number[] {
  const windows = Math.floor((ends.length - 1) / WINDOW);
  return Array.from({ length: windows }, (_, i) => {
    const from = i * WINDOW;
    return ((ends[from + WINDOW] ?? Number.NaN) - (ends[from] ?? Number.NaN)) / WINDOW;
  });
}

/** The lower one: what else the machine does only makes a window longer. */
function quartile(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 4)] ?? Number.NaN;
}

/** @returns when each call ended */
async function train(shard: Shard, inputs: Record<string, FieldData>, calls: number): Promise<number[]> {
  const ends: number[] = [];
  const pending: Promise<unknown>[] = [];
  for (let batch = 0; batch < calls; batch++) {
    const done = shard.run(TRAIN, inputs, { batch, batches: 1_000_000 }).then(() => ends.push(performance.now()));
    pending.push(done);
    if (pending.length >= IN_FLIGHT) await pending.shift();
  }
  await Promise.all(pending);
  return ends;
}

type Input = { readonly name: string; readonly type: string; readonly shape: readonly number[] };

function fieldsOf(inputs: readonly Input[]): Record<string, FieldData> {
  return Object.fromEntries(
    inputs.map(({ name, type, shape }) => {
      const rng = stream(0, name);
      const length = shape.reduce((size, n) => size * n, BATCH);
      return [
        name,
        type === 'u8'
          ? Uint8Array.from({ length }, (_, i) => rng.bits(i) % 256)
          : Int32Array.from({ length }, (_, i) => rng.bits(i) % 10),
      ];
    }),
  );
}

/** Milliseconds of the device in each call. */
class DeviceTimes extends TickTimes {
  readonly calls: number[] = [];

  constructor() {
    const none = { now: 0, active: 0, collecting: 0, processor: 0 };
    super(true, '', () => undefined, () => none); // biome-ignore format: one line
  }

  override add(row: Parameters<TickTimes['add']>[0], milliseconds: number): void {
    if (row === 'device') this.calls.push(milliseconds);
  }
}
