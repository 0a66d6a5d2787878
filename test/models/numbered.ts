/**
 * Random models by numbers. Each is trained on the reference device and on one of the others, which take turns: of any
 * six numbers in a row every device has one, and every way to cut its share of those in shards.
 */
import fc from 'fast-check';
import type { Machine } from './compare.ts';
import { cpu, cpuShards, cpuShardsInHalves, lanes, reference, referenceShards } from './devices.ts';
import { type Description, descriptions, divisible } from './generator.ts';
import { textOf } from './print-model.ts';
import { webgpu, webgpuHalves } from './webgpu-machine.ts';

/** A device beside the reference, and models that it has something of its own to do for. */
export interface Turn {
  readonly machine: Machine;
  readonly described: fc.Arbitrary<Description>;
}

export const turns: Readonly<Record<'others' | 'webgpu', readonly Turn[]>> = {
  others: [
    { machine: referenceShards, described: descriptions },
    { machine: cpu(1), described: descriptions },
    { machine: cpuShards, described: descriptions },
    { machine: cpu(2), described: descriptions },
    { machine: cpuShardsInHalves, described: descriptions },
    { machine: lanes, described: divisible },
  ],
  webgpu: [
    { machine: webgpu, described: descriptions },
    { machine: webgpuHalves, described: descriptions },
  ],
};

export interface Numbered {
  readonly number: number;
  readonly text: string;
  readonly machines: readonly Machine[];
}

/** Models that one seed gives: number 250 is the 50th (from 0) of the third seed. */
const OF_A_SEED = 100;

export function* numbered(kind: keyof typeof turns, from: number, to: number): Generator<Numbered> {
  const own = turns[kind];
  for (let seed = Math.floor(from / OF_A_SEED); seed * OF_A_SEED < to; seed++) {
    const sampled = new Map<fc.Arbitrary<Description>, Description[]>();
    for (let number = Math.max(from, seed * OF_A_SEED); number < Math.min(to, (seed + 1) * OF_A_SEED); number++) {
      const turn = own[number % own.length] as Turn;
      const texts = sampled.get(turn.described) ?? fc.sample(turn.described, { seed, numRuns: OF_A_SEED });
      sampled.set(turn.described, texts);
      yield { number, text: textOf(texts[number % OF_A_SEED] as Description), machines: [reference, turn.machine] };
    }
  }
}
