/** The devices that a model is trained on, whole and in shards. */
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { lowerEachToCpu } from '../../compiler/7-kernels/onnx/shards.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { Device, DeviceSession, Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { openShard } from '../../runtime/shard/shard.ts';
import { openShards, type ShardSource } from '../../runtime/shard/shards.ts';
import { decodeValues, encodeValues } from '../../runtime/wire/codec.ts';
import { LANE } from '../../spec/names.ts';
import { HALF_MAX } from '../../spec/precision.ts';
import { bundledCpu } from '../support/bundled-cpu.ts';
import { HALF_UNIT, type Machine, UNIT } from './compare.ts';
import { compiledCut, drawnCut } from './cuts.ts';

const F64 = 2 ** -52;

export const reference: Machine = {
  name: 'reference',
  unit: F64,
  open: ({ whole: { program } }, begin) => openShard(referenceDevice, { program, files: new Map() }, () => begin),
};

const cpuWith = (threads: number): Device => ({
  name: 'cpu',
  description: `${threads} threads`,
  open: async (executable) => openHere(executable, threads),
});

export const cpu = (threads: number): Machine => ({
  name: `cpu, threads: ${threads}`,
  unit: UNIT,
  open: ({ whole: { program } }, begin) =>
    openShard(cpuWith(threads), { program, files: lowerToCpu(program) }, () => begin),
});

/** Two threads that share every batch, of models that have lanes. */
export const lanes: Machine = {
  name: 'cpu, lanes',
  unit: UNIT,
  open: async ({ whole: { program } }, begin) => {
    // Two threads have nothing to share in what fills no batch, which follows all the same.
    if ('seed' in begin && !program.functions.some((f) => f.name === LANE)) return undefined;
    return openShard(await threads(), { program, files: lowerToCpu(program) }, () => begin);
  },
};

let bundled: Promise<Device> | undefined;

function threads(): Promise<Device> {
  bundled ??= bundledCpu('models');
  return bundled;
}

/**
 * Shards in lockstep, in microbatches where the model's schedule says so.
 *
 * @param most of them, as the compiler cuts them; drawn by the model's text where absent
 * @param borders what becomes of values on their way to another shard
 */
const inShards = (name: string, unit: number, device: Device, most?: number, borders?: typeof inHalves): Machine => ({
  name,
  unit,
  inShards: true,
  open: async (model, begin) => {
    const { staged, text } = model;
    const split = most === undefined ? drawnCut(staged, text) : compiledCut(staged, most);
    if (!split) return undefined;
    const programs = split.map((s) => s.program);
    const filesOf = device === referenceDevice ? () => [] : lowerEachToCpu(programs);
    const sources = split.map(({ program, schedule }, i) => ({
      executable: { program, files: new Map(filesOf(i).map((f) => [f.name, f.bytes])) },
      schedule,
    }));
    return openShards(borders ? borders(device, sources) : device, sources, () => begin);
  },
});

/** A device whose shards get what others send them in f16, as on a mesh with `--borders f16`. */
function inHalves(device: Device, sources: readonly ShardSource[]): Device {
  const half = (values: Tensor): Tensor =>
    decodeValues(encodeValues([values], 'f16'), [values.length], 'f16')[0] ?? values;
  return {
    ...device,
    open: async (executable) => {
      const { messages = [], shard } = sources.find((s) => s.executable === executable)?.schedule ?? {};
      const received = new Set(messages.filter((m) => m.to === shard).flatMap((m) => m.values.map((v) => v.name)));
      const session = await device.open(executable);
      const run: DeviceSession['run'] = (name, inputs, position) => {
        const shortened = Object.entries(inputs).map(([field, data]) => [
          field,
          received.has(field) ? half(data as Tensor) : data,
        ]);
        return session.run(name, Object.fromEntries(shortened), position);
      };
      return { ...session, run };
    },
  };
}

export const referenceShards = inShards('reference, shards', F64, referenceDevice);
export const cpuShards = inShards('cpu, shards', UNIT, cpuWith(1));
export const cpuShardsInHalves: Machine = {
  ...inShards('cpu, shards with f16 between them', HALF_UNIT, cpuWith(1), undefined, inHalves),
  largest: HALF_MAX,
};
export const shards = (most: number): Machine => inShards(`reference, ${most} shards`, F64, referenceDevice, most);
