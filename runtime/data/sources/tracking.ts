/**
 * `data.tracking`: a linear system under noise, what is seen of it, and what the Kalman filter that knows the system
 * makes of it (Kalman 1960).
 *   hidden(t) = A hidden(t-1) + w(t),  seen(t) = C hidden(t) + v(t),  w, v ~ N(0, I),  hidden(0) = w(0)
 * A turns slowly and shrinks.
 */
import { stream } from '../../../spec/random.ts';
import { boundedCount, MAX_ELEMENTS, zeroed } from '../../support/bounded.ts';
import { type Dataset, memoryDataset } from '../dataset.ts';
import { add, identity, inverse, type Matrix, multiply, subtract, times, transpose } from './small-matrices.ts';

const SAMPLES = { train: 256, test: 64 } as const;
export type TrackingSplit = keyof typeof SAMPLES;
export const HIDDEN = 3;
export const SEEN = 4;

/** A quarter turn in about five steps around one axis, shrinking a little; the third axis keeps nine tenths. */
const ANGLE = 0.3;
const KEPT = 0.95;
export const DYNAMICS: Matrix = [
  [KEPT * Math.cos(ANGLE), -KEPT * Math.sin(ANGLE), 0],
  [KEPT * Math.sin(ANGLE), KEPT * Math.cos(ANGLE), 0],
  [0.1, 0, 0.9],
];
/** Each of the first three sees one axis and half of the next, the fourth a mixture. */
export const OBSERVATION: Matrix = [
  [1, 0.5, 0],
  [0, 1, 0.5],
  [0.5, 0, 1],
  [1, -1, 1],
];

export function tracking(split: TrackingSplit, { seed, steps }: { seed: number; steps: number }): Dataset {
  const length = SAMPLES[split];
  const rng = stream(seed, `tracking/${split}`);
  const room = (width: number): Float32Array =>
    zeroed(Float32Array, boundedCount(length * steps * width, MAX_ELEMENTS, 'elements of data.tracking'));
  const [hidden, seen, kalman] = [room(HIDDEN), room(SEEN), room(HIDDEN)];
  let draw = 0;
  for (let i = 0; i < length; i++) {
    let state = new Array<number>(HIDDEN).fill(0);
    const filter = kalmanFilter();
    for (let t = 0; t < steps; t++) {
      state = times(DYNAMICS, state).map((v) => v + rng.normal(draw++));
      const sight = times(OBSERVATION, state).map((v) => v + rng.normal(draw++));
      hidden.set(state, (i * steps + t) * HIDDEN);
      seen.set(sight, (i * steps + t) * SEEN);
      kalman.set(filter(sight), (i * steps + t) * HIDDEN);
    }
  }
  return memoryDataset(`tracking.${split}`, `generated from seed ${seed}`, [
    { field: { name: 'hidden', type: 'f32', shape: [steps, HIDDEN] }, data: hidden },
    { field: { name: 'seen', type: 'f32', shape: [steps, SEEN] }, data: seen },
    { field: { name: 'kalman', type: 'f32', shape: [steps, HIDDEN] }, data: kalman },
  ]);
}

/** The filter from hidden(-1) = 0, known for certain. @returns the estimate after each observation */
export function kalmanFilter(): (seen: readonly number[]) => number[] {
  let estimate = new Array<number>(HIDDEN).fill(0);
  let spread: Matrix = identity(HIDDEN).map((row) => row.map(() => 0));
  const ct = transpose(OBSERVATION);
  return (seen) => {
    const expected = times(DYNAMICS, estimate);
    const before = add(multiply(multiply(DYNAMICS, spread), transpose(DYNAMICS)), identity(HIDDEN));
    const surprise = add(multiply(multiply(OBSERVATION, before), ct), identity(SEEN));
    const gain = multiply(multiply(before, ct), inverse(surprise));
    const missed = times(OBSERVATION, expected).map((v, i) => (seen[i] as number) - v);
    estimate = times(gain, missed).map((v, i) => (expected[i] as number) + v);
    spread = multiply(subtract(identity(HIDDEN), multiply(gain, OBSERVATION)), before);
    return estimate;
  };
}
