/** A program on one machine and cut over several, side by side on the reference device. */

import type { TrainTask } from '../../compiler/3-check/checked.ts';
import type { Graph } from '../../compiler/4-graph/graph.ts';
import { passedAtRest } from '../../compiler/5-program/at-rest.ts';
import type { Freedom } from '../../compiler/5-program/free-ticks.ts';
import { runPassesByNode, runPassesFreely } from '../../compiler/5-program/passes/index.ts';
import { verify } from '../../compiler/5-program/verify.ts';
import { type Assignment, ownersOf } from '../../compiler/6-partition/shards/owners.ts';
import { assignmentOf } from '../../compiler/6-partition/shards/pieces.ts';
import { type ShardProgram, splitProgram, splitting } from '../../compiler/6-partition/shards/split.ts';
import { twofold } from '../../compiler/6-partition/shards/twofold.ts';
import { tiledOwners, tiledPieces } from '../../compiler/6-partition/tiles/owners.ts';
import { tileProgram } from '../../compiler/6-partition/tiles/tile.ts';
import { mostTiles } from '../../compiler/6-partition/tiles/tiling.ts';
import { buildProgram } from '../../compiler/compile.ts';
import type { DeviceSession, FieldData, Tensor } from '../../runtime/device/device.ts';
import { Lockstep } from '../../runtime/shard/lockstep.ts';
import { openSession, type ShardSession } from '../../runtime/shard/session.ts';
import type { FrameChooser } from '../../runtime/training/free-ticks.ts';
import { initialValues } from '../../spec/initialise.ts';
import { linkOrigin, nodeOrigin, type Owner } from '../../spec/names.ts';
import { type Program, type ProgramFunction, sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { putInto } from '../../spec/slices.ts';
import { checked } from './check-source.ts';
import { openReference } from './reference.ts';

export interface Compiled {
  readonly graph: Graph;
  readonly program: Program;
  readonly task: TrainTask;
}

/** A model's text with one of its train blocks, as `nmc train` compiles it; with microbatches, as `nmc deploy` does. */
export function compileText(
  text: string,
  name?: string,
  files: Readonly<Record<string, string>> = {},
  microbatches = 1,
  async?: Freedom,
): Compiled {
  const all = checked(text, {}, files);
  const task = all.trains.find((t) => name === undefined || t.name === name);
  if (!task) throw new Error(`no train block ${name}`);
  const predicts = all.predicts.filter((p) => p.model.name === task.model.name);
  const staged = buildProgram({ checked: all, model: task.model, task, predicts }, { microbatches, async });
  const program = async
    ? passedAtRest(staged, (first) => runPassesFreely(first)).program
    : runPassesByNode(staged.lowered);
  return { graph: staged.graph, program, task };
}

/** Nodes anywhere, links with their source or their target. */
export function randomAssignment(graph: Graph, shards: number, seed: number): Assignment {
  const rng = stream(seed, 'assignment');
  const found = new Map<Owner, number>();
  graph.nodes.forEach((n, i) => {
    found.set(nodeOrigin(n.name), i < shards ? i : rng.bits(i) % shards);
  });
  graph.links.forEach((l, i) => {
    const end = rng.bits(1000 + i) % 2 === 0 ? l.source : l.target;
    found.set(linkOrigin(l.name), found.get(nodeOrigin(end)) ?? 0);
  });
  return found;
}

/** @param earlyWork FLOP that are done while frames are on their way; as usual where absent */
export function splitRandomly(
  { graph, program }: Compiled,
  shards: number,
  seed: number,
  earlyWork?: number,
): ShardProgram[] {
  const [owners, assignment] = [ownersOf(graph), randomAssignment(graph, shards, seed)];
  return splitting(program, {
    ...{ owners, assignment, shards },
    ...(earlyWork === undefined ? {} : { earlyWork }),
  }).programs();
}

/** As above, for batches that begin on predicted weights. */
export function splitAhead(compiled: Compiled, shards: number, seed: number): ShardProgram[] {
  return splitRandomly(compiled, shards, seed).map(twofold);
}

/**
 * Every node that can be, cut into up to three tiles of unequal size; tiles and links anywhere.
 *
 * @param spread whether the weights of a node's last tile lie with its other tiles
 */
export function splitTiled({ graph, program }: Compiled, shards: number, seed: number, spread = false): ShardProgram[] {
  const rng = stream(seed, 'tiling');
  const tiling = new Map<string, number[]>();
  graph.nodes.forEach((node, i) => {
    const most = mostTiles(graph, node);
    const cuts = [rng.bits(3 * i) % most, rng.bits(3 * i + 1) % most];
    const offsets = [...new Set([0, ...cuts, most])].sort((a, b) => a - b);
    if (offsets.length > 2) tiling.set(node.name, offsets);
  });
  if (tiling.size === 0) throw new Error('nothing is cut');
  const pieces = tiledPieces(graph, tiling);
  const part = Int32Array.from(pieces, (_, i) => (i < shards ? i : rng.bits(500 + i) % shards));
  const spreads = new Map([...tiling].map(([name, { length }]) => [name, evenly(length - 2)] as const));
  const tiled = tileProgram(graph, program, tiling, spread ? spreads : undefined);
  verify(tiled);
  return splitProgram(tiled, tiledOwners(graph, tiling), assignmentOf(graph, pieces, part), shards);
}

export function sampleOf(f: ProgramFunction, seed: number): Record<string, FieldData> {
  const inputs: Record<string, FieldData> = {};
  for (const { field, type, shape } of f.inputs) {
    const rng = stream(seed, `field/${field}`);
    const size = sizeOf(shape);
    if (type === 'f32') inputs[field] = Float32Array.from({ length: size }, (_, i) => rng.normal(i));
    else if (type === 'u8') inputs[field] = Uint8Array.from({ length: size }, (_, i) => rng.bits(i) % 256);
    else inputs[field] = Int32Array.from({ length: size }, (_, i) => rng.bits(i) % 3);
  }
  return inputs;
}

export async function fillStates(session: DeviceSession, program: Program): Promise<void> {
  for (const state of program.states) {
    if (state.role === 'value') await session.write(state.id, new Float32Array(sizeOf(state.shape)).fill(Number.NaN));
    else if (state.init.kind === 'statistic')
      await session.write(state.id, new Float32Array(sizeOf(state.shape)).fill(0.75));
    else await session.write(state.id, initialValues(state, 5));
  }
}

export interface Outcome {
  readonly results: readonly Readonly<Record<string, Tensor>>[];
  /** Every state that a snapshot has. */
  readonly states: ReadonlyMap<string, Tensor>;
}

export type Step = readonly [name: string, seed: number];

/** Three batches, then every prediction, then one more batch. */
export function stepsOf(program: Program): Step[] {
  const predictions = program.functions.filter((f) => f.name.startsWith('predict.')).map((f) => [f.name, 9] as const);
  return [['train', 1], ['train', 2], ['train', 3], ...predictions, ['train', 4]];
}

export async function runWhole(program: Program): Promise<Outcome> {
  const session = await openReference(program);
  await fillStates(session, program);
  const results = [];
  for (const [name, seed] of stepsOf(program))
    results.push(await session.run(name, inputsFor(program, name, seed), positionOf(seed)));
  return { results, states: await statesOf(program, session) };
}

export interface OpenShards {
  readonly devices: readonly DeviceSession[];
  readonly sessions: readonly ShardSession[];
  /** All that a snapshot has, shard by shard. */
  readonly states: () => Promise<Tensor[]>;
}

/** Each shard on a reference device of its own, its states filled. @param chooser which frames ticks read */
export async function openShards(shards: readonly ShardProgram[], chooser?: FrameChooser): Promise<OpenShards> {
  const devices: DeviceSession[] = [];
  const sessions: ShardSession[] = [];
  for (const { schedule, program } of shards) {
    const device = await openReference(program);
    await fillStates(device, program);
    devices.push(device);
    sessions.push(openSession(schedule, { program, files: new Map() }, device, undefined, chooser));
  }
  const states = async (): Promise<Tensor[]> => {
    const found: Tensor[] = [];
    for (const [i, device] of devices.entries())
      found.push(...(await statesOf((shards[i] as ShardProgram).program, device)).values());
    return found;
  };
  return { devices, sessions, states };
}

export async function runShards(
  program: Program,
  shards: readonly ShardProgram[],
  steps = stepsOf(program),
  chooser?: FrameChooser,
): Promise<Outcome> {
  const { devices, sessions } = await openShards(shards, chooser);
  const lockstep = new Lockstep(sessions);
  const results = await Promise.all(
    steps.map(([name, seed]) => lockstep.run(name, inputsFor(program, name, seed), positionOf(seed))),
  );
  const states = new Map<string, Tensor>();
  for (const [i, device] of devices.entries()) {
    const { program: own } = shards[i] as ShardProgram;
    const found = await statesOf(own, device);
    for (const { id, slice, shape } of own.states) {
      const value = found.get(id);
      if (!value) continue;
      if (!slice) states.set(id, value);
      else {
        const whole = states.get(slice.of) ?? new Float64Array(sizeOf(slice.shape)).fill(Number.NaN);
        putInto(whole, slice, shape, value);
        states.set(slice.of, whole);
      }
    }
  }
  return { results, states };
}

export const positionOf = (seed: number): { batch: number; batches: number; step: number } => ({
  batch: seed - 1,
  batches: 20,
  step: seed % 3 === 1 ? 0 : 1,
});

export function inputsFor(program: Program, name: string, seed: number): Record<string, FieldData> {
  const f = program.functions.find((g) => g.name === name);
  if (!f) throw new Error(`no function ${name}`);
  return sampleOf(f, seed);
}

async function statesOf(program: Program, session: DeviceSession): Promise<Map<string, Tensor>> {
  const states = new Map<string, Tensor>();
  for (const { id, role } of program.states) if (role !== 'value') states.set(id, await session.read(id));
  return states;
}

function evenly(parts: number): number[] {
  return Array.from({ length: parts }, (_, i) => (i + 1) / parts);
}
