/**
 * Inference learning and incremental learning of a chain, written out for one pair of loops: an oracle that shares no
 * code with the compiler (equations 1, 2, 4 to 8 for squared errors).
 */
export interface ByHand {
  readonly dims: readonly number[];
  /** Activation behind hidden values (A) or behind hidden links (B). */
  readonly convention: 'A' | 'B';
  readonly f: (x: number) => number;
  readonly slope: (x: number) => number;
  readonly steps: number;
  readonly rate: number;
  readonly momentum: number;
  readonly weightRate: number;
  /** Weights move with every tick, from the same state as the values. */
  readonly incremental: boolean;
}

export interface HandWeights {
  /** w[l][i][j]: from unit j of level l to unit i of level l + 1. */
  w: number[][][];
  c: number[][];
}

interface Sample {
  z: number[][];
  velocity: number[][];
}

/** One batch; changes the weights. @returns the mean energy of a sample as it is reported */
export function batchByHand(setting: ByHand, weights: HandWeights, xs: number[][], ys: number[][]): number {
  const { dims, steps } = setting;
  const last = dims.length - 1;
  const samples: Sample[] = xs.map((x, s) => {
    const z = [x];
    for (let l = 0; l < last; l++) z.push(predict(setting, weights, z, l).mu);
    z[last] = ys[s] ?? [];
    return { z, velocity: z.map((row) => row.map(() => 0)) };
  });
  let energy = 0;
  const ticks = setting.incremental ? steps : steps + 1;
  for (let tick = 0; tick < ticks; tick++) {
    const slopes = zeroSlopes(weights);
    energy = 0;
    const learning = setting.incremental || tick === steps;
    const moves = samples.map((sample) => {
      const { toValues, energy: own } = gradients(setting, weights, sample.z, slopes);
      energy += own;
      return toValues;
    });
    if (setting.incremental || tick < steps)
      for (const [s, sample] of samples.entries()) move(setting, sample, moves[s] ?? [], last);
    if (learning) descend(weights, slopes, setting.weightRate / samples.length);
  }
  return energy / samples.length;
}

function predict({ convention, f, dims }: ByHand, { w, c }: HandWeights, z: number[][], l: number) {
  const below = z[l] ?? [];
  const source = convention === 'A' && l > 0 ? below.map(f) : below;
  const u = (c[l] ?? []).map((bias, i) => (w[l]?.[i] ?? []).reduce((sum, v, j) => sum + v * (source[j] ?? 0), bias));
  const mu = convention === 'B' && l < dims.length - 2 ? u.map(f) : u;
  return { source, u, mu };
}

/** Adds one sample's weight slopes. */
function gradients(setting: ByHand, weights: HandWeights, z: number[][], slopes: HandWeights) {
  const { convention, slope, dims } = setting;
  const toValues = z.map((row) => row.map(() => 0));
  let energy = 0;
  for (let l = 0; l < dims.length - 1; l++) {
    const { source, u, mu } = predict(setting, weights, z, l);
    for (let i = 0; i < mu.length; i++) {
      const error = (z[l + 1]?.[i] ?? 0) - (mu[i] ?? 0);
      energy += 0.5 * error * error;
      add(toValues[l + 1], i, error);
      const delta = convention === 'B' && l < dims.length - 2 ? error * slope(u[i] ?? 0) : error;
      add(slopes.c[l], i, -delta);
      for (let j = 0; j < source.length; j++) {
        add(slopes.w[l]?.[i], j, -delta * (source[j] ?? 0));
        const inner = convention === 'A' && l > 0 ? slope(z[l]?.[j] ?? 0) : 1;
        add(toValues[l], j, -delta * (weights.w[l]?.[i]?.[j] ?? 0) * inner);
      }
    }
  }
  return { toValues, energy };
}

function move({ rate, momentum }: ByHand, sample: Sample, slopes: number[][], last: number): void {
  for (let l = 1; l < last; l++)
    slopes[l]?.forEach((g, i) => {
      const v = momentum * (sample.velocity[l]?.[i] ?? 0) + g;
      const row = sample.velocity[l];
      if (row) row[i] = v;
      add(sample.z[l], i, -rate * v);
    });
}

function descend(weights: HandWeights, slopes: HandWeights, rate: number): void {
  for (const [l, rows] of weights.w.entries())
    for (const [i, row] of rows.entries())
      for (const [j] of row.entries()) add(row, j, -rate * (slopes.w[l]?.[i]?.[j] ?? 0));
  for (const [l, row] of weights.c.entries())
    for (const [i] of row.entries()) add(row, i, -rate * (slopes.c[l]?.[i] ?? 0));
}

function zeroSlopes({ w, c }: HandWeights): HandWeights {
  return { w: w.map((rows) => rows.map((row) => row.map(() => 0))), c: c.map((row) => row.map(() => 0)) };
}

function add(row: number[] | undefined, i: number, value: number): void {
  if (row) row[i] = (row[i] ?? 0) + value;
}
