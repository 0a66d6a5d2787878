/** How a shard of a run is computed: on which threads, and with which numbers on its borders. */

import { availableParallelism } from 'node:os';
import { initialPart } from '../../spec/initialise.ts';
import { type State, sizeOf } from '../../spec/program.ts';
import type { Device, DeviceSession, Executable } from '../device/device.ts';
import { PART_ELEMENTS } from '../shard/in-parts.ts';
import { fillStates, isKept, type SavedStates } from '../shard/shard.ts';
import type { Codec } from '../wire/codec.ts';
import type { Deployment } from '../wire/deployment.ts';
import { fillFrom } from './fill-from.ts';
import type { HostOptions } from './host-options.ts';
import type { BlobSource } from './shard-data.ts';
import { mostPartBytes } from './shard-memory.ts';
import { decodeState } from './shard-state.ts';
import { isStreamed } from './streamed-state.ts';

/**
 * Several shards may share this machine: one thread of computation each, which also fixes the order of sums. Where every
 * run is short it is done where frames come and go, for two threads that wake each other take longer.
 */
export async function openShardDevice(
  device: Device,
  deployment: Deployment,
  executable: Executable,
): Promise<DeviceSession> {
  if (deployment.shards === 1) return device.open(executable);
  const here = executable.short === true ? await device.openHere?.(executable) : undefined;
  const [together] = here ? [here] : ((await device.openAll?.([executable])) ?? []);
  return together ?? (await device.open(executable));
}

/** Whether its device works while the thread that has the frames goes on, on a core of its own. */
export function worksApart({ short }: Pick<Executable, 'short'>): boolean {
  return short !== true && availableParallelism() > 1;
}

/** @param spent told of the milliseconds of each run */
export function timed(
  device: DeviceSession,
  now: () => number,
  spent: (milliseconds: number) => void,
): Pick<DeviceSession, 'run' | 'computed' | 'held'> {
  return {
    computed: () => device.computed?.() ?? 0,
    ...(device.held ? { held: device.held } : {}),
    run: async (...asked) => {
      const began = now();
      try {
        return await device.run(...asked);
      } finally {
        spent(now() - began);
      }
    },
  };
}

/** @param kept the part that the blob is, where it is here already */
export async function fillPart(
  device: DeviceSession,
  states: readonly State[],
  part: string,
  { blob, readBlob, largeStateBytes }: Pick<HostOptions, 'blob' | 'readBlob' | 'largeStateBytes'>,
  kept: SavedStates | undefined,
): Promise<void> {
  if (!kept && readBlob && isStreamed(states, largeStateBytes)) {
    const source = await readBlob(part, mostPartBytes(states));
    try {
      await fillFrom(device, states, source, part);
    } finally {
      await source.close();
    }
    return;
  }
  const state = kept ?? decodeState(await blob(part, mostPartBytes(states)));
  await fillStates(device, states, { tensors: [...state.parameters, ...state.auxiliary] }, false);
}

export function borderCodec({ name }: Pick<Device, 'name'>, { codec }: Pick<Deployment, 'codec'>): Codec {
  return name === 'reference' && codec === 'f32' ? 'f64' : codec;
}

/** @returns whether it was: not where it is small, or only made as a whole */
async function drawInParts({ writePart }: DeviceSession, state: State, seed: number): Promise<boolean> {
  const size = sizeOf(state.shape);
  if (!writePart || size <= PART_ELEMENTS || !isKept(state) || state.role === 'memory') return false;
  for (let at = 0; at < size; at += PART_ELEMENTS) {
    const values = initialPart(state, seed, at, Math.min(size, at + PART_ELEMENTS));
    if (!values) return false;
    await writePart(state.id, at, values);
  }
  return true;
}

/** The states at the very beginning of a run, from its seed and the statistics of its data. */
export async function drawStates(
  device: DeviceSession,
  states: readonly State[],
  { statistics: refs, seed }: Pick<Deployment, 'statistics' | 'seed'>,
  blob: BlobSource,
): Promise<void> {
  const statistics = new Map<string, { mean: Float32Array; scale: number }>();
  for (const { field, mean, scale } of refs) {
    if (!states.some((s) => s.init.kind === 'statistic' && s.init.field === field)) continue;
    const bytes = new Uint8Array(await blob(mean.blob, mean.bytes));
    statistics.set(field, { mean: new Float32Array(bytes.buffer), scale });
  }
  const rest: State[] = [];
  for (const state of states) if (!(await drawInParts(device, state, seed))) rest.push(state);
  await fillStates(device, rest, { seed, statistics }, false);
}
