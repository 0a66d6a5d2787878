/**
 * The network that is attacked: a classifier of four clusters in twelve shards, one of its labels, and eleven of hidden
 * nodes, each of which sees all pictures. Its data follow from a seed.
 */
import { type Assignment, ownersOf } from '../../compiler/6-partition/shards/owners.ts';
import { type ShardProgram, splitProgram } from '../../compiler/6-partition/shards/split.ts';
import { linkOrigin, nodeOrigin, type Owner } from '../../spec/names.ts';
import { stream } from '../../spec/random.ts';
import { compileText } from '../support/shards.ts';
import { CLASSES, PIXELS, TICKS } from './behaviours.ts';

const HIDDEN = 11;
export const SHARDS = HIDDEN + 1;
/** Shard of the labels. */
export const LABELS = HIDDEN;
export const BATCH = 8;
/** Batches of an epoch, and of what is tested at the end. */
export const BATCHES = 10;
const TESTED = 3;

const names = Array.from({ length: HIDDEN }, (_, i) => `h${i}`);

const TEXT = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model clusters {
  sense x: f32[${PIXELS}]
${names.map((h) => `  node  ${h}: f32[3] = nodes.gaussian()`).join('\n')}
  node  y: f32[${CLASSES}] = nodes.gaussian()
${names.map((h) => `  link x -> ${h} = links.dense(after = tanh)\n  link ${h} -> y = links.dense()`).join('\n')}
}

train il of clusters on data.file("clusters.npz", x = f32[${PIXELS}], y = f32[${CLASSES}]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = learn.il(steps = ${TICKS}, rate = 0.1)
  optimizer = learn.adam(rate = 0.01)
  batch     = ${BATCH}
  epochs    = 1
}

predict answer of clusters {
  clamp x = input.x
  read y = y
}

check error(answer.y, data.file("clusters.npz", x = f32[${PIXELS}], y = f32[${CLASSES}]).y) <= 100
`;

export interface Samples {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

export interface Network {
  readonly shards: readonly ShardProgram[];
  readonly prediction: string;
  /** Samples of a batch of the prediction. */
  readonly predicted: number;
}

export function compileNetwork(): Network {
  const { graph, program } = compileText(TEXT);
  const shards = splitProgram(program, ownersOf(graph), assignment(), SHARDS);
  const prediction = program.functions.find((f) => f.name.startsWith('predict.'));
  if (!prediction) throw new Error('it predicts nothing');
  return { shards, prediction: prediction.name, predicted: prediction.inputs[0]?.shape[0] ?? BATCH };
}

function assignment(): Assignment {
  const found = new Map<Owner, number>([
    [nodeOrigin('x'), 0],
    [nodeOrigin('y'), LABELS],
  ]);
  for (const [i, h] of names.entries()) {
    found.set(nodeOrigin(h), i);
    found.set(linkOrigin(`x->${h}`), i);
    found.set(linkOrigin(`${h}->y`), i);
  }
  return found;
}

/** A batch of the training: the samples of `call` of a run. */
export function trainingBatch(seed: number, call: number): Samples {
  return drawn(seed, `batch/${call % (16 * BATCHES)}`, BATCH);
}

export function testBatches(seed: number, samples: number): readonly Samples[] {
  return Array.from({ length: TESTED }, (_, i) => drawn(seed, `test/${i}`, samples));
}

const APART = 0.6;

/** Normal numbers about the middle of each sample's class. */
function drawn(seed: number, name: string, samples: number): Samples {
  const middles = stream(seed, 'middles');
  const rng = stream(seed, name);
  const [x, y] = [new Float32Array(samples * PIXELS), new Float32Array(samples * CLASSES)];
  for (let sample = 0; sample < samples; sample++) {
    const label = rng.bits(1_000_000 + sample) % CLASSES;
    y[sample * CLASSES + label] = 1;
    for (let i = 0; i < PIXELS; i++)
      x[sample * PIXELS + i] = APART * middles.normal(label * PIXELS + i) + 0.5 * rng.normal(sample * PIXELS + i);
  }
  return { x, y };
}

/** Share of samples whose largest read is their class. */
export function rightOf(read: ArrayLike<number>, { y }: Samples): number {
  const samples = y.length / CLASSES;
  let right = 0;
  for (let s = 0; s < samples; s++) {
    const best = (values: ArrayLike<number>): number => {
      let at = 0;
      for (let i = 1; i < CLASSES; i++) if ((values[s * CLASSES + i] ?? 0) > (values[s * CLASSES + at] ?? 0)) at = i;
      return at;
    };
    if (best(read) === best(y)) right++;
  }
  return right / samples;
}
