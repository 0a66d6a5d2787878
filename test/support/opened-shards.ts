/** Shards of a small model on the cpu device: opened from this thread, and what they give over several batches. */
import { twofold } from '../../compiler/6-partition/shards/twofold.ts';
import { lowerEachToCpu } from '../../compiler/7-kernels/onnx/shards.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { DeviceSession, Tensor } from '../../runtime/device/device.ts';
import { Lockstep } from '../../runtime/shard/lockstep.ts';
import { openSession } from '../../runtime/shard/session.ts';
import type { ShardSource } from '../../runtime/shard/shards.ts';
import { type Compiled, fillStates, inputsFor, positionOf, splitRandomly } from './shards.ts';

const EARLY = 1;

/** @param ahead whether batches begin before the weight step of the one before */
export function sourcesOf(compiled: Compiled, shards: number, ahead = false): ShardSource[] {
  const cut = splitRandomly(compiled, shards, 1, EARLY);
  const programs = ahead ? cut.map(twofold) : cut;
  const filesOf = lowerEachToCpu(programs.map((p) => p.program));
  return programs.map(({ program, schedule }, i) => ({
    executable: { program, files: new Map(filesOf(i).map((f) => [f.name, f.bytes])) },
    schedule,
  }));
}

export interface Opened {
  readonly devices: readonly DeviceSession[];
  readonly run: Lockstep['run'];
}

export function openFromHere(sources: readonly ShardSource[]): Opened {
  const devices = sources.map(({ executable }) => openHere(executable, 1));
  const sessions = sources.map((s, i) => openSession(s.schedule, s.executable, devices[i] as DeviceSession));
  const lockstep = new Lockstep(sessions);
  return { devices, run: (name, inputs, position) => lockstep.run(name, inputs, position) };
}

export const closeAll = ({ devices }: Opened): Promise<unknown> => Promise.all(devices.map((d) => d.close()));

/** The states of all shards as a training begins with them. */
export async function fillAll({ devices }: Opened, sources: readonly ShardSource[]): Promise<void> {
  for (const [i, device] of devices.entries()) {
    const { program: own } = (sources[i] as ShardSource).executable;
    await fillStates(device, { ...own, states: own.states.filter((s) => s.role !== 'value') });
  }
}

/** All that a training goes on from. */
export async function keptBy({ devices }: Opened, sources: readonly ShardSource[]): Promise<Tensor[]> {
  const kept: Tensor[] = [];
  for (const [i, device] of devices.entries())
    for (const { id, role } of sources[i]?.executable.program.states ?? [])
      if (role !== 'value') kept.push(await device.read(id));
  return kept;
}

/** Batches, several of them under way at once, with a prediction between them. */
export async function outcome(
  opened: Opened,
  { program }: Compiled,
  sources: readonly ShardSource[],
): Promise<unknown> {
  await fillAll(opened, sources);
  const predictions = program.functions.filter((f) => f.name.startsWith('predict.')).map((f) => f.name);
  const names = ['train', 'train', 'train', ...predictions, 'train', 'train', ...predictions];
  const results = await Promise.all(
    names.map((name, i) => opened.run(name, inputsFor(program, name, i + 1), positionOf(i + 1))),
  );
  return { results, kept: await keptBy(opened, sources) };
}
