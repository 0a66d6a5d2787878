/** Real trainings, watched as those of a mesh are: honest ones raise no suspicion, each of several lies does. */
import { expect, test } from 'vitest';
import type { Tensor } from '../../../runtime/device/device.ts';
import type { Frame } from '../../../runtime/training/frame.ts';
import { stream } from '../../../spec/random.ts';
import { randomChain } from '../../support/random-chains.ts';
import { type Watched, type WatchedOptions, watchedTraining } from '../../support/watched-training.ts';

/** `NMC_SEEDS=200` for the long form. */
const SEEDS = Array.from({ length: Number(process.env.NMC_SEEDS ?? 2) }, (_, i) => i + 1);
const LENGTH = { shards: 3, stretches: 15, batches: 3 };
const LIAR = { liar: 1, from: 12 };
/** Within which a lie is to be seen. */
const STRETCHES = 3;

const each = ({ values }: Frame, change: (value: number, i: number) => number): Tensor[] =>
  values.map((v) => v.map((value, i) => change(value, i)) as Tensor);

const LIES: WatchedOptions['lies'] = {
  'ten times as large': (frame) => each(frame, (v) => 10 * v),
  'half as large again': (frame) => each(frame, (v) => 1.5 * v),
  zeros: (frame) => each(frame, () => 0),
  noise: (frame) => {
    const rng = stream(frame.callIndex * 1000 + frame.tick, 'noise');
    return each(frame, (_, i) => 3 * rng.normal(i));
  },
  'one frame in three that of the tick before': ({ values, tick }, { tick: before }) =>
    tick % 3 === 2 && before ? before : values,
  'those of one call again and again': ({ values }, { honest }) => honest ?? values,
  'those of another shard': ({ values }, { foreign }) => foreign ?? values,
  negative: (frame) => each(frame, (v) => -v),
  'a state that does not move': 'frozen',
  'weights that do not move': { weight: (_, before) => before },
  'weights ten times as large': { weight: (weight) => weight.map((w) => 10 * w) as Tensor },
  'weights with as much noise': {
    weight: (weight) => {
      const [rng, size] = [stream(weight.length, 'weights'), Math.hypot(...weight) / Math.sqrt(weight.length)];
      return weight.map((w, i) => w + size * rng.normal(i)) as Tensor;
    },
  },
  'a twentieth larger': (frame) => each(frame, (v) => 1.05 * v),
  'a slow drift': (frame) => each(frame, (v) => 1.01 ** (frame.callIndex - LIAR.from * LENGTH.batches) * v),
};
/** Of so small a batch sizes differ as much from stretch to stretch. */
const SHARE: ReadonlyMap<string, number> = new Map([
  ['half as large again', 0.4],
  ['negative', 0.8],
]);
/** What validation does not see. */
const HARDLY: ReadonlySet<string> = new Set(['a twentieth larger', 'a slow drift']);

const mostOf = (watched: Watched | undefined, shard: number, from: number): number =>
  Math.max(0, ...(watched ?? []).slice(from, from + STRETCHES).map((shards) => shards[shard]?.suspicion ?? 0));

/** Of a lie: in how many trainings it changes anything, and in how many it is seen. */
interface Counted {
  readonly of: number;
  readonly seen: number;
}

test(`honest trainings of random models raise no suspicion, lies do (${SEEDS.length} seeds)`, async () => {
  const honest: string[] = [];
  const counted = new Map<string, Counted>();
  for (const seed of SEEDS) {
    const watched = await watchedTraining({ source: randomChain(seed), ...LENGTH, ...LIAR, seed, lies: LIES });
    for (const [stretch, shards] of (watched.get('honest') ?? []).entries())
      for (const [shard, { suspicion, why }] of shards.entries())
        if (suspicion > 0) honest.push(`seed ${seed}, ${stretch}: ${suspicion.toFixed(2)} ${shard} ${why}`);
    watched.delete('honest');
    for (const [name, found] of watched) {
      const { of, seen } = counted.get(name) ?? { of: 0, seen: 0 };
      counted.set(name, { of: of + 1, seen: seen + (mostOf(found, LIAR.liar, LIAR.from) > 0 ? 1 : 0) });
    }
  }
  if (process.env.NMC_SEEDS) console.log(counted);
  expect(honest).toEqual([]);
  for (const [name, { of, seen }] of counted)
    if (!HARDLY.has(name)) expect(seen / of, `${name}: ${seen} of ${of}`).toBeGreaterThanOrEqual(SHARE.get(name) ?? 1);
});
