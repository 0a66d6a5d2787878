/** Two yardsticks for a set of digits, by hand on typed arrays: a linear classifier and a small network, both by Adam. */
import { permutation, stream } from '../../spec/random.ts';

export interface Labelled {
  /** rows × width, scaled to about unit variance. */
  readonly inputs: Float32Array;
  readonly labels: Int32Array;
}

interface Layer {
  readonly from: number;
  readonly to: number;
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

export interface TrainOptions {
  /** Sizes from the inputs to the ten classes. */
  readonly sizes: readonly number[];
  readonly epochs: number;
  readonly batch: number;
  /** Adam's rate falls to zero along a cosine. */
  readonly rate: number;
  /** Decoupled weight decay. */
  readonly decay: number;
  readonly seed: number;
}

/** Test accuracy after each epoch. */
export function trainClassifier(train: Labelled, test: Labelled, options: TrainOptions): number[] {
  const { sizes, epochs, batch, seed } = options;
  const layers = sizes.slice(1).map((to, l) => createLayer(sizes[l] as number, to, seed, l));
  const parameters = layers.flatMap((layer) => [layer.weights, layer.bias]);
  const gradients = parameters.map((p) => new Float32Array(p.length));
  const first = parameters.map((p) => new Float32Array(p.length));
  const second = parameters.map((p) => new Float32Array(p.length));
  const rows = train.labels.length;
  const steps = Math.ceil(rows / batch) * epochs;
  const accuracies: number[] = [];
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = permutation(stream(seed, `classifier/${epoch}`), rows);
    for (let start = 0; start < rows; start += batch) {
      for (const gradient of gradients) gradient.fill(0);
      const end = Math.min(rows, start + batch);
      for (let k = start; k < end; k++) accumulate(layers, gradients, train, order[k] as number, 1 / (end - start));
      step++;
      const rate = options.rate * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
      parameters.forEach((p, n) => {
        const decay = n % 2 === 0 ? options.decay : 0;
        adam(p, gradients[n] as Float32Array, first[n] as Float32Array, second[n] as Float32Array, step, rate, decay);
      });
    }
    accuracies.push(accuracy(layers, test));
  }
  return accuracies;
}

function createLayer(from: number, to: number, seed: number, l: number): Layer {
  const rng = stream(seed, `classifier/weights/${l}`);
  const scale = Math.sqrt(1 / from);
  const weights = Float32Array.from({ length: from * to }, (_, i) => scale * rng.normal(i));
  return { from, to, weights, bias: new Float32Array(to) };
}

function activate(layer: Layer, input: Float32Array, hidden: boolean): Float32Array {
  const { from, to, weights } = layer;
  const out = new Float32Array(to);
  for (let o = 0; o < to; o++) {
    let sum = layer.bias[o] as number;
    const row = o * from;
    for (let i = 0; i < from; i++) sum += (weights[row + i] as number) * (input[i] as number);
    out[o] = hidden && sum < 0 ? 0 : sum;
  }
  return out;
}

function forward(layers: readonly Layer[], input: Float32Array): Float32Array[] {
  const values = [input];
  layers.forEach((layer, l) => {
    values.push(activate(layer, values[l] as Float32Array, l < layers.length - 1));
  });
  return values;
}

function accumulate(
  layers: readonly Layer[],
  gradients: readonly Float32Array[],
  data: Labelled,
  row: number,
  share: number,
): void {
  const width = (layers[0] as Layer).from;
  const values = forward(layers, data.inputs.subarray(row * width, (row + 1) * width));
  let error = softmax(values[layers.length] as Float32Array);
  const label = data.labels[row] as number;
  error[label] = (error[label] as number) - 1;
  for (let i = 0; i < error.length; i++) error[i] = (error[i] as number) * share;
  for (let l = layers.length - 1; l >= 0; l--) {
    const { from, to, weights } = layers[l] as Layer;
    const input = values[l] as Float32Array;
    const weightGradient = gradients[2 * l] as Float32Array;
    const biasGradient = gradients[2 * l + 1] as Float32Array;
    const below = new Float32Array(l > 0 ? from : 0);
    for (let o = 0; o < to; o++) {
      const e = error[o] as number;
      if (e === 0) continue;
      biasGradient[o] = (biasGradient[o] as number) + e;
      const base = o * from;
      for (let i = 0; i < from; i++)
        weightGradient[base + i] = (weightGradient[base + i] as number) + e * (input[i] as number);
      for (let i = 0; i < below.length; i++) below[i] = (below[i] as number) + e * (weights[base + i] as number);
    }
    for (let i = 0; i < below.length; i++) if ((input[i] as number) <= 0) below[i] = 0;
    error = below;
  }
}

function softmax(logits: Float32Array): Float32Array {
  const top = Math.max(...logits);
  const out = logits.map((x) => Math.exp(x - top));
  const sum = out.reduce((a, b) => a + b, 0);
  return out.map((x) => x / sum);
}

function adam(
  p: Float32Array,
  gradient: Float32Array,
  first: Float32Array,
  second: Float32Array,
  step: number,
  rate: number,
  decay: number,
): void {
  const correct1 = 1 - 0.9 ** step;
  const correct2 = 1 - 0.999 ** step;
  for (let i = 0; i < p.length; i++) {
    const g = gradient[i] as number;
    const m = 0.9 * (first[i] as number) + 0.1 * g;
    const v = 0.999 * (second[i] as number) + 0.001 * g * g;
    first[i] = m;
    second[i] = v;
    p[i] = (p[i] as number) * (1 - rate * decay) - (rate * (m / correct1)) / (Math.sqrt(v / correct2) + 1e-8);
  }
}

function accuracy(layers: readonly Layer[], data: Labelled): number {
  const width = (layers[0] as Layer).from;
  let right = 0;
  for (let row = 0; row < data.labels.length; row++) {
    const values = forward(layers, data.inputs.subarray(row * width, (row + 1) * width));
    const logits = values[layers.length] as Float32Array;
    if (logits.indexOf(Math.max(...logits)) === data.labels[row]) right++;
  }
  return right / data.labels.length;
}
