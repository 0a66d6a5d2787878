/** A text's program on every device, and cut over shards: what the language says is the same on all of them. */
import { lowerGraph } from '../../compiler/4-graph/lower.ts';
import type { AtRest } from '../../compiler/5-program/arrivals.ts';
import { passedAtRest } from '../../compiler/5-program/at-rest.ts';
import { withSteps } from '../../compiler/5-program/auto-steps.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { cutModel } from '../../compiler/6-partition/cut-model.ts';
import { scheduledMachines } from '../../compiler/6-partition/scheduled-machines.ts';
import { lanesFor, withLanes } from '../../compiler/7-kernels/onnx/lanes.ts';
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import type { Staged } from '../../compiler/compile.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { Device, FieldData, Position, Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { openShard, type Shard } from '../../runtime/shard/shard.ts';
import { openShards } from '../../runtime/shard/shards.ts';
import type { Program } from '../../spec/program.ts';
import { checkedTooShort } from './check-source.ts';
import { openLowered } from './webgpu.ts';

export interface Place {
  readonly name: string;
  readonly shard: Shard;
}

const cpu: Device = {
  name: 'cpu',
  description: 'one thread',
  open: async (executable) => openHere(executable, 1),
};
const webgpu: Device = {
  name: 'webgpu',
  description: 'software',
  open: ({ program }) => openLowered((p) => lowerToWgsl(p))(program),
};

/** The first train block of a text with all predictions, lowered for `predictBatch` samples. */
export function stagedText(text: string, predictBatch = 4): Staged {
  const all = checkedTooShort(text);
  const [written] = all.trains;
  if (!written) throw new Error('no train block');
  const predicts = all.predicts.filter((p) => p.model.name === written.model.name);
  const graph = lowerGraph(written.model);
  const task = withSteps(written, graph);
  const lanes = lanesFor(graph, task);
  const lower = (atRest: AtRest): Program => lowerProgram(graph, task, predicts, { predictBatch, atRest });
  const lowerForOne = (atRest: AtRest): Program => withLanes(lower(atRest), { graph, task, atRest }, lanes);
  const { kept: lowered, program } = passedAtRest({ graph, task, lower: lowerForOne }, (first) => runPasses(first));
  return { checked: all, model: task.model, task, predicts, graph, lowered, lower, program };
}

/** A text on each device, and on two shards or more; each begins with the same weights when it is opened. */
export function openersOf(staged: Staged, shards = 2): Readonly<Record<string, () => Promise<Shard>>> {
  const { program } = staged;
  const begin = () => ({ seed: 3, statistics: new Map() });
  return {
    reference: () => openShard(referenceDevice, { program, files: new Map() }, begin),
    cpu: () => openShard(cpu, { program, files: lowerToCpu(program) }, begin),
    webgpu: () => openShard(webgpu, { program, files: new Map() }, begin),
    shards: async () => {
      const cut = cutModel(staged, scheduledMachines(staged, shards));
      if (cut.kind === 'impossible') throw new Error('the model cannot be cut');
      const sources = cut.split.map((s) => ({
        executable: { program: s.program, files: new Map<string, Uint8Array>() },
        schedule: s.schedule,
      }));
      return openShards(referenceDevice, sources, begin);
    },
  };
}

/** The reference device comes first. */
export async function openEverywhere(text: string, predictBatch = 4, shards = 2): Promise<Place[]> {
  const places: Place[] = [];
  for (const [name, open] of Object.entries(openersOf(stagedText(text, predictBatch), shards)))
    places.push({ name, shard: await open() });
  return places;
}

/** Runs one function at every place, checks that all say the same as the first, and gives what that said. */
export async function runEverywhere(
  places: readonly Place[],
  name: string,
  inputs: Readonly<Record<string, FieldData>>,
  position: Position,
  compare: (place: string, result: string, found: number[], wanted: number[]) => void,
): Promise<Record<string, Tensor>> {
  const [first, ...others] = places;
  if (!first) throw new Error('no place');
  const wanted = await first.shard.run(name, inputs, position);
  for (const { name: place, shard } of others) {
    const found = await shard.run(name, inputs, position);
    for (const [result, values] of Object.entries(wanted))
      compare(place, result, [...(found[result] ?? [])], [...values]);
  }
  return wanted;
}

export async function closeAll(places: readonly Place[]): Promise<void> {
  for (const { shard } of places) await shard.close();
}
