/** Lies of a shard in real trainings of random models, and how many of them its neighbours see. */
import type { Tensor } from '../../runtime/device/device.ts';
import type { Frame } from '../../runtime/training/frame.ts';
import { stream } from '../../spec/random.ts';
import { randomChain } from './random-chains.ts';
import { type Watched, type WatchedOptions, watchedTraining } from './watched-training.ts';

const LENGTH = { shards: 3, stretches: 15, batches: 3 };
const LIAR = { liar: 1, from: 12 };
/** Within which a lie is to be seen. */
const STRETCHES = 3;

const each = ({ values }: Frame, change: (value: number, i: number) => number): Tensor[] =>
  values.map((v) => v.map((value, i) => change(value, i)) as Tensor);

export const LIES: WatchedOptions['lies'] = {
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
  'a slow drift': (frame, { calls }) => each(frame, (v) => 1.01 ** calls * v),
};
/** What validation does not see. */
export const HARDLY: ReadonlySet<string> = new Set(['a twentieth larger', 'a slow drift']);

/** Of a lie: in how many trainings it changes anything, and in how many it is seen within three stretches. */
export interface Counted {
  readonly of: number;
  readonly seen: number;
}

export interface SeenLies {
  /** Suspicions of honest shards, in words. */
  readonly honest: readonly string[];
  /** Of a shard, in which there might have been one. */
  readonly stretches: number;
  readonly counted: ReadonlyMap<string, Counted>;
}

const mostOf = (watched: Watched): number =>
  Math.max(0, ...watched.slice(LIAR.from, LIAR.from + STRETCHES).map((shards) => shards[LIAR.liar]?.suspicion ?? 0));

/** @param length more of it than usual */
export async function seenLies(
  seeds: readonly number[],
  length: Partial<typeof LENGTH> = {},
  progress: (seed: number) => void = () => undefined,
): Promise<SeenLies> {
  const honest: string[] = [];
  let stretches = 0;
  const counted = new Map<string, Counted>();
  for (const seed of seeds) {
    const options = { source: randomChain(seed), ...LENGTH, ...length, ...LIAR, seed, lies: LIES };
    const watched = await watchedTraining(options);
    for (const [stretch, shards] of (watched.get('honest') ?? []).entries())
      for (const [shard, { suspicion, why }] of shards.entries()) {
        stretches++;
        if (suspicion > 0) honest.push(`seed ${seed}, stretch ${stretch}: ${suspicion.toFixed(2)} ${shard} ${why}`);
      }
    watched.delete('honest');
    for (const [name, found] of watched) {
      const { of, seen } = counted.get(name) ?? { of: 0, seen: 0 };
      counted.set(name, { of: of + 1, seen: seen + (mostOf(found) > 0 ? 1 : 0) });
    }
    progress(seed);
  }
  return { honest, stretches, counted };
}
