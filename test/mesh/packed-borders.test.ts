/** Numbers that are packed on borders: a mesh comes to the bits of one process, whatever is lost or taken over on the way. */
import { expect, test, vi } from 'vitest';
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import { joinTiles } from '../../runtime/shard/tiles.ts';
import type { NamedTensor } from '../../runtime/store/safetensors.ts';
import type { BorderCodec } from '../../runtime/wire/codec.ts';
import { trainHere } from '../support/one-machine.ts';
import { planOf, points } from './chain-model.ts';
import { type HostedResult, trainHosted } from './hosted.ts';

vi.setConfig({ testTimeout: 60_000 });

const DATA = { train: points, checks: [points] };
const PLANS = { pipelined: planOf(3, 0, 2, true), ahead: planOf(3, 1, 2, true) };

test.each([
  ['ternary', 'ahead'],
  ['changes+int8', 'pipelined'],
] as const satisfies readonly (readonly [BorderCodec, keyof typeof PLANS])[])(
  '%s, %s: the weights of one process, with packets lost and a trainer that dies',
  async (codec, schedule) => {
    const plan = PLANS[schedule];
    const { weights } = await trainHere(plan, DATA, 2, undefined, codec);
    const exact = await trainHere(plan, DATA, 2);
    const { states } = await trainHosted({
      ...{ plan, ...DATA, epochs: 2, codec, trainers: 4, snapshotEvery: 3, seed: 2, loss: 0.02 },
      kills: [{ at: 900, trainer: 1 }],
    });
    const found = wholeStates(plan, states);
    for (const [name, values] of weights) {
      expect(found.get(name), name).toEqual(Array.from(values));
      // Something was lost on the way, else nothing is tested.
      if (values.length > 1) expect(found.get(name), name).not.toEqual(Array.from(exact.weights.get(name) ?? []));
    }
  },
);

/** As one process names them: tiles put together. */
function wholeStates({ shards = [] }: BuiltPlan, states: HostedResult['states']): Map<string, number[]> {
  const all = shards.flatMap(({ program }) => program.states);
  const tensors = shards.flatMap(({ program }, shard) =>
    program.states.flatMap(({ id: name, shape }): NamedTensor[] => {
      const data = states.get(`${shard}/${name}`);
      return data instanceof Float64Array ? [{ name, shape, dtype: 'F64', data }] : [];
    }),
  );
  return new Map(joinTiles(tensors, all).map(({ name, data }) => [name, Array.from(data as Float64Array)]));
}
