/** The devices that a model is trained on, whole and in shards. */
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { Device } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { openShard, type Shard } from '../../runtime/shard/shard.ts';
import { beginning, type Model } from './compare.ts';

export interface Machine {
  readonly name: string;
  /** A unit in its last place. */
  readonly unit: number;
  readonly open: (model: Model) => Promise<Shard>;
}

const F32 = 2 ** -23;
const F64 = 2 ** -52;

export const reference: Machine = {
  name: 'reference',
  unit: F64,
  open: ({ staged }) => openShard(referenceDevice, { program: staged.program, files: new Map() }, () => beginning),
};

const cpuWith = (threads: number): Device => ({
  name: 'cpu',
  description: `${threads} threads`,
  open: async (executable) => openHere(executable, threads),
});

export const cpu = (threads: number): Machine => ({
  name: `cpu, threads: ${threads}`,
  unit: F32,
  open: ({ staged: { program } }) =>
    openShard(cpuWith(threads), { program, files: lowerToCpu(program) }, () => beginning),
});
