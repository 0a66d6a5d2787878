/** All shards of a plan on one device, as one: run in lockstep, saved as one network. */
import { runsIn, type ShardSchedule } from '../../spec/schedule.ts';
import type { Device, DeviceSession, Executable, FieldData } from '../device/device.ts';
import type { NamedTensor } from '../store/safetensors.ts';
import type { TickTimes } from '../support/tick-times.ts';
import type { Between } from './between.ts';
import { Lockstep } from './lockstep.ts';
import { openSession } from './session.ts';
import {
  assertFits,
  type Beginning,
  fillStates,
  openShard,
  type SavedStates,
  type Shard,
  saveStates,
} from './shard.ts';
import { sizesIn } from './sizes.ts';
import { openInThreads, type ShardThreads } from './threads/open.ts';
import { joinTiles } from './tiles.ts';

export interface ShardSource {
  readonly executable: Executable;
  readonly schedule: ShardSchedule;
}

/**
 * @param begin how to begin, asked once
 * @param first the function of a single shard that will run first
 * @param timesOf where the time of each of several shards is counted
 * @param between how frames and batches go between them
 * @throws EnvironmentError `memory/too-small`; UserError `weights/…`
 */
export async function openShards(
  device: Device,
  sources: readonly ShardSource[],
  begin: () => Beginning | Promise<Beginning>,
  first?: string,
  timesOf?: (shard: number) => TickTimes,
  between: Between = {},
): Promise<Shard> {
  const [only] = sources;
  if (!only) throw new Error('a plan has at least one shard');
  if (sources.length === 1) return openShard(device, only.executable, begin, first);
  assertFits(sources.flatMap((s) => s.executable.program.states));
  const executables = sources.map((s) => s.executable);
  const times = sources.map((s) => timesOf?.(s.schedule.shard));
  const { devices, run } = await openTogether(device, sources, times, between);
  try {
    const beginning = await begin();
    await Promise.all(devices.map((d, i) => fillStates(d, executables[i]?.program.states ?? [], beginning)));
  } catch (error) {
    await closeAll(devices);
    throw error;
  }
  const writeTimes = (): void => {
    for (const each of times) each?.write();
  };
  return {
    executable: only.executable,
    sizes: sizesIn(only.schedule.functions),
    prepare: (name) => {
      sources.forEach(({ schedule }, i) => {
        const stages = schedule.functions.find((f) => f.name === name)?.stages ?? [];
        for (const run of new Set(runsIn(stages))) devices[i]?.prepare(run);
      });
    },
    run,
    save: (from) => {
      writeTimes();
      return saveAll(devices, executables, from);
    },
    close: () => {
      writeTimes();
      return closeAll(devices);
    },
  };
}

/** In threads of their own where the device runs in any; else segment by segment from here. */
async function openTogether(
  device: Device,
  sources: readonly ShardSource[],
  times: readonly (TickTimes | undefined)[],
  between: Between,
): Promise<ShardThreads> {
  const { chooser, codec } = between;
  if (device.threads !== undefined && !chooser) return openInThreads(sources, device.threads, times, between);
  const executables = sources.map((s) => s.executable);
  // Threads would hand on frames in the order in which they are sent, and none twice: free ticks run here.
  const here = chooser && device.openHere;
  const devices = await (here
    ? Promise.all(executables.map(here))
    : (device.openAll?.(executables) ?? Promise.all(executables.map((e) => device.open(e)))));
  const sessions = sources.map((s, i) =>
    openSession(s.schedule, s.executable, devices[i] as DeviceSession, times[i], chooser),
  );
  const lockstep = new Lockstep(sessions, chooser !== undefined, codec);
  return { devices, run: (name, inputs, position) => lockstep.run(name, copied(inputs), position) };
}

/** The caller may use its memory again while shards that hold their values read it. */
function copied(inputs: Readonly<Record<string, FieldData>>): Record<string, FieldData> {
  return Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, data.slice()]));
}

async function closeAll(devices: readonly DeviceSession[]): Promise<void> {
  await Promise.all(devices.map((d) => d.close()));
}

/** Statistics of the data are on every shard that needs them, and alike. */
async function saveAll(
  devices: readonly DeviceSession[],
  executables: readonly Executable[],
  from: 'start' | undefined,
): Promise<SavedStates> {
  const saved = await Promise.all(devices.map((d, i) => saveStates(d, executables[i]?.program.states ?? [], from)));
  const states = executables.flatMap((e) => e.program.states);
  return {
    parameters: joinTiles(distinct(saved.flatMap((s) => s.parameters)), states),
    auxiliary: joinTiles(distinct(saved.flatMap((s) => s.auxiliary)), states),
  };
}

function distinct(tensors: readonly NamedTensor[]): NamedTensor[] {
  return [...new Map(tensors.map((t) => [t.name, t])).values()];
}
