/** The devices that a model is trained on, whole and in shards. */

import type { Graph } from '../../compiler/4-graph/graph.ts';
import { cutModel } from '../../compiler/6-partition/cut-model.ts';
import { scheduledMachines } from '../../compiler/6-partition/scheduled-machines.ts';
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { lowerShardsToCpu } from '../../compiler/7-kernels/onnx/shards.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { Device } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { openShard, type Shard } from '../../runtime/shard/shard.ts';
import { openShards } from '../../runtime/shard/shards.ts';
import { LANE } from '../../spec/names.ts';
import { bundledCpu } from '../support/bundled-cpu.ts';
import { beginning, type Model, UNIT } from './compare.ts';

export interface Machine {
  readonly name: string;
  /** A unit in its last place. */
  readonly unit: number;
  /** Trains as the model's schedule says. */
  readonly inShards?: true;
  /** @returns nothing where this machine has nothing of its own to do for the model */
  readonly open: (model: Model) => Promise<Shard | undefined>;
}

const F64 = 2 ** -52;

export const reference: Machine = {
  name: 'reference',
  unit: F64,
  open: ({ whole: { program } }) => openShard(referenceDevice, { program, files: new Map() }, () => beginning),
};

const cpuWith = (threads: number): Device => ({
  name: 'cpu',
  description: `${threads} threads`,
  open: async (executable) => openHere(executable, threads),
});

export const cpu = (threads: number): Machine => ({
  name: `cpu, threads: ${threads}`,
  unit: UNIT,
  open: ({ whole: { program } }) =>
    openShard(cpuWith(threads), { program, files: lowerToCpu(program) }, () => beginning),
});

/** Two threads that share every batch, of models that have lanes. */
export const lanes: Machine = {
  name: 'cpu, lanes',
  unit: UNIT,
  open: async ({ whole: { program } }) => {
    if (!program.functions.some((f) => f.name === LANE)) return undefined;
    return openShard(await threads(), { program, files: lowerToCpu(program) }, () => beginning);
  },
};

let bundled: Promise<Device> | undefined;

function threads(): Promise<Device> {
  bundled ??= bundledCpu('models');
  return bundled;
}

/** Shards in lockstep, in microbatches where the model's schedule says so; as many of them as its text's length says. */
const inShards = (name: string, unit: number, device: Device): Machine => ({
  name,
  unit,
  inShards: true,
  open: async ({ text, staged, task, graph }) => {
    if (task.method.name === 'learn.ipc' && hasBiasTwice(graph)) return undefined;
    for (let shards = 2 + (text.length % 7); shards > 1; shards--) {
      const cut = cutModel(staged, scheduledMachines(staged, shards));
      if (cut.kind === 'impossible') continue;
      const programs = cut.split.map((s) => s.program);
      const files = device === referenceDevice ? [] : lowerShardsToCpu(programs);
      const sources = cut.split.map(({ program, schedule }, i) => ({
        executable: { program, files: new Map(files[i]?.map((f) => [f.name, f.bytes])) },
        schedule,
      }));
      return openShards(device, sources, () => beginning);
    }
    return undefined;
  },
});

export const referenceShards = inShards('reference, shards', F64, referenceDevice);
export const cpuShards = inShards('cpu, shards', UNIT, cpuWith(1));

/**
 * Under ipc the shards of a node that two biased links predict end with `has no value on this shard`: what the bias of
 * one of them is within a tick is asked for where it is not. Left out until that is mended.
 */
function hasBiasTwice({ links }: Graph): boolean {
  const biased = links.filter((l) => l.weights.some((w) => w.name === 'c')).map((l) => l.target);
  return new Set(biased).size < biased.length;
}
